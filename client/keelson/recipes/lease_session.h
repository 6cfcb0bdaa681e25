// A lease that is kept alive, as the holder of locks and other claims: they live and die with it.
//
//   auto session = LeaseSession::Start(*client, {.ttl = 10});
//   Lock lock(**session, "jobs/nightly");
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/client.h"

namespace keelson::client::recipes {

namespace internal {
class Bell;
class Claim;
class Patience;
}  // namespace internal

struct LeaseSessionOptions {
  // Seconds until the cluster takes everything back from a holder that is silent. Short ones free
  // the claims of the dead sooner, and lose those of a living one at a shorter interruption. The
  // cluster may raise it.
  int64_t ttl = 10;

  // Once, when the lease is lost, on the client's own thread: it must not block, make blocking
  // calls, nor throw. Not called after Close(), which waits for it where it runs (unless it is what
  // closes): hold no lock there that it needs.
  std::function<void()> on_lost = {};
};

// Thread-safe. The client must outlive it, and it must outlive the recipes that use it.
//
// Guaranteed: Lost() tells of the loss before the cluster can end the lease, by the monotonic
// clock, counted from the sending of the grant or of the last renewal that was answered; at the
// latest when a tenth of the TTL is left. Not guaranteed: that who asked Lost() still holds the
// lease at the next instruction; fence your writes (fence.h).
class LeaseSession {
 public:
  // Grants a lease. The time it is good for counts from before the grant left, so an answer that
  // comes too late to be of use is a failure: DeadlineExceeded.
  static absl::StatusOr<std::unique_ptr<LeaseSession>> Start(const Client& client,
                                                             LeaseSessionOptions options = {},
                                                             const CallOptions& call = {});
  // Close(), with the client's timeout, if the lease is neither closed nor lost.
  ~LeaseSession();
  LeaseSession(const LeaseSession&) = delete;
  LeaseSession& operator=(const LeaseSession&) = delete;

  int64_t lease() const;
  // Seconds, as granted.
  int64_t ttl() const;

  // OK while the lease is surely alive. Else why not: NotFound (expired or revoked),
  // DeadlineExceeded (not renewed in time), a refusal of the cluster, Cancelled (closed). A lost
  // session stays lost: start another.
  absl::Status Lost() const;

  // Waits for the loss. True if it came within `timeout`. On the client's own thread it does not
  // wait.
  bool WaitLost(absl::Duration timeout) const;

  // For how long the lease surely lives yet.
  absl::Duration Remaining() const;

  // Revokes the lease: all that it holds is free at once. After a failure the lease is renewed no
  // more and ends by itself within its TTL.
  absl::Status Close(const CallOptions& call = {});

  const Client& client() const;

 private:
  friend class internal::Claim;
  friend class internal::Patience;
  class State;

  explicit LeaseSession(std::shared_ptr<State> state);

  // Rung at the loss, as long as it lives.
  void AddBell(std::weak_ptr<internal::Bell> bell) const;
  // Takes a key for one claim of this process; false if it is taken.
  bool Reserve(const std::string& key);
  void GiveBack(const std::string& key);

  const std::shared_ptr<State> state_;
};

}  // namespace keelson::client::recipes
