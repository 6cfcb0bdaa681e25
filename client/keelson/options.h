// How a client reaches its cluster.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/keelson/read.h"

namespace keelson::client {

struct ClientOptions {
  // Client addresses of members, "host:port" or "http://host:port". One is used at a time: the
  // first until it fails, then the next healthy one, and that one until it fails. So the order is
  // a preference: put the nearest member first.
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};

  // The deadline of a call whose CallOptions name none; retries and failover happen within it.
  absl::Duration timeout = absl::Seconds(5);

  // For how long one connection attempt may last, and for how long a call goes on looking for a
  // member that can be reached at all before it gives up (surely without effect).
  absl::Duration dial_timeout = absl::Seconds(2);

  // An open connection with calls on it is pinged after so long a silence, and given up when the
  // ping stays unanswered for `keepalive_timeout`. Servers refuse pings more often than every 5 s.
  absl::Duration keepalive_time = absl::Seconds(6);
  absl::Duration keepalive_timeout = absl::Seconds(3);
};

struct CallOptions {
  // The call's deadline from now; zero takes ClientOptions::timeout. Infinite is allowed.
  absl::Duration timeout = absl::ZeroDuration();

  // Of a read; see there.
  ReadOptions read = {};
};

}  // namespace keelson::client
