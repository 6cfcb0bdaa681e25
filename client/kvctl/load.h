// A load of puts, at a steady rate or as fast as they are taken, and how it went.
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
  int64_t rate = 0;  // puts a second, for `duration`
  absl::Duration duration = absl::Seconds(60);
  int64_t puts = 0;  // so many in all, without a rate; the first failure ends the load
  size_t value_bytes = 1024;
  std::string prefix;  // of the keys; each is put once

  int64_t Puts() const { return puts > 0 ? puts : rate * absl::ToInt64Seconds(duration); }
};

struct LoadProgress {
  absl::Duration passed = {};
  int64_t done = 0;  // puts that were begun
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

// The key of put number `index`; they follow each other in the order of keys.
std::string LoadKey(const std::string& prefix, int64_t index);

// Runs the plan until its end or `stop`; `tick` is called now and then on the calling thread.
LoadResult RunLoad(const client::Kv& kv, const LoadPlan& plan, Event& stop,
                   const std::function<void(const LoadProgress&)>& tick);

}  // namespace keelson::kvctl
