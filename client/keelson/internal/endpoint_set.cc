#include "client/keelson/internal/endpoint_set.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/check.h"

namespace keelson::client::internal {
namespace {

constexpr absl::Duration kFirstRest = absl::Milliseconds(250);
constexpr int kMaxDoublings = 4;

absl::Status Malformed(const std::string& text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("endpoint \"", text, "\": ", why, "; write host:port, such as 127.0.0.1:2379"));
}

}  // namespace

absl::StatusOr<std::string> ParseEndpoint(const std::string& text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "https://")) {
    return Malformed(text, "TLS is not supported by this version of the client");
  }
  // gRPC's own name for a socket of the file system.
  if (absl::ConsumePrefix(&rest, "unix://") || absl::ConsumePrefix(&rest, "unix:")) {
    if (rest.empty()) return Malformed(text, "no path of a socket");
    return absl::StrCat("unix:", rest);
  }
  absl::ConsumePrefix(&rest, "http://");
  absl::ConsumeSuffix(&rest, "/");
  const size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return Malformed(text, "no host and port");
  if (absl::StrContains(rest, "/")) return Malformed(text, "a path makes no sense here");
  int port = 0;
  if (!absl::SimpleAtoi(rest.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return Malformed(text, "the port is not a number from 1 to 65535");
  }
  return std::string(rest);
}

EndpointSet::EndpointSet(std::vector<std::string> addresses) {
  KEELSON_CHECK(!addresses.empty(), "a client needs an endpoint");
  for (std::string& address : addresses) endpoints_.push_back({.address = std::move(address)});
}

std::string EndpointSet::Pick(const std::vector<std::string>& avoid, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto avoided = [&avoid](const Endpoint& endpoint) {
    return std::find(avoid.begin(), avoid.end(), endpoint.address) != avoid.end();
  };
  size_t best = current_;
  // Lower is better: not avoided before avoided, then awake before resting, then what wakes first.
  const auto rank = [&](const Endpoint& endpoint) {
    const Instant wakes = std::max(endpoint.rests_until, now);
    return std::make_pair(avoided(endpoint), wakes);
  };
  for (size_t step = 1; step < endpoints_.size(); ++step) {
    const size_t candidate = (current_ + step) % endpoints_.size();
    if (rank(endpoints_[candidate]) < rank(endpoints_[best])) best = candidate;
  }
  current_ = best;
  return endpoints_[best].address;
}

EndpointSet::Endpoint* EndpointSet::Find(const std::string& address) {
  for (Endpoint& endpoint : endpoints_) {
    if (endpoint.address == address) return &endpoint;
  }
  return nullptr;
}

void EndpointSet::Succeeded(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (Endpoint* endpoint = Find(address)) {
    endpoint->failures = 0;
    endpoint->rests_until = -absl::InfiniteDuration();
  }
}

void EndpointSet::Failed(const std::string& address, Instant now) {
  const std::lock_guard lock(mutex_);
  if (Endpoint* endpoint = Find(address)) {
    ++failures_;
    const int doublings = std::min(endpoint->failures++, kMaxDoublings);
    endpoint->rests_until = now + kFirstRest * (1 << doublings);
  }
}

void EndpointSet::Replace(std::vector<std::string> addresses) {
  KEELSON_CHECK(!addresses.empty(), "a client needs an endpoint");
  const std::lock_guard lock(mutex_);
  const std::string in_use = endpoints_[current_].address;
  std::vector<Endpoint> next;
  size_t current = 0;
  for (std::string& address : addresses) {
    if (address == in_use) current = next.size();
    const Endpoint* known = Find(address);
    next.push_back(known != nullptr ? *known : Endpoint{.address = std::move(address)});
  }
  endpoints_ = std::move(next);
  current_ = current;
}

void EndpointSet::Prefer(const std::string& address) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    if (endpoints_[i].address == address && endpoints_[i].failures == 0) current_ = i;
  }
}

void EndpointSet::Looked(const std::string& address, std::optional<absl::Duration> latency,
                         uint64_t applied_index) {
  const std::lock_guard lock(mutex_);
  if (Endpoint* endpoint = Find(address)) {
    endpoint->latency = latency;
    endpoint->applied_index = applied_index;
  }
}

size_t EndpointSet::size() const {
  const std::lock_guard lock(mutex_);
  return endpoints_.size();
}

std::string EndpointSet::current() const {
  const std::lock_guard lock(mutex_);
  return endpoints_[current_].address;
}

uint64_t EndpointSet::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::vector<EndpointState> EndpointSet::States(Instant now) const {
  const std::lock_guard lock(mutex_);
  std::vector<EndpointState> states;
  for (size_t i = 0; i < endpoints_.size(); ++i) {
    const Endpoint& endpoint = endpoints_[i];
    states.push_back({.address = endpoint.address,
                      .in_use = i == current_,
                      .resting = endpoint.rests_until > now,
                      .latency = endpoint.latency,
                      .applied_index = endpoint.applied_index});
  }
  return states;
}

std::vector<std::string> EndpointSet::addresses() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> result;
  for (const Endpoint& endpoint : endpoints_) result.push_back(endpoint.address);
  return result;
}

}  // namespace keelson::client::internal
