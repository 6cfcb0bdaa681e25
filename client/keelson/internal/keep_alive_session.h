// One lease's renewals over the life of their streams.
//
//   Renew() --stream--> waiting --OnMessage(), ttl > 0--> resting for ttl/3 --timer--> Renew()
//                          |    \-ttl <= 0: Lose(NotFound)
//                          +--OnEnd(), or no answer within ttl/3--> next member, Renew()
//   at any time: the deadline passes --> Lose(DeadlineExceeded); Stop() --> stopped
//
// Invariants: the deadline is counted from the sending of the last answered renewal, at first of
// the grant, so it is never later than the cluster's own; a lease whose deadline has passed stays
// lost.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "client/keelson/internal/callback_gate.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/lease.h"

namespace keelson::client::internal {

class KeepAliveSession : public std::enable_shared_from_this<KeepAliveSession> {
 public:
  // A grant of no TTL is one that nothing is known of.
  KeepAliveSession(std::shared_ptr<Core> core, const LeaseGrantResult& granted,
                   LeaseKeeperOptions options);

  // Thread-safe:
  // -----------------------------------------------------------------------------------
  void Start();
  // No callback runs any more when it returns, but for that which calls it.
  void Stop();
  int64_t id() const { return id_; }
  absl::Status lost() const;
  bool WaitLost(absl::Duration timeout) const;
  absl::Duration Remaining() const;

 private:
  // On the client's thread:
  // ------------------------------------------------------------------------
  void Renew();
  void Open();
  void OnMessage(uint64_t generation, const std::string& bytes);
  void OnEnd(uint64_t generation, const CallEnd& end);
  void OnNoAnswer();
  void Interrupted();
  // False if the last one has passed, which may have been told.
  bool SetDeadline(Instant deadline);
  void Lose(absl::Status reason);
  absl::Status NotInTime() const;
  void Shutdown();
  void RenewAfter(absl::Duration pause);

  const std::shared_ptr<Core> core_;
  const int64_t id_;
  const LeaseKeeperOptions options_;
  CallbackGate gate_;

  // The client's thread only:
  bool stopped_ = false;
  absl::Duration ttl_;
  std::string endpoint_;
  std::shared_ptr<Stream> stream_;
  uint64_t generation_ = 0;  // of the present stream; events of older ones are ignored
  int failures_ = 0;         // in a row
  Instant sent_at_;          // of the renewal that waits for its answer
  Scheduler::TimerId step_ = Scheduler::kNoTimer;  // the next renewal, or the end of patience
  Scheduler::TimerId deadline_timer_ = Scheduler::kNoTimer;

  mutable std::condition_variable lost_changed_;
  mutable std::mutex mutex_;  // guards what follows
  absl::Status lost_;
  Instant deadline_ = absl::InfiniteDuration();
};

}  // namespace keelson::client::internal
