// Which member to ask: sticky, in order of preference, around those that failed lately.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/endpoints.h"
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

  // Other addresses from now on; those that stay keep their health, and the one in use its place.
  // REQUIRES: `addresses` is not empty.
  void Replace(std::vector<std::string> addresses);

  // Makes `address` the one in use, if it is known and does not rest.
  void Prefer(const std::string& address);

  // What a look at an address has shown.
  void Looked(const std::string& address, std::optional<absl::Duration> latency,
              uint64_t applied_index);

  size_t size() const;
  std::vector<std::string> addresses() const;
  std::string current() const;
  // How often a member has failed so far.
  uint64_t failures() const;
  std::vector<EndpointState> States(Instant now) const;

 private:
  struct Endpoint {
    std::string address;
    int failures = 0;
    Instant rests_until = -absl::InfiniteDuration();
    std::optional<absl::Duration> latency = {};
    uint64_t applied_index = 0;
  };

  // REQUIRES: mutex_ is held.
  Endpoint* Find(const std::string& address);

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Endpoint> endpoints_;
  size_t current_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace keelson::client::internal
