#include "server/kvd/flags.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/view.h"
#include "server/api/utf8.h"
#include "server/kvd/flag_sources.h"
#include "server/kvd/flag_table.h"
#include "server/log/logger.h"
#include "storage/fs/posix_fs.h"

namespace keelson::server {
namespace {

absl::Status CheckChoice(std::string_view flag, std::string_view value, std::string_view a,
                         std::string_view b) {
  if (value == a || value == b) return absl::OkStatus();
  return BadValue(flag, value, absl::StrCat(ToAbsl(a), " or ", ToAbsl(b)));
}

absl::Status CheckTimes(const KvdFlags& flags) {
  if (flags.heartbeat_interval <= 0 || flags.election_timeout <= 0) {
    return absl::FailedPreconditionError(
        "--heartbeat-interval and --election-timeout must be positive");
  }
  if (flags.election_timeout < 5 * flags.heartbeat_interval) {
    return absl::FailedPreconditionError(
        absl::StrCat("--election-timeout[", flags.election_timeout,
                     "ms] should be at least as 5 times as --heartbeat-interval[",
                     flags.heartbeat_interval, "ms]"));
  }
  if (flags.election_timeout > 50000) {
    return absl::FailedPreconditionError(
        absl::StrCat("--election-timeout[", flags.election_timeout,
                     "ms] is too long, and should be set less than 50000ms"));
  }
  return absl::OkStatus();
}

absl::Status CheckLimits(const KvdFlags& flags) {
  const auto positive = [](const char* name, int64_t value) {
    if (value > 0) return absl::OkStatus();
    return BadValue(name, absl::StrCat(value), "a number above 0");
  };
  if (auto s = positive("max-txn-ops", flags.max_txn_ops); !s.ok()) return s;
  if (auto s = positive("max-request-bytes", flags.max_request_bytes); !s.ok()) return s;
  // Lengths of messages are numbers of 31 bits to protobuf.
  constexpr int64_t kLargestRequest = 512 << 20;
  if (flags.max_request_bytes > kLargestRequest) {
    return BadValue("max-request-bytes", absl::StrCat(flags.max_request_bytes),
                    absl::StrCat("at most ", kLargestRequest));
  }
  if (auto s = positive("max-concurrent-streams", flags.max_concurrent_streams); !s.ok()) return s;
  if (auto s = positive("max-learners", flags.max_learners); !s.ok()) return s;
  if (flags.snapshot_catchup_entries < 0) {
    return BadValue("snapshot-catchup-entries", absl::StrCat(flags.snapshot_catchup_entries),
                    "0 or more");
  }
  constexpr auto kShortest = std::chrono::milliseconds(100);
  const auto notify = flags.watch_progress_notify_interval;
  if (notify.count() != 0 && notify < kShortest) {
    return BadValue("watch-progress-notify-interval", absl::StrCat(notify.count(), "ns"),
                    "at least 100ms");
  }
  return absl::OkStatus();
}

absl::Status CheckFeatureGates(const std::string& text) {
  for (const std::string& part : SplitUrls(text)) {
    const std::vector<std::string> pair = absl::StrSplit(part, absl::MaxSplits('=', 1));
    bool on = false;
    if (pair.size() != 2 || pair[0].empty() || !absl::SimpleAtob(pair[1], &on)) {
      return BadValue("feature-gates", text, "NAME=true or NAME=false, separated by commas");
    }
  }
  return absl::OkStatus();
}

// These stand in the log that all members share, where a string that is none could not be read.
absl::Status CheckShared(const KvdFlags& flags) {
  const std::pair<const char*, const std::string&> shared[] = {
      {"name", flags.name},
      {"initial-cluster", flags.initial_cluster},
      {"advertise-client-urls", flags.advertise_client_urls},
      {"initial-advertise-peer-urls", flags.initial_advertise_peer_urls}};
  for (const auto& [name, text] : shared) {
    if (!IsUtf8(text)) return BadValue(name, absl::CHexEscape(text), "UTF-8");
  }
  return absl::OkStatus();
}

absl::Status CheckLogLevel(const std::string& text) {
  LogLevel level;
  if (ParseLogLevel(text, &level)) return absl::OkStatus();
  return BadValue("log-level", text, "debug, info, warn, error, panic or fatal");
}

absl::Status CheckApiVersion(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  bool numbers = parts.size() == 3;
  for (const std::string& part : parts) {
    uint32_t number = 0;
    numbers = numbers && absl::SimpleAtoi(part, &number) && absl::StrCat(number) == part;
  }
  return numbers ? absl::OkStatus() : BadValue("api-version", text, "three numbers, as in 3.5.21");
}

absl::Status CheckTogether(const KvdFlags& flags, const GivenFlags& given) {
  if (given.contains("listen-client-urls") && !given.contains("advertise-client-urls")) {
    return absl::FailedPreconditionError(
        "--advertise-client-urls is required when --listen-client-urls is set explicitly");
  }
  for (const auto& status :
       {CheckChoice("initial-cluster-state", flags.initial_cluster_state, "new", "existing"),
        CheckChoice("auto-compaction-mode", flags.auto_compaction_mode, "periodic", "revision"),
        CheckChoice("log-format", flags.log_format, "json", "console"),
        CheckChoice("metrics", flags.metrics, "basic", "extensive"), CheckTimes(flags),
        CheckLimits(flags), CheckFeatureGates(flags.feature_gates), CheckLogLevel(flags.log_level),
        CheckApiVersion(flags.api_version), CheckShared(flags)}) {
    if (!status.ok()) return status;
  }
  if (flags.force_new_cluster && flags.initial_cluster_state == "existing") {
    return absl::FailedPreconditionError(
        "--force-new-cluster makes this member a cluster of its own; it can't join one at the "
        "same time (--initial-cluster-state=existing)");
  }
  return absl::OkStatus();
}

void FillIn(KvdFlags* flags) {
  if (flags->data_dir.empty()) flags->data_dir = flags->name + ".etcd";
  // A member without URLs would serve nobody: an empty list is none given.
  const KvdFlags none;
  for (const auto urls :
       {&KvdFlags::listen_client_urls, &KvdFlags::listen_peer_urls,
        &KvdFlags::advertise_client_urls, &KvdFlags::initial_advertise_peer_urls}) {
    if (SplitUrls(flags->*urls).empty()) flags->*urls = none.*urls;
  }
  if (!flags->initial_cluster.empty()) return;
  for (const std::string& url : SplitUrls(flags->initial_advertise_peer_urls)) {
    absl::StrAppend(&flags->initial_cluster, flags->initial_cluster.empty() ? "" : ",", flags->name,
                    "=", url);
  }
}

std::string SectionText(const FlagSection& section) {
  std::string text = absl::StrCat(ToAbsl(section.title), ":\n");
  for (const Flag& flag : section.flags) {
    const std::string shown = DefaultText(flag);
    absl::StrAppendFormat(&text, "  --%-30s %s%s\n", std::string(flag.name), std::string(flag.help),
                          shown.empty() ? "" : absl::StrCat(" (default ", shown, ")"));
  }
  return text + "\n";
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  storage::PosixFileSystem fs;
  auto file = fs.Open(path, storage::OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::string text(*size, '\0');
  const auto read = (*file)->ReadAt(0, text.size(), text.data());
  if (!read.ok()) return read.status();
  text.resize(*read);
  return text;
}

absl::StatusOr<KvdFlags> ParseFlags(const std::vector<std::string>& arguments,
                                    const std::vector<std::string>& environment,
                                    const ReadFile& read) {
  KvdFlags flags;
  GivenFlags given;
  if (auto status = TakeArguments(arguments, &flags, &given); !status.ok()) return status;
  if (flags.help || flags.version) return flags;
  if (auto status = TakeEnvironment(environment, &flags, &given); !status.ok()) return status;
  if (const std::string path = flags.config_file; !path.empty()) {
    const auto text = read(path);
    if (!text.ok()) {
      return absl::Status(text.status().code(),
                          absl::StrCat("--config-file: ", text.status().message()));
    }
    std::vector<std::string> warnings;
    for (const std::string_view name : given) {
      if (name == "config-file") continue;
      warnings.push_back(
          absl::StrCat("--", ToAbsl(name), " is not used: ", path, " goes before it"));
    }
    flags = KvdFlags();
    flags.warnings = std::move(warnings);
    given.clear();
    if (auto status = TakeConfigFile(path, *text, &flags, &given); !status.ok()) return status;
  }
  if (auto status = CheckTogether(flags, given); !status.ok()) return status;
  FillIn(&flags);
  return flags;
}

std::string HelpText() {
  std::string text =
      "usage: kvd [--FLAG=VALUE ...]\n"
      "       kvd snapshot status|restore FILE ...   what a backup holds, and a member made of "
      "it:\n"
      "                                              kvd snapshot --help\n\n"
      "One member of a Keelson cluster: a strongly consistent key-value store that speaks etcd's\n"
      "v3 API. Without a flag: a cluster of one on localhost:2379. Each flag is also read from "
      "the\n"
      "environment, as ETCD_NAME_OF_FLAG; the command line goes before it.\n\n";
  for (const FlagSection& section : FlagSections()) text += SectionText(section);
  text +=
      "example, the first of three members on one machine:\n"
      "  kvd --name m1 --data-dir m1.data \\\n"
      "    --listen-client-urls http://127.0.0.1:2379 \\\n"
      "    --advertise-client-urls http://127.0.0.1:2379 \\\n"
      "    --listen-peer-urls http://127.0.0.1:2380 \\\n"
      "    --initial-advertise-peer-urls http://127.0.0.1:2380 \\\n"
      "    --initial-cluster m1=http://127.0.0.1:2380,m2=http://127.0.0.1:22380,"
      "m3=http://127.0.0.1:32380\n";
  return text;
}

std::vector<std::string> SplitUrls(const std::string& urls) {
  std::vector<std::string> split;
  for (absl::string_view url : absl::StrSplit(urls, ',')) {
    url = absl::StripAsciiWhitespace(url);
    if (!url.empty()) split.emplace_back(url);
  }
  return split;
}

absl::StatusOr<std::string> ListenEndpointOf(const std::string& flag, const std::string& url) {
  constexpr std::string_view kUnix = "unix://";
  if (url.compare(0, kUnix.size(), kUnix) != 0) return HostPortOf(flag, url);
  const std::string path = url.substr(kUnix.size());
  // sun_path holds 108 bytes with its end.
  if (path.empty() || path.size() > 107) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", flag, ": URL \"", url, "\" must have a path of 1 to 107 bytes behind unix://"));
  }
  return absl::StrCat("unix:", path);
}

absl::StatusOr<std::string> HostPortOf(const std::string& flag, const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto bad = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": URL \"", url, "\" ", why));
  };
  if (absl::StartsWith(url, "https://") || absl::StartsWith(url, "unixs://")) {
    return bad("asks for TLS, which this version lacks");
  }
  if (url.compare(0, kScheme.size(), kScheme) != 0) return bad("must begin with http://");
  std::string host_port = url.substr(kScheme.size());
  if (!host_port.empty() && host_port.back() == '/') host_port.pop_back();
  if (host_port.find('/') != std::string::npos) return bad("must not have a path");
  const size_t colon = host_port.rfind(':');
  int port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(host_port.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return bad("must end in :PORT");
  }
  return host_port;
}

}  // namespace keelson::server
