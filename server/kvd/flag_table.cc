#include "server/kvd/flag_table.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/view.h"

namespace keelson::server {
namespace {

constexpr std::string_view kExperimental = "experimental-";

constexpr Flag kMember[] = {
    {"name", &KvdFlags::name, "name of this member, unique in the cluster"},
    {"data-dir", &KvdFlags::data_dir, "directory of this member's data (default NAME.etcd)"},
    {"wal-dir", &KvdFlags::wal_dir, "directory of the log, where it is to be on a disk of its own"},
    {"listen-client-urls", &KvdFlags::listen_client_urls,
     "URLs to serve clients on: http://HOST:PORT or unix://PATH"},
    {"listen-client-http-urls", &KvdFlags::listen_client_http_urls,
     "further URLs for clients that speak plain HTTP"},
    {"listen-metrics-urls", &KvdFlags::listen_metrics_urls,
     "URLs that serve only /metrics and the health checks"},
    {"metrics", &KvdFlags::metrics, "basic, or extensive: also how long calls take"},
    {"listen-peer-urls", &KvdFlags::listen_peer_urls, "URLs to serve other members on"},
    {"heartbeat-interval", &KvdFlags::heartbeat_interval, "milliseconds between heartbeats"},
    {"election-timeout", &KvdFlags::election_timeout,
     "milliseconds without a leader before an election"},
    {"snapshot-catchup-entries", &KvdFlags::snapshot_catchup_entries,
     "entries of the log kept for members that lag", true},
    {"config-file", &KvdFlags::config_file,
     "YAML file with flags as keys; other flags and variables are then not read"},
};

constexpr Flag kCluster[] = {
    {"advertise-client-urls", &KvdFlags::advertise_client_urls,
     "client URLs that the cluster tells others"},
    {"initial-advertise-peer-urls", &KvdFlags::initial_advertise_peer_urls,
     "peer URLs that the cluster tells others"},
    {"initial-cluster", &KvdFlags::initial_cluster,
     "all members of a new cluster: NAME=PEER-URL,..."},
    {"initial-cluster-state", &KvdFlags::initial_cluster_state,
     "new, or existing for a member that joins"},
    {"initial-cluster-token", &KvdFlags::initial_cluster_token,
     "tells clusters with the same URLs apart"},
    {"strict-reconfig-check", &KvdFlags::strict_reconfig_check,
     "refuse changes of members that would cost the quorum"},
    {"max-learners", &KvdFlags::max_learners, "most learners at once", true},
    {"auto-promote", &KvdFlags::auto_promote,
     "as leader, make learners voters once they have caught up"},
    {"force-new-cluster", &KvdFlags::force_new_cluster,
     "disaster recovery: keep the data, be the only member"},
};

constexpr Flag kLimits[] = {
    {"quota-backend-bytes", &KvdFlags::quota_backend_bytes,
     "size above which writes are refused (0 = 2 GiB, negative = no limit)"},
    {"max-txn-ops", &KvdFlags::max_txn_ops, "most operations in one transaction"},
    {"max-request-bytes", &KvdFlags::max_request_bytes, "largest request"},
    {"max-concurrent-streams", &KvdFlags::max_concurrent_streams,
     "most calls at once on one connection"},
    {"grpc-keepalive-min-time", &KvdFlags::grpc_keepalive_min_time,
     "clients that ping more often are thrown out"},
    {"grpc-keepalive-interval", &KvdFlags::grpc_keepalive_interval,
     "ping a silent client after this time (0 = never)"},
    {"grpc-keepalive-timeout", &KvdFlags::grpc_keepalive_timeout,
     "close its connection when it stays silent for as long"},
};

constexpr Flag kUpkeep[] = {
    {"auto-compaction-mode", &KvdFlags::auto_compaction_mode,
     "periodic: keep a time of history; revision: keep a number of revisions"},
    {"auto-compaction-retention", &KvdFlags::auto_compaction_retention,
     "how much: 72h, 1000, a bare number under periodic is hours; 0 = no compaction by itself"},
    {"watch-progress-notify-interval", &KvdFlags::watch_progress_notify_interval,
     "how often watchers that ask for it hear that nothing happened", true},
    {"corrupt-check-time", &KvdFlags::corrupt_check_time,
     "how often members compare their data (0 = all the time, at low cost)", true},
};

constexpr Flag kHttp[] = {
    {"enable-grpc-gateway", &KvdFlags::enable_grpc_gateway, "serve the API as JSON, too"},
    {"cors", &KvdFlags::cors, "origins whose web pages may call: * or a list"},
    {"host-whitelist", &KvdFlags::host_whitelist,
     "names under which plain HTTP is answered: * or a list"},
    {"api-version", &KvdFlags::api_version,
     "etcd's version that clients are told, for those that insist on one"},
};

constexpr Flag kLogs[] = {
    {"log-level", &KvdFlags::log_level, "debug, info, warn, error, panic or fatal"},
    {"log-format", &KvdFlags::log_format, "json, or console for people"},
    {"log-outputs", &KvdFlags::log_outputs,
     "default (stderr), stdout, stderr or files, separated by commas"},
    {"warning-apply-duration", &KvdFlags::warning_apply_duration,
     "requests that take longer are told in the log", true},
    {"feature-gates", &KvdFlags::feature_gates, "NAME=true,...: names of etcd's, without effect"},
    {"version", &KvdFlags::version, "print the version and exit"},
    {"help", &KvdFlags::help, "print this help and exit"},
};

constexpr NoEffect kBool{.is_bool = true};
constexpr NoEffect kValue{.is_bool = false};

constexpr Flag kNoEffect[] = {
    {"snapshot-count", kValue, "the store flushes by bytes, not by entries"},
    {"max-snapshots", kValue, "checkpoints are removed by themselves"},
    {"max-wals", kValue, "log segments are recycled by themselves"},
    {"initial-election-tick-advance", kBool, "a member that starts waits as it must"},
    {"pre-vote", kBool, "pre-vote is always on"},
    {"backend-batch-limit", kValue, "batches end with the turn of the loop"},
    {"backend-batch-interval", kValue, "batches end with the turn of the loop"},
    {"backend-bbolt-freelist-type", kValue, "there is no bbolt"},
    {"bootstrap-defrag-threshold-megabytes", kValue, "nothing needs to be defragmented", true},
    {"compaction-batch-limit", kValue, "history is dropped by files", true},
    {"compaction-sleep-interval", kValue, "history is dropped by files", true},
    {"compact-hash-check-time", kValue, "see --corrupt-check-time", true},
    {"downgrade-check-time", kValue, "there are no downgrades", true},
    {"warning-unary-request-duration", kValue, "see --warning-apply-duration", true},
    {"raft-read-timeout", kValue, "broken connections are noticed by heartbeats"},
    {"raft-write-timeout", kValue, "broken connections are noticed by heartbeats"},
    {"memory-mlock", kBool, "memory stays small by itself", true},
    {"unsafe-no-fsync", kBool, "every write is on the disk before it is acknowledged"},
    {"socket-reuse-port", kBool, "one process has the port"},
    {"socket-reuse-address", kBool, "always on"},
    {"enable-pprof", kBool, "use perf; the binary has frame pointers"},
    {"logger", kValue, "one kind of log only"},
    {"debug", kBool, "use --log-level=debug"},
    {"log-package-levels", kValue, "use --log-level"},
    {"enable-log-rotation", kBool, "use logrotate with copytruncate"},
    {"log-rotation-config-json", kValue, "use logrotate with copytruncate"},
    {"enable-distributed-tracing", kBool, "slow requests are logged with their stages", true},
    {"distributed-tracing-address", kValue, "slow requests are logged with their stages", true},
    {"distributed-tracing-service-name", kValue, "see --enable-distributed-tracing", true},
    {"distributed-tracing-instance-id", kValue, "see --enable-distributed-tracing", true},
    {"distributed-tracing-sampling-rate", kValue, "see --enable-distributed-tracing", true},
    {"self-signed-cert-validity", kValue, "there is no TLS yet"},
    {"cipher-suites", kValue, "there is no TLS yet"},
    {"tls-min-version", kValue, "there is no TLS yet"},
    {"tls-max-version", kValue, "there is no TLS yet"},
    {"auth-token-ttl", kValue, "there is no authentication yet"},
    {"bcrypt-cost", kValue, "there is no authentication yet"},
    {"v2-deprecation", kValue, "there is no v2 store"},
    {"enable-v2", kBool, "the v2 API is not served"},
    {"experimental-enable-v2v3", kValue, "the v2 API is not served"},
    {"experimental-initial-corrupt-check", kBool, "every read of the disk is checked"},
    {"experimental-compact-hash-check-enabled", kBool, "see --corrupt-check-time"},
    {"experimental-enable-lease-checkpoint", kBool, "always on"},
    {"experimental-enable-lease-checkpoint-persist", kBool, "always on"},
    {"experimental-stop-grpc-service-on-defrag", kBool, "defragmenting stops nothing"},
    {"experimental-txn-mode-write-with-shared-buffer", kBool, "there is no such buffer"},
    {"proxy", kValue, "there is no proxy mode"},
    {"proxy-failure-wait", kValue, "there is no proxy mode"},
    {"proxy-refresh-interval", kValue, "there is no proxy mode"},
    {"proxy-dial-timeout", kValue, "there is no proxy mode"},
    {"proxy-write-timeout", kValue, "there is no proxy mode"},
    {"proxy-read-timeout", kValue, "there is no proxy mode"},
    {"discovery-fallback", kValue, "there is no discovery"},
    {"discovery-proxy", kValue, "there is no discovery"},
    {"discovery-dial-timeout", kValue, "there is no discovery"},
    {"discovery-request-timeout", kValue, "there is no discovery"},
    {"discovery-keepalive-time", kValue, "there is no discovery"},
    {"discovery-keepalive-timeout", kValue, "there is no discovery"},
    {"discovery-insecure-transport", kBool, "there is no discovery"},
};

constexpr Refused kBoolRefused{.is_bool = true};
constexpr Refused kValueRefused{.is_bool = false};
constexpr std::string_view kNoTls = "this version has no TLS";
constexpr std::string_view kNoAuth = "this version has no authentication by tokens of that kind";
constexpr std::string_view kNoDiscovery = "list the members by --initial-cluster";

constexpr Flag kRefused[] = {
    {"cert-file", kValueRefused, kNoTls},
    {"key-file", kValueRefused, kNoTls},
    {"client-cert-file", kValueRefused, kNoTls},
    {"client-key-file", kValueRefused, kNoTls},
    {"client-cert-auth", kBoolRefused, kNoTls},
    {"client-crl-file", kValueRefused, kNoTls},
    {"client-cert-allowed-hostname", kValueRefused, kNoTls},
    {"trusted-ca-file", kValueRefused, kNoTls},
    {"ca-file", kValueRefused, kNoTls},
    {"auto-tls", kBoolRefused, kNoTls},
    {"peer-cert-file", kValueRefused, kNoTls},
    {"peer-key-file", kValueRefused, kNoTls},
    {"peer-client-cert-file", kValueRefused, kNoTls},
    {"peer-client-key-file", kValueRefused, kNoTls},
    {"peer-client-cert-auth", kBoolRefused, kNoTls},
    {"peer-crl-file", kValueRefused, kNoTls},
    {"peer-trusted-ca-file", kValueRefused, kNoTls},
    {"peer-ca-file", kValueRefused, kNoTls},
    {"peer-auto-tls", kBoolRefused, kNoTls},
    {"peer-cert-allowed-cn", kValueRefused, kNoTls},
    {"peer-cert-allowed-hostname", kValueRefused, kNoTls},
    {"peer-skip-client-san-verification", kBoolRefused, kNoTls, true},
    {"auth-token", kValueRefused, kNoAuth},
    {"discovery", kValueRefused, kNoDiscovery},
    {"discovery-token", kValueRefused, kNoDiscovery},
    {"discovery-endpoints", kValueRefused, kNoDiscovery},
    {"discovery-srv", kValueRefused, kNoDiscovery},
    {"discovery-srv-name", kValueRefused, kNoDiscovery},
    {"discovery-cert", kValueRefused, kNoDiscovery},
    {"discovery-key", kValueRefused, kNoDiscovery},
    {"discovery-cacert", kValueRefused, kNoDiscovery},
    {"discovery-user", kValueRefused, kNoDiscovery},
    {"discovery-password", kValueRefused, kNoDiscovery},
};

constexpr FlagSection kSections[] = {
    {"Member", kMember},
    {"Cluster", kCluster},
    {"Limits", kLimits},
    {"Upkeep", kUpkeep},
    {"HTTP", kHttp},
    {"Logs and others", kLogs},
    {"Taken, so that what starts etcd starts kvd, and without effect", kNoEffect},
    {"Refused when given, since their user counts on them", kRefused},
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

// Go's spellings of a bool.
bool ParseBool(std::string_view value, bool* result) {
  constexpr std::string_view kTrue[] = {"true", "1", "t", "T", "TRUE", "True"};
  constexpr std::string_view kFalse[] = {"false", "0", "f", "F", "FALSE", "False"};
  const auto in = [value](const auto& names) {
    return std::find(std::begin(names), std::end(names), value) != std::end(names);
  };
  *result = in(kTrue);
  return *result || in(kFalse);
}

// Gives each kind of target its value; Assign's visitor.
struct Assigner {
  const Flag& flag;
  std::string_view value;
  KvdFlags* flags;

  absl::Status operator()(std::string KvdFlags::*target) const {
    flags->*target = std::string(value);
    return absl::OkStatus();
  }
  absl::Status operator()(int64_t KvdFlags::*target) const {
    if (absl::SimpleAtoi(ToAbsl(value), &(flags->*target))) return absl::OkStatus();
    return BadValue(flag.name, value, "a whole number");
  }
  absl::Status operator()(bool KvdFlags::*target) const {
    if (ParseBool(value, &(flags->*target))) return absl::OkStatus();
    return BadValue(flag.name, value, "true or false");
  }
  absl::Status operator()(KvdFlags::Time KvdFlags::*target) const {
    absl::Duration parsed;
    if (!absl::ParseDuration(ToAbsl(value), &parsed) || parsed < absl::ZeroDuration() ||
        parsed == absl::InfiniteDuration()) {
      return BadValue(flag.name, value, "a time such as 300ms, 5s or 1h30m");
    }
    flags->*target = absl::ToChronoNanoseconds(parsed);
    return absl::OkStatus();
  }
  absl::Status operator()(NoEffect kind) const {
    bool parsed = true;
    if (kind.is_bool && !ParseBool(value, &parsed)) {
      return BadValue(flag.name, value, "true or false");
    }
    if (!value.empty() && parsed) {
      flags->warnings.push_back(
          absl::StrCat("--", ToAbsl(flag.name), " has no effect here: ", ToAbsl(flag.help)));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(Refused kind) const {
    bool on = !value.empty();
    if (kind.is_bool && !ParseBool(value, &on)) {
      return BadValue(flag.name, value, "true or false");
    }
    if (!on || (flag.name == "auth-token" && value == "simple")) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("--", ToAbsl(flag.name), " can't be honoured: ", ToAbsl(flag.help)));
  }
};

}  // namespace

std::span<const FlagSection> FlagSections() { return kSections; }

const Flag* FindFlag(std::string_view name) {
  const bool older = name.substr(0, kExperimental.size()) == kExperimental;
  const Flag* renamed = nullptr;
  for (const FlagSection& section : kSections) {
    for (const Flag& flag : section.flags) {
      if (flag.name == name) return &flag;
      if (older && flag.was_experimental && flag.name == name.substr(kExperimental.size())) {
        renamed = &flag;
      }
    }
  }
  return renamed;
}

bool IsBool(const Flag& flag) {
  if (const auto* ignored = std::get_if<NoEffect>(&flag.target)) return ignored->is_bool;
  if (const auto* refused = std::get_if<Refused>(&flag.target)) return refused->is_bool;
  return std::holds_alternative<bool KvdFlags::*>(flag.target);
}

std::string_view NearestFlag(std::string_view name) {
  std::string_view nearest;
  for (const FlagSection& section : kSections) {
    for (const Flag& flag : section.flags) {
      if (nearest.empty() || EditDistance(name, flag.name) < EditDistance(name, nearest)) {
        nearest = flag.name;
      }
    }
  }
  return nearest;
}

absl::Status Assign(const Flag& flag, std::string_view value, KvdFlags* flags) {
  return std::visit(Assigner{flag, value, flags}, flag.target);
}

absl::Status BadValue(std::string_view name, std::string_view value, std::string_view wanted) {
  return absl::InvalidArgumentError(absl::StrCat("invalid value \"", ToAbsl(value),
                                                 "\" for flag --", ToAbsl(name), ": want ",
                                                 ToAbsl(wanted)));
}

std::string DefaultText(const Flag& flag) {
  const KvdFlags defaults;
  if (const auto* text = std::get_if<std::string KvdFlags::*>(&flag.target)) {
    return defaults.*(*text);
  }
  if (const auto* number = std::get_if<int64_t KvdFlags::*>(&flag.target)) {
    return absl::StrCat(defaults.*(*number));
  }
  if (const auto* time = std::get_if<KvdFlags::Time KvdFlags::*>(&flag.target)) {
    return absl::FormatDuration(absl::FromChrono(defaults.*(*time)));
  }
  if (const auto* on = std::get_if<bool KvdFlags::*>(&flag.target)) {
    return defaults.*(*on) ? "true" : "";
  }
  return "";
}

}  // namespace keelson::server
