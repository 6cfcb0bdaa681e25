// Barriers: one that somebody raises and lowers, and one that a number of processes enter together
// and leave together.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/keelson/recipes/lease_session.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {

// Up while the key `name` is there. Guaranteed: Wait returns OK only after a moment at which the
// barrier was down. Each waiter watches that one key. Thread-safe; the client must outlive it.
class Barrier {
 public:
  Barrier(const Client& client, const std::string& name);

  // Raises it; OK if it is up already, whoever raised it. Without a session it stays up until
  // somebody lowers it, with one no longer than the session lives.
  absl::Status Raise(const LeaseSession* session = nullptr, const CallOptions& call = {}) const;

  // Lowers it, whoever raised it, and lets all pass.
  absl::Status Lower(const CallOptions& call = {}) const;

  // Waits until it is down. DeadlineExceeded, Cancelled, or what the cluster refuses.
  absl::Status Wait(const WaitOptions& wait = {}) const;

 private:
  const Client& client_;
  const std::string name_;
};

// Opens once `count` sessions have entered, and closes once all of them have left; then it can be
// used again. Guaranteed: nobody gets through Enter before `count` were in at the same time; nobody
// gets through Leave while another is in, or enters anew before the last has left. A session that
// is lost has left. Not guaranteed: that no more than `count` get in.
//
// Keys: "name/in/" + lease in hex; "name/ready" while it is open. Each waits for one key.
//
// For one thread at a time; the session must outlive it.
class DoubleBarrier {
 public:
  // REQUIRES: count > 0.
  DoubleBarrier(LeaseSession& session, const std::string& name, int count);
  // Leaves without waiting for the others, trying for some seconds.
  ~DoubleBarrier();
  DoubleBarrier(const DoubleBarrier&) = delete;
  DoubleBarrier& operator=(const DoubleBarrier&) = delete;

  // Waits until `count` are in. After a failure this one is out again; failures as of
  // Lock::Acquire.
  absl::Status Enter(const WaitOptions& wait = {});

  // Leaves, and waits until all are out. After a failure of the waiting this one is out all the
  // same. FailedPrecondition if the session is lost.
  absl::Status Leave(const WaitOptions& wait = {});

 private:
  struct View;

  absl::StatusOr<View> Look(internal::Patience& patience) const;
  absl::Status TryEnter(internal::Patience& patience);
  absl::Status AwaitReady(internal::Patience& patience);
  absl::Status Open(internal::Patience& patience);
  absl::Status AwaitClosed(internal::Patience& patience);

  LeaseSession& session_;
  const std::string in_;     // prefix of those that are in
  const std::string ready_;  // key
  const int count_;
  const std::unique_ptr<internal::Claim> claim_;
};

}  // namespace keelson::client::recipes
