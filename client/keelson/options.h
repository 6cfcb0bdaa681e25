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
  // member that can be reached, asking each at least once, before it gives up (without effect).
  absl::Duration dial_timeout = absl::Seconds(2);

  // An open connection with calls on it is pinged after so long a silence, and given up when the
  // ping stays unanswered for `keepalive_timeout`. Servers refuse pings more often than every 5 s.
  absl::Duration keepalive_time = absl::Seconds(6);
  absl::Duration keepalive_timeout = absl::Seconds(3);

  // Names every write, so that a Keelson cluster applies it once however often it is sent: then a
  // write without an answer is sent again, by the same name, until the deadline, and ends unknown
  // only where nobody answered at all. Where the cluster takes no notice of names (etcd, or a
  // Keelson cluster not all of whose members know them) nothing is sent a second time.
  bool exactly_once = true;

  // How often the cluster is asked who its members are, and again soon after one has failed: their
  // client URLs become the endpoints, learners' left out, `endpoints` last. Zero: never. The
  // members must advertise URLs that this client can reach.
  absl::Duration sync_interval = absl::ZeroDuration();

  // Which member is asked first, of those that answer and know a leader. Watches and keepers that
  // run stay where they are.
  enum class Preference {
    kFirst,     // by the order of the endpoints
    kNearest,   // the one that answers fastest
    kFreshest,  // the one whose state is not far behind: a faster one that lags is left
  };
  Preference preference = Preference::kFirst;
  // How often it is looked at what kNearest and kFreshest go by.
  absl::Duration probe_interval = absl::Seconds(10);
};

struct CallOptions {
  // The call's deadline from now; zero takes ClientOptions::timeout. Infinite is allowed.
  absl::Duration timeout = absl::ZeroDuration();

  // Of a read; see there.
  ReadOptions read = {};
};

}  // namespace keelson::client
