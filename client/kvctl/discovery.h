// Endpoints by DNS: the SRV records that etcd's clients look for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::kvctl {

struct SrvQuery {
  std::string domain = {};
  std::string service_name = {};  // "NAME" makes _etcd-client-NAME._tcp; empty: _etcd-client._tcp
  std::string server = {};        // "IPV4" or "IPV4:PORT"; empty: those of /etc/resolv.conf
  absl::Duration timeout = absl::Seconds(2);
};

// "host:port" of each record: the lowest priority first, within one the highest weight, so that
// every client has the same order. NotFound if there is no record, Unavailable if no server
// answered, InvalidArgument for a bad query.
absl::StatusOr<std::vector<std::string>> DiscoverEndpoints(const SrvQuery& query);

}  // namespace keelson::kvctl
