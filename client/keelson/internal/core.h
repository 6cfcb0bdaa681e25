// What all parts of one client share: the scheduler, the transport, the endpoints and the options.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/internal/endpoint_set.h"
#include "client/keelson/internal/outcome_rules.h"
#include "client/keelson/internal/quorum_belief.h"
#include "client/keelson/internal/request_names.h"
#include "client/keelson/internal/scheduler.h"
#include "client/keelson/internal/transport.h"
#include "client/keelson/options.h"

namespace keelson::client::internal {

// A member's answer to a unary request.
struct UnaryAnswer {
  std::string body = {};
  Metadata metadata = {};
  absl::Duration took = {};  // from the sending of the attempt that was answered
};

// One unary request as the layers above hand it down.
struct UnaryRequest {
  std::string method = {};
  std::string body = {};
  Effect effect = Effect::kReads;
  absl::Duration timeout = absl::ZeroDuration();  // zero: the client's default
  // Ask this member only, once, instead of any ("host:port"); empty: any.
  std::string pinned_endpoint = {};
  Metadata metadata = {};
  // Ends the call early; null: nobody will.
  std::shared_ptr<Cancellation> cancellation = {};
  // What is wrong with an answer that can't be taken, though it is none of a failure: OK, or
  //   - FailedPrecondition, as of TooOld(): another member may have a better one;
  //   - Unavailable: another member, or this one later.
  // Empty: every answer will do.
  std::function<absl::Status(const UnaryAnswer&)> judge = {};
};

// Shared by every object of a client, each of which keeps it alive. Thread-safe.
class Core {
 public:
  Core(ClientOptions options, std::vector<std::string> addresses,
       std::shared_ptr<Scheduler> scheduler, std::shared_ptr<Transport> transport);

  const ClientOptions& options() const { return options_; }
  Scheduler& scheduler() { return *scheduler_; }
  const std::shared_ptr<Scheduler>& executor() const { return scheduler_; }
  Transport& transport() { return *transport_; }
  EndpointSet& endpoints() { return endpoints_; }
  QuorumBelief& quorum() { return quorum_; }
  RequestNames& names() { return names_; }

  // Whether ranges are asked for as streams, as far as is known: until a member has none.
  bool has_range_streams() const { return has_range_streams_; }
  void SetNoRangeStreams() { has_range_streams_ = false; }

  // A delay before try number `attempt` (from 1): exponential from 25 ms to 800 ms, with jitter.
  absl::Duration Backoff(int attempt);

 private:
  const ClientOptions options_;
  // Declared before the transport: the transport's last events may still post.
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<Transport> transport_;
  EndpointSet endpoints_;
  QuorumBelief quorum_;
  RequestNames names_;
  std::atomic<bool> has_range_streams_ = true;
  std::mutex mutex_;  // guards jitter_state_
  uint64_t jitter_state_;
};

using UnaryDone = std::function<void(absl::StatusOr<UnaryAnswer>)>;

// Starts a request with retries and failover within its deadline; `done` gets the answer or a
// status with an outcome, once, on the scheduler's thread.
void StartUnary(const std::shared_ptr<Core>& core, UnaryRequest request, UnaryDone done);

}  // namespace keelson::client::internal
