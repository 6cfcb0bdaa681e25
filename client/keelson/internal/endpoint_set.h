// Which member to ask: sticky, in order of preference, around those that failed lately.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/keelson/internal/scheduler.h"

namespace keelson::client::internal {

// "host:port" from "host:port", "http://host:port" or "http://host:port/"; InvalidArgument with the
// reason for anything else.
absl::StatusOr<std::string> ParseEndpoint(const std::string& text);

// The members' addresses and their recent health. Thread-safe.
//
//   healthy --Failed()--> resting (250 ms, doubled with each failure in a row, at most 4 s)
//      ^                     |
//      +---- Succeeded() or the rest is over
//
// Resting is only a preference: when every endpoint rests, the one that wakes first is picked.
class EndpointSet {
 public:
  // REQUIRES: `addresses` is not empty.
  explicit EndpointSet(std::vector<std::string> addresses);

  // The endpoint for the next attempt, preferably not in `avoid`: the current one while it is
  // healthy, else the next one in order.
  std::string Pick(const std::vector<std::string>& avoid, Instant now);

  void Succeeded(const std::string& address);
  void Failed(const std::string& address, Instant now);

  size_t size() const { return size_; }
  std::vector<std::string> addresses() const;

 private:
  struct Endpoint {
    std::string address;
    int failures = 0;
    Instant rests_until = -absl::InfiniteDuration();
  };

  Endpoint* Find(const std::string& address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t size_;
  mutable absl::Mutex mutex_;
  std::vector<Endpoint> endpoints_ ABSL_GUARDED_BY(mutex_);
  size_t current_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace keelson::client::internal
