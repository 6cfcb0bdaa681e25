// Which member to ask: sticky, in order of preference, around those that failed lately.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/internal/scheduler.h"

namespace keelson::client::internal {

// "host:port" from "host:port", "http://host:port" or "http://host:port/"; "unix:PATH" from that or
// "unix://PATH"; InvalidArgument with the reason for anything else.
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

  // REQUIRES: mutex_ is held.
  Endpoint* Find(const std::string& address);

  const size_t size_;
  mutable std::mutex mutex_;  // guards what follows
  std::vector<Endpoint> endpoints_;
  size_t current_ = 0;
};

}  // namespace keelson::client::internal
