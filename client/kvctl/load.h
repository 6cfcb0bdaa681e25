// A load of puts at a steady rate, and how it went.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/keelson/client.h"
#include "client/kvctl/stop.h"

namespace keelson::kvctl {

struct LoadPlan {
  int clients = 1;   // puts at a time, at most
  int64_t rate = 1;  // puts a second
  absl::Duration duration = absl::Seconds(60);
  size_t value_bytes = 1024;
  std::string prefix;  // of the keys; each is put once
};

struct LoadResult {
  absl::Duration took = {};
  std::vector<absl::Duration> latencies = {};  // of the puts that were done, ascending
  int64_t failed = 0;
  absl::Status first_failure = {};

  double Rate() const;
  // REQUIRES: 0 < share <= 1. Zero without any.
  absl::Duration Quantile(double share) const;
  absl::Duration StandardDeviation() const;
};

// Runs the plan until its end or `stop`; `tick` is called now and then on the calling thread with
// what has passed.
LoadResult RunLoad(const client::Kv& kv, const LoadPlan& plan, Event& stop,
                   const std::function<void(absl::Duration)>& tick);

}  // namespace keelson::kvctl
