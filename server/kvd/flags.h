// The command line of kvd: etcd's flags, in Go's syntax, each also as an environment variable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keelson::server {

struct KvdFlags {
  std::string name = "default";
  std::string data_dir;  // "" = NAME.etcd
  std::string listen_client_urls = "http://localhost:2379";
  std::string advertise_client_urls = "http://localhost:2379";
  std::string listen_peer_urls = "http://localhost:2380";
  std::string initial_advertise_peer_urls = "http://localhost:2380";
  std::string initial_cluster;  // "" = NAME=INITIAL_ADVERTISE_PEER_URLS
  std::string initial_cluster_state = "new";
  std::string initial_cluster_token = "etcd-cluster";
  int64_t quota_backend_bytes = 0;
  int64_t heartbeat_interval = 100;
  int64_t election_timeout = 1000;
  int64_t max_txn_ops = 128;
  int64_t max_request_bytes = 1572864;
  std::string log_level = "info";
  bool version = false;
  bool help = false;

  // What to tell once there is a log: variables that nobody reads.
  std::vector<std::string> warnings = {};
};

// Parses argv[1..], and of `environment` ("NAME=VALUE") what begins with ETCD_: --max-txn-ops is
// also ETCD_MAX_TXN_OPS. A flag goes before its variable. InvalidArgument for an unknown flag (with
// the nearest right one) or a bad value; FailedPrecondition for flags that can't go together;
// OutOfRange for an argument that is no flag.
absl::StatusOr<KvdFlags> ParseFlags(const std::vector<std::string>& arguments,
                                    const std::vector<std::string>& environment = {});

// The text of --help.
std::string HelpText();

// Splits "a,b,c".
std::vector<std::string> SplitUrls(const std::string& urls);

// "host:port" of "http://host:port"; InvalidArgument names `flag` and the URL.
absl::StatusOr<std::string> HostPortOf(const std::string& flag, const std::string& url);

}  // namespace keelson::server
