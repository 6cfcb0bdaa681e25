// How long calls take, by method.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "server/api/call.h"
#include "server/node/duration_histogram.h"

namespace keelson::server {

// From the start of a call's handler to its end; of a stream, too. Loop thread only.
class CallTimes {
 public:
  // `method` outlives this.
  void Add(const Method& method, Duration took) { times_[&method].Add(took); }
  // Null where no call has ended yet.
  const DurationHistogram* Find(const Method& method) const {
    const auto found = times_.find(&method);
    return found == times_.end() ? nullptr : &found->second;
  }

 private:
  absl::flat_hash_map<const Method*, DurationHistogram> times_;
};

}  // namespace keelson::server
