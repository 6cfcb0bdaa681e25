// What all parts of one client share: the scheduler, the transport, the endpoints and the options.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/internal/endpoint_set.h"
#include "client/keelson/internal/outcome_rules.h"
#include "client/keelson/internal/scheduler.h"
#include "client/keelson/internal/transport.h"
#include "client/keelson/options.h"

namespace keelson::client::internal {

// One unary request as the layers above hand it down.
struct UnaryRequest {
  std::string method = {};
  std::string body = {};
  Effect effect = Effect::kReads;
  absl::Duration timeout = absl::ZeroDuration();  // zero: the client's default
  // Ask this member only, once, instead of any ("host:port"); empty: any.
  std::string pinned_endpoint = {};
};

// Shared by every object of a client, each of which keeps it alive. Thread-safe.
class Core {
 public:
  Core(ClientOptions options, std::vector<std::string> addresses,
       std::shared_ptr<Scheduler> scheduler, std::shared_ptr<Transport> transport);

  const ClientOptions& options() const { return options_; }
  Scheduler& scheduler() { return *scheduler_; }
  Transport& transport() { return *transport_; }
  EndpointSet& endpoints() { return endpoints_; }

  // A delay before try number `attempt` (from 1): exponential from 25 ms to 800 ms, with jitter.
  absl::Duration Backoff(int attempt);

 private:
  const ClientOptions options_;
  // Declared before the transport: the transport's last events may still post.
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<Transport> transport_;
  EndpointSet endpoints_;
  std::mutex mutex_;  // guards jitter_state_
  uint64_t jitter_state_;
};

using UnaryDone = std::function<void(absl::StatusOr<std::string>)>;

// Starts a request with retries and failover within its deadline; `done` gets the answer's body or
// a status with an outcome, once, on the scheduler's thread.
void StartUnary(const std::shared_ptr<Core>& core, UnaryRequest request, UnaryDone done);

// StartUnary and wait. Fails at once on the client's own thread, where it would never end.
absl::StatusOr<std::string> RunUnary(const std::shared_ptr<Core>& core, UnaryRequest request);

}  // namespace keelson::client::internal
