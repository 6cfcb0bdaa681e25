// How long calls take, by method.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "server/api/call.h"
#include "server/node/duration_histogram.h"

namespace keelson::server {

// From the start of a call's handler to its end; of a stream, too. Loop thread only.
class CallTimes {
 public:
  // All methods, or those of Want alone.
  void WantAll() { all_ = true; }
  // `method` outlives this, as those of Add.
  void Want(const Method& method) { wanted_.insert(&method); }
  bool Wants(const Method& method) const { return all_ || wanted_.contains(&method); }
  bool wants_all() const { return all_; }

  void Add(const Method& method, Duration took) { times_[&method].Add(took); }
  // Null where no call has ended yet.
  const DurationHistogram* Find(const Method& method) const {
    const auto found = times_.find(&method);
    return found == times_.end() ? nullptr : &found->second;
  }

 private:
  bool all_ = false;
  absl::flat_hash_set<const Method*> wanted_;
  absl::flat_hash_map<const Method*, DurationHistogram> times_;
};

}  // namespace keelson::server
