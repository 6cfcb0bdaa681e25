#include "server/kvd/flags.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <string_view>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/view.h"

namespace keelson::server {
namespace {

// Where a flag's value goes, and what --help says of it.
struct Flag {
  std::string_view name;
  std::variant<std::string KvdFlags::*, int64_t KvdFlags::*, bool KvdFlags::*> target;
  std::string_view help;
};

const Flag kFlags[] = {
    {"name", &KvdFlags::name, "name of this member, unique in the cluster"},
    {"data-dir", &KvdFlags::data_dir, "directory of this member's data (default NAME.etcd)"},
    {"listen-client-urls", &KvdFlags::listen_client_urls, "URLs to serve clients on"},
    {"advertise-client-urls", &KvdFlags::advertise_client_urls,
     "client URLs that the cluster tells others"},
    {"listen-peer-urls", &KvdFlags::listen_peer_urls, "URLs to serve other members on"},
    {"initial-advertise-peer-urls", &KvdFlags::initial_advertise_peer_urls,
     "peer URLs that the cluster tells others"},
    {"initial-cluster", &KvdFlags::initial_cluster,
     "all members of a new cluster: NAME=PEER-URL,..."},
    {"initial-cluster-state", &KvdFlags::initial_cluster_state,
     "new, or existing for a member that joins"},
    {"initial-cluster-token", &KvdFlags::initial_cluster_token,
     "tells clusters with the same URLs apart"},
    {"quota-backend-bytes", &KvdFlags::quota_backend_bytes,
     "size above which writes are refused (0 = 2 GiB, negative = no limit)"},
    {"heartbeat-interval", &KvdFlags::heartbeat_interval, "milliseconds between heartbeats"},
    {"election-timeout", &KvdFlags::election_timeout,
     "milliseconds without a leader before an election"},
    {"max-txn-ops", &KvdFlags::max_txn_ops, "most operations in one transaction"},
    {"max-request-bytes", &KvdFlags::max_request_bytes, "largest request"},
    {"log-level", &KvdFlags::log_level, "debug, info, warn, error, panic or fatal"},
    {"version", &KvdFlags::version, "print the version and exit"},
    {"help", &KvdFlags::help, "print this help and exit"},
};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = up;
    }
  }
  return row[b.size()];
}

absl::Status UnknownFlag(std::string_view name) {
  const auto nearest =
      std::min_element(std::begin(kFlags), std::end(kFlags), [name](const Flag& a, const Flag& b) {
        return EditDistance(name, a.name) < EditDistance(name, b.name);
      });
  return absl::InvalidArgumentError(absl::StrCat("flag provided but not defined: --", ToAbsl(name),
                                                 " (did you mean --", ToAbsl(nearest->name), "?)"));
}

absl::Status BadValue(std::string_view name, std::string_view value, std::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat("invalid value \"", ToAbsl(value),
                                                 "\" for flag --", ToAbsl(name), ": want ",
                                                 ToAbsl(wanted)));
}

absl::Status Assign(const Flag& flag, std::string_view value, KvdFlags* flags) {
  if (const auto* text = std::get_if<std::string KvdFlags::*>(&flag.target)) {
    flags->*(*text) = std::string(value);
  } else if (const auto* number = std::get_if<int64_t KvdFlags::*>(&flag.target)) {
    if (!absl::SimpleAtoi(ToAbsl(value), &(flags->*(*number)))) {
      return BadValue(flag.name, value, "a whole number");
    }
  } else {
    if (value != "true" && value != "false") return BadValue(flag.name, value, "true or false");
    flags->*std::get<bool KvdFlags::*>(flag.target) = value == "true";
  }
  return absl::OkStatus();
}

const Flag* FindFlag(std::string_view name) {
  const auto* flag = std::find_if(std::begin(kFlags), std::end(kFlags),
                                  [name](const Flag& f) { return f.name == name; });
  return flag == std::end(kFlags) ? nullptr : flag;
}

// Adds the names of the flags that were given to `given`.
absl::Status TakeArguments(const std::vector<std::string>& arguments, KvdFlags* flags,
                           std::set<std::string_view>* given) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-') {
      return absl::OutOfRangeError(
          absl::StrCat("'", arguments[i], "' is not a valid flag; kvd takes flags only"));
    }
    argument.remove_prefix(argument.substr(0, 2) == "--" ? 2 : 1);
    const size_t equals = argument.find('=');
    std::string_view name = argument.substr(0, equals);
    if (name == "h") name = "help";
    const Flag* flag = FindFlag(name);
    if (flag == nullptr) return UnknownFlag(name);
    std::string_view value = "true";
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (!std::holds_alternative<bool KvdFlags::*>(flag->target)) {
      if (++i == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("flag needs an argument: --", ToAbsl(name)));
      }
      value = arguments[i];
    }
    if (auto status = Assign(*flag, value, flags); !status.ok()) return status;
    given->insert(flag->name);
  }
  return absl::OkStatus();
}

// "ETCD_MAX_TXN_OPS" for "max-txn-ops".
std::string VariableOf(std::string_view flag) {
  std::string name = absl::StrCat("ETCD_", absl::AsciiStrToUpper(ToAbsl(flag)));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

absl::Status TakeEnvironment(const std::vector<std::string>& environment, KvdFlags* flags,
                             std::set<std::string_view>* given) {
  for (const std::string& pair : environment) {
    if (!absl::StartsWith(pair, "ETCD_")) continue;
    const std::string name = pair.substr(0, pair.find('='));
    const std::string value = pair.substr(std::min(name.size() + 1, pair.size()));
    const auto* flag = std::find_if(std::begin(kFlags), std::end(kFlags),
                                    [&name](const Flag& f) { return VariableOf(f.name) == name; });
    const bool setting =
        flag != std::end(kFlags) && flag->name != "version" && flag->name != "help";
    if (!setting) {
      flags->warnings.push_back(absl::StrCat("unrecognized environment variable: ", name));
    } else if (given->contains(flag->name)) {
      flags->warnings.push_back(absl::StrCat("environment variable ", name, " is not used: --",
                                             ToAbsl(flag->name), " goes before it"));
    } else if (!value.empty()) {
      if (auto status = Assign(*flag, value, flags); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
      }
      given->insert(flag->name);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTogether(const KvdFlags& flags, bool listen_set, bool advertise_set) {
  if (listen_set && !advertise_set) {
    return absl::FailedPreconditionError(
        "--advertise-client-urls is required when --listen-client-urls is set explicitly");
  }
  if (flags.initial_cluster_state != "new" && flags.initial_cluster_state != "existing") {
    return BadValue("initial-cluster-state", flags.initial_cluster_state, "new or existing");
  }
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

}  // namespace

absl::StatusOr<KvdFlags> ParseFlags(const std::vector<std::string>& arguments,
                                    const std::vector<std::string>& environment) {
  KvdFlags flags;
  std::set<std::string_view> given;
  if (auto status = TakeArguments(arguments, &flags, &given); !status.ok()) return status;
  if (flags.help || flags.version) return flags;
  if (auto status = TakeEnvironment(environment, &flags, &given); !status.ok()) return status;
  const bool listen_set = given.contains("listen-client-urls");
  const bool advertise_set = given.contains("advertise-client-urls");
  if (auto status = CheckTogether(flags, listen_set, advertise_set); !status.ok()) return status;
  if (flags.data_dir.empty()) flags.data_dir = flags.name + ".etcd";
  if (flags.initial_cluster.empty()) {
    for (const std::string& url : SplitUrls(flags.initial_advertise_peer_urls)) {
      absl::StrAppend(&flags.initial_cluster, flags.initial_cluster.empty() ? "" : ",", flags.name,
                      "=", url);
    }
  }
  return flags;
}

std::string HelpText() {
  const KvdFlags defaults;
  std::string text =
      "usage: kvd [--FLAG=VALUE ...]\n\n"
      "One member of a Keelson cluster: a strongly consistent key-value store that speaks etcd's\n"
      "v3 API. Without a flag: a cluster of one on localhost:2379. Each flag is also read from "
      "the\n"
      "environment, as ETCD_NAME_OF_FLAG; the command line goes before it.\n\n";
  for (const Flag& flag : kFlags) {
    std::string shown;
    if (const auto* s = std::get_if<std::string KvdFlags::*>(&flag.target)) shown = defaults.*(*s);
    if (const auto* n = std::get_if<int64_t KvdFlags::*>(&flag.target)) {
      shown = absl::StrCat(defaults.*(*n));
    }
    absl::StrAppendFormat(&text, "  --%-28s %s%s\n", std::string(flag.name), std::string(flag.help),
                          shown.empty() ? "" : absl::StrCat(" (default ", shown, ")"));
  }
  text +=
      "\nexample, the first of three members on one machine:\n"
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
  return absl::StrSplit(urls, ',', absl::SkipEmpty());
}

absl::StatusOr<std::string> HostPortOf(const std::string& flag, const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto bad = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": URL \"", url, "\" ", why));
  };
  if (url.compare(0, 8, "https://") == 0) return bad("asks for TLS, which this version lacks");
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
