#include "server/kvd/snapshot_command.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/kvd/flags.h"
#include "server/kvd/initial_cluster.h"
#include "server/log/logger.h"
#include "server/loop/system_random.h"
#include "server/node/restore.h"
#include "storage/fs/posix_fs.h"
#include "storage/snapshot/archive.h"

namespace keelson::server {
namespace {

constexpr const char* kUsage =
    R"(kvd snapshot status FILE [-o table|json|simple]
    What a snapshot holds, once its checksum was found to fit.

kvd snapshot restore FILE --data-dir DIR [flags]
    Makes the data directory of a member of a new cluster. Run it for each of its members, with the
    same file and the same --initial-cluster, then start them with the same flags.
      --name NAME                         this member's name (default "default")
      --initial-cluster NAME=URL,...      all members (default "default=http://localhost:2380")
      --initial-advertise-peer-urls URL   this member's (default "http://localhost:2380")
      --initial-cluster-token TOKEN       tells clusters with the same URLs apart
                                          (default "etcd-cluster")
      --data-dir DIR                      must be empty or missing (default "NAME.etcd")
      --wal-dir DIR                       for the log (default: in the data directory)
      --skip-hash-check                   for a file that has no checksum at its end
      --bump-revision N                   the revision rises by N, for watchers that saw more
                                          than the snapshot holds; only with --mark-compacted
      --mark-compacted                    all that is restored is compacted; only with
                                          --bump-revision
)";

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kMisused = 2;

struct Flags {
  std::map<std::string, std::string> values;  // names without dashes; "" for one without a value
  std::vector<std::string> files;
};

constexpr std::array<std::string_view, 2> kSwitches = {"skip-hash-check", "mark-compacted"};
// What kvd itself knows by the same name.
constexpr std::array<std::string_view, 6> kMemberFlags = {"name",
                                                          "data-dir",
                                                          "wal-dir",
                                                          "initial-cluster",
                                                          "initial-advertise-peer-urls",
                                                          "initial-cluster-token"};

template <typename Names>
bool Has(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// In Go's syntax: one or two dashes, --flag=value or --flag value.
absl::StatusOr<Flags> Split(const std::vector<std::string>& arguments) {
  Flags flags;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name.size() < 2 || name[0] != '-') {
      flags.files.push_back(std::move(name));
      continue;
    }
    name.erase(0, name[1] == '-' ? 2 : 1);
    const size_t equals = name.find('=');
    if (equals != std::string::npos) {
      flags.values[name.substr(0, equals)] = name.substr(equals + 1);
    } else if (Has(kSwitches, name)) {
      flags.values[name] = "true";
    } else if (i + 1 == arguments.size()) {
      return absl::InvalidArgumentError(absl::StrCat("--", name, " needs a value"));
    } else {
      flags.values[name] = arguments[++i];
    }
  }
  if (flags.files.size() == 1) return flags;
  return absl::InvalidArgumentError("one FILE is expected");
}

int Report(const absl::Status& status) {
  std::fprintf(stderr, "kvd: %s\n", std::string(status.message()).c_str());
  if (!absl::IsInvalidArgument(status)) return kFailed;
  std::fprintf(stderr, "Run kvd snapshot --help for what can be said.\n");
  return kMisused;
}

// One line on a terminal that is written over; nothing elsewhere.
class ProgressLine {
 public:
  ~ProgressLine() {
    if (shown_ >= 0) std::fputc('\n', stderr);
  }
  void Show(const char* what, uint64_t done, uint64_t total) {
    const int percent = total == 0 ? 100 : static_cast<int>(done * 100 / total);
    if (!terminal_ || (what == what_ && percent == shown_)) return;
    if (shown_ >= 0 && what != what_) std::fputc('\n', stderr);
    what_ = what;
    shown_ = percent;
    constexpr int kWidth = 40;
    const std::string bar(static_cast<size_t>(percent * kWidth / 100), '#');
    std::fprintf(stderr, "\r%-9s [%-*s] %3d %%", what, kWidth, bar.c_str(), percent);
    std::fflush(stderr);
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  const char* what_ = nullptr;
  int shown_ = -1;
};

std::string Bytes(uint64_t bytes) {
  double size = static_cast<double>(bytes);
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    const int decimals = size < 10 && bytes >= 1000 ? 1 : 0;
    if (size < 1000) return absl::StrFormat("%.*f %s", decimals, size, unit);
    size /= 1000;
  }
  return absl::StrFormat("%.1f TB", size);
}

void PrintTable(const std::vector<std::pair<std::string, std::string>>& columns) {
  std::string rule = "+";
  std::string names = "|";
  std::string values = "|";
  for (const auto& [name, value] : columns) {
    const size_t width = std::max(name.size(), value.size());
    absl::StrAppend(&rule, std::string(width + 2, '-'), "+");
    absl::StrAppend(&names, " ", name, std::string(width - name.size(), ' '), " |");
    absl::StrAppend(&values, " ", std::string(width - value.size(), ' '), value, " |");
  }
  std::printf("%s\n%s\n%s\n%s\n%s\n", rule.c_str(), names.c_str(), rule.c_str(), values.c_str(),
              rule.c_str());
}

absl::Status PrintFacts(const storage::ArchiveFacts& facts, const std::string& format) {
  const std::string hash = absl::StrFormat("%08x", facts.hash);
  const int64_t revision = facts.manifest.revision;
  if (format == "json") {
    std::printf(
        "{\"hash\":%u,\"revision\":%lld,\"totalKey\":%lld,\"totalSize\":%llu,\"version\":\"%s\"}\n",
        facts.hash, static_cast<long long>(revision), static_cast<long long>(facts.keys),
        static_cast<unsigned long long>(facts.file_bytes), kStorageVersion);
  } else if (format == "simple") {
    std::printf("%s, %lld, %lld, %s, %s\n", hash.c_str(), static_cast<long long>(revision),
                static_cast<long long>(facts.keys), Bytes(facts.file_bytes).c_str(),
                kStorageVersion);
  } else if (format == "table") {
    PrintTable({{"HASH", hash},
                {"REVISION", absl::StrCat(revision)},
                {"TOTAL KEYS", absl::StrCat(facts.keys)},
                {"TOTAL SIZE", Bytes(facts.file_bytes)},
                {"VERSION", kStorageVersion}});
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("-o is table, json or simple, not \"", format, "\""));
  }
  return absl::OkStatus();
}

absl::Status RunStatus(const Flags& flags) {
  std::string format = "table";
  for (const auto& [name, value] : flags.values) {
    if (name != "o" && name != "w" && name != "write-out") {
      return absl::InvalidArgumentError(absl::StrCat("status knows no --", name));
    }
    format = value;
  }
  storage::PosixFileSystem fs;
  const auto archive = storage::ArchiveReader::Open(&fs, flags.files[0]);
  if (!archive.ok()) {
    // A file that is no snapshot is no misuse of the command line.
    return absl::Status(absl::StatusCode::kDataLoss, archive.status().message());
  }
  {
    ProgressLine line;
    const auto verified = (*archive)->Verify(
        [&line](uint64_t done, uint64_t total) { line.Show("checking", done, total); });
    if (!verified.ok()) return verified;
  }
  return PrintFacts((*archive)->facts(), format);
}

absl::Status TakeBump(const std::string& text, bool mark_compacted, int64_t* bump) {
  if (!absl::SimpleAtoi(text, bump) || *bump < 0 || *bump > int64_t{1} << 48) {
    return absl::InvalidArgumentError(
        absl::StrCat("--bump-revision: \"", text, "\" is no number of revisions"));
  }
  if ((*bump > 0) == mark_compacted) return absl::OkStatus();
  return absl::InvalidArgumentError("--bump-revision and --mark-compacted need each other");
}

absl::StatusOr<RestoreOptions> RestoreOptionsOf(const Flags& flags) {
  RestoreOptions options;
  options.archive = flags.files[0];
  std::vector<std::string> for_member;
  std::string bump = "0";
  bool mark_compacted = false;
  for (const auto& [name, value] : flags.values) {
    if (Has(kMemberFlags, name)) {
      for_member.push_back(absl::StrCat("--", name, "=", value));
    } else if (name == "bump-revision") {
      bump = value;
    } else if (Has(kSwitches, name) && (value == "true" || value == "false")) {
      (name == "mark-compacted" ? mark_compacted : options.skip_checksum) = value == "true";
    } else {
      return absl::InvalidArgumentError(absl::StrCat("restore knows no --", name, "=", value));
    }
  }
  if (auto status = TakeBump(bump, mark_compacted, &options.bump_revision); !status.ok())
    return status;
  const auto parsed = ParseFlags(for_member);
  if (!parsed.ok()) return parsed.status();
  auto member = NodeOptionsOf(*parsed);
  if (!member.ok()) return member.status();
  options.member = *std::move(member);
  return options;
}

absl::Status RunRestore(const Flags& flags) {
  auto options = RestoreOptionsOf(flags);
  if (!options.ok()) return options.status();
  storage::PosixFileSystem fs;
  absl::StatusOr<Restored> restored;
  {
    ProgressLine line;
    options->progress = [&line](const char* what, uint64_t done, uint64_t total) {
      line.Show(what, done, total);
    };
    restored = RestoreMember(fs, *options, MakeSystemRandom());
  }
  if (!restored.ok()) {
    // As above: what was named is wrong, not how.
    const bool misused = absl::IsInvalidArgument(restored.status());
    return misused ? absl::DataLossError(restored.status().message()) : restored.status();
  }
  std::printf("restored %lld keys at revision %lld into %s: member %s of cluster %s\n",
              static_cast<long long>(restored->keys), static_cast<long long>(restored->revision),
              options->member.data_dir.c_str(), Hex(restored->member_id).c_str(),
              Hex(restored->cluster_id).c_str());
  return absl::OkStatus();
}

}  // namespace

int RunSnapshotCommand(const std::vector<std::string>& arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  if (verb == "--help" || verb == "-h" || verb == "help") {
    std::fputs(kUsage, stdout);
    return kDone;
  }
  if (verb != "status" && verb != "restore") {
    std::fprintf(stderr, "kvd: snapshot status or snapshot restore, not \"%s\"\n%s", verb.c_str(),
                 kUsage);
    return kMisused;
  }
  const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (std::find(rest.begin(), rest.end(), "--help") != rest.end()) {
    std::fputs(kUsage, stdout);
    return kDone;
  }
  const auto flags = Split(rest);
  if (!flags.ok()) return Report(flags.status());
  const absl::Status status = verb == "status" ? RunStatus(*flags) : RunRestore(*flags);
  return status.ok() ? kDone : Report(status);
}

}  // namespace keelson::server
