// The settings of kvd: etcd's flags, in Go's syntax, each also as an environment variable, or all
// of them from a configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keelson::server {

// What the flags say; the names are the flags' (server/kvd/flag_table.cc says what each is).
struct KvdFlags {
  using Time = std::chrono::nanoseconds;

  std::string name = "default";
  std::string data_dir;  // "" = NAME.etcd
  std::string wal_dir;   // "" = in the data directory
  std::string listen_client_urls = "http://localhost:2379";
  std::string listen_client_http_urls;
  std::string listen_metrics_urls;
  std::string metrics = "basic";
  std::string listen_peer_urls = "http://localhost:2380";
  std::string advertise_client_urls = "http://localhost:2379";
  std::string initial_advertise_peer_urls = "http://localhost:2380";
  std::string initial_cluster;  // "" = NAME=INITIAL_ADVERTISE_PEER_URLS
  std::string initial_cluster_state = "new";
  std::string initial_cluster_token = "etcd-cluster";
  bool force_new_cluster = false;
  bool strict_reconfig_check = true;
  int64_t max_learners = 1;
  bool auto_promote = false;

  int64_t heartbeat_interval = 100;  // ms
  int64_t election_timeout = 1000;   // ms
  int64_t snapshot_catchup_entries = 5000;

  int64_t quota_backend_bytes = 0;
  int64_t max_txn_ops = 128;
  int64_t max_request_bytes = 1572864;
  int64_t max_concurrent_streams = UINT32_MAX;
  Time grpc_keepalive_min_time = std::chrono::seconds(5);
  Time grpc_keepalive_interval = std::chrono::hours(2);
  Time grpc_keepalive_timeout = std::chrono::seconds(20);

  std::string auto_compaction_mode = "periodic";
  std::string auto_compaction_retention = "0";
  Time watch_progress_notify_interval = std::chrono::minutes(10);
  Time corrupt_check_time = std::chrono::nanoseconds(0);

  bool enable_grpc_gateway = true;
  std::string cors = "*";
  std::string host_whitelist = "*";
  std::string api_version = "3.6.0";  // as kApiVersion

  std::string log_level = "info";
  std::string log_format = "json";
  std::string log_outputs = "default";
  Time warning_apply_duration = std::chrono::milliseconds(100);

  std::string feature_gates;
  std::string config_file;
  bool version = false;
  bool help = false;

  // What to tell once there is a log: variables that nobody reads, flags without effect.
  std::vector<std::string> warnings = {};
};

// Reads a whole file; the error names it.
using ReadFile = std::function<absl::StatusOr<std::string>(const std::string& path)>;
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// Parses argv[1..], and of `environment` ("NAME=VALUE") what begins with ETCD_: --max-txn-ops is
// also ETCD_MAX_TXN_OPS. A flag goes before its variable. With --config-file the file alone counts.
// InvalidArgument for an unknown flag (with the nearest right one) or a bad value;
// FailedPrecondition for flags that can't go together, or ask for what this version lacks;
// OutOfRange for an argument that is no flag; else what `read` says.
absl::StatusOr<KvdFlags> ParseFlags(const std::vector<std::string>& arguments,
                                    const std::vector<std::string>& environment = {},
                                    const ReadFile& read = ReadWholeFile);

// The text of --help.
std::string HelpText();

// Splits "a,b,c".
std::vector<std::string> SplitUrls(const std::string& urls);

// "host:port" of "http://host:port", "unix:PATH" of "unix://PATH"; InvalidArgument names `flag` and
// the URL.
absl::StatusOr<std::string> ListenEndpointOf(const std::string& flag, const std::string& url);

// The same without unix sockets: what other machines reach.
absl::StatusOr<std::string> HostPortOf(const std::string& flag, const std::string& url);

}  // namespace keelson::server
