// Leases: keys that live as long as somebody keeps renewing.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/future.h"
#include "client/keelson/options.h"
#include "client/keelson/types.h"

namespace keelson::client {

namespace internal {
class Core;
class KeepAliveSession;
struct View;
}  // namespace internal

struct LeaseGrantResult {
  Header header = {};
  int64_t id = 0;
  int64_t ttl = 0;  // seconds; the cluster may have raised what was asked for
  // Before the first request left: the cluster can't end the lease before `ttl` after it.
  std::chrono::steady_clock::time_point asked_at = {};
};

struct LeaseRevokeResult {
  Header header = {};
};

struct LeaseRenewResult {
  Header header = {};
  int64_t id = 0;
  int64_t ttl = 0;  // seconds from now; <= 0: the lease does not exist (any more)
};

struct LeaseTtlResult {
  Header header = {};
  int64_t id = 0;
  int64_t ttl = 0;          // seconds that remain; -1: the lease does not exist
  int64_t granted_ttl = 0;  // seconds
  std::vector<std::string> keys = {};
  Freshness freshness = {};
};

struct LeaseListResult {
  Header header = {};
  std::vector<int64_t> ids = {};
  Freshness freshness = {};
};

struct LeaseTtlOptions {
  bool keys = false;  // list the attached keys
};

// How a keeper reports. Both functions run on the client's own thread: they must not block, make
// blocking calls of the client, nor throw. None begins, or runs, once the keeper is destroyed: that
// waits for one that runs, unless it is what destroys it. So hold no lock there that they need.
struct LeaseKeeperOptions {
  // After each renewal.
  std::function<void(const LeaseRenewResult&)> on_renewed = {};
  // Once, when the lease is lost; LeaseKeeper::Lost() tells the reason.
  std::function<void()> on_lost = {};
};

// Renews one lease until it is lost or the keeper is destroyed; it never revokes. Thread-safe.
//
// Renewals go out every third of the TTL and fail over between members. The lease counts as lost
//   - when the cluster says that it is gone, or refuses to renew it: at once;
//   - when no renewal was answered for nine tenths of the TTL, on the monotonic clock, counted from
//     the moment the last answered renewal, or the grant, was *sent*: so before the cluster can
//     expire it.
class LeaseKeeper {
 public:
  explicit LeaseKeeper(std::shared_ptr<internal::KeepAliveSession> session);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  int64_t id() const;

  // OK while the lease is alive as far as is known; then the reason of the loss: NotFound (expired
  // or revoked), DeadlineExceeded (not renewed in time) or the cluster's refusal.
  absl::Status Lost() const;

  // Waits for the loss. True if it came within `timeout`. On the client's own thread it does not
  // wait.
  bool WaitLost(absl::Duration timeout) const;

  // For how long the lease surely lives yet; zero when lost, infinite before anything is known.
  absl::Duration Remaining() const;

 private:
  std::shared_ptr<internal::KeepAliveSession> session_;
};

// A cheap, thread-safe handle; see Kv. Leases have no prefix: through a view their ids are those of
// the whole store.
class Leases {
 public:
  explicit Leases(std::shared_ptr<internal::Core> core);
  Leases(std::shared_ptr<internal::Core> core, std::shared_ptr<const internal::View> view);

  // A new lease of `ttl` seconds. `id` 0 lets the cluster choose one.
  absl::StatusOr<LeaseGrantResult> Grant(int64_t ttl, int64_t id = 0,
                                         const CallOptions& call = {}) const;
  Future<LeaseGrantResult> GrantAsync(int64_t ttl, int64_t id = 0,
                                      const CallOptions& call = {}) const;

  // Ends a lease and deletes its keys. NotFound if there is none.
  absl::StatusOr<LeaseRevokeResult> Revoke(int64_t id, const CallOptions& call = {}) const;
  Future<LeaseRevokeResult> RevokeAsync(int64_t id, const CallOptions& call = {}) const;

  // Renews once.
  absl::StatusOr<LeaseRenewResult> RenewOnce(int64_t id, const CallOptions& call = {}) const;
  Future<LeaseRenewResult> RenewOnceAsync(int64_t id, const CallOptions& call = {}) const;

  // Renews until the keeper is destroyed. The lease counts as alive for as long as the grant
  // promised, so also where the keeper comes late; without one, without a deadline until the first
  // answer.
  std::unique_ptr<LeaseKeeper> KeepAlive(const LeaseGrantResult& granted,
                                         LeaseKeeperOptions options = {}) const;
  std::unique_ptr<LeaseKeeper> KeepAlive(int64_t id, LeaseKeeperOptions options = {}) const;

  // The keys are those under the view's prefix. The leader answers, so there is no stale form:
  // CallOptions::read.stale_ok concerns it not.
  absl::StatusOr<LeaseTtlResult> TimeToLive(int64_t id, const LeaseTtlOptions& options = {},
                                            const CallOptions& call = {}) const;
  Future<LeaseTtlResult> TimeToLiveAsync(int64_t id, const LeaseTtlOptions& options = {},
                                         const CallOptions& call = {}) const;

  // As the asked member knows them: a stale read, without a quorum, too. CallOptions::read says how
  // old it may be.
  absl::StatusOr<LeaseListResult> List(const CallOptions& call = {}) const;
  Future<LeaseListResult> ListAsync(const CallOptions& call = {}) const;

 private:
  std::shared_ptr<internal::Core> core_;
  std::shared_ptr<const internal::View> view_;
};

}  // namespace keelson::client
