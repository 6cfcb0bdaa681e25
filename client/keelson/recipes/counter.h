// A number that many add to.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

// The key `name` holds the number as decimal text; a missing key is 0.
//
// Guaranteed: an Add that returns OK was added once, also where an answer was lost and it had to be
// asked whether it had happened: with each Add goes a mark "name/ID" that is attached to the
// session. Values returned to different callers differ where deltas are positive.
// Not guaranteed: progress under very many adders of one counter; each retries when another was
// faster.
//
// Thread-safe; the session must outlive it.
class Counter {
 public:
  Counter(LeaseSession& session, const std::string& name);

  // Adds, and gives the new value. OutOfRange, nothing being added, if that does not fit into 64
  // bits; DataLoss if the key holds no number; else as Lock::Acquire fails. With outcome unknown it
  // may have been added, or may be yet.
  absl::StatusOr<int64_t> Add(int64_t delta, const WaitOptions& wait = {});

  // The value now, in a linearizable read.
  absl::StatusOr<int64_t> Get(const CallOptions& call = {}) const;

 private:
  LeaseSession& session_;
  const std::string name_;
  const std::string mark_;
  std::mutex mutex_;  // guards adds_, and lets one Add after the other use the mark
  uint64_t adds_ = 0;
};

}  // namespace keelson::client::recipes
