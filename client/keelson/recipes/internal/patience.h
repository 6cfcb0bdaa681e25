// How long a blocking recipe goes on: until its deadline, until it is stopped, until its session is
// lost.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "client/keelson/client.h"
#include "client/keelson/recipes/wait_options.h"

namespace keelson::client::recipes {
class LeaseSession;
}

namespace keelson::client::recipes::internal {

// Wakes one waiting thread; a ring before the wait counts. Thread-safe.
class Bell {
 public:
  void Ring();
  // Waits for a ring since the last one taken, at most for `timeout`.
  void Await(absl::Duration timeout);

 private:
  std::condition_variable rung_changed_;
  std::mutex mutex_;  // guards what follows
  bool rung_ = false;
};

// Whether the same request may succeed later, or whether it has happened is not known.
bool MayPass(const absl::Status& status);

// Used by the blocked thread only. Its own failures are reasons to give up: Cancelled,
// DeadlineExceeded, FailedPrecondition (the session is lost, or this is a callback of the client,
// where nothing may wait); all with outcome failed.
class Patience {
 public:
  // REQUIRES: the client, or the session, outlives the patience.
  Patience(const Client& client, const WaitOptions& options);
  Patience(const LeaseSession& session, const WaitOptions& options);

  // Why to give up, or OK.
  absl::Status Check() const;

  // For one call: a part of what is left, so that one member that hangs does not take it all.
  CallOptions Call() const;

  // A call's result; a stop ends the call. What it came to then is Cancelled, or MayPass.
  template <typename T>
  absl::StatusOr<T> Await(Future<T> call) const {
    const std::stop_callback cancel(stop_, call.Canceller());
    return call.Get();
  }

  // After a failure that MayPass, or when others were faster: waits a little, longer each time.
  absl::Status Pause();

  // A watch whose changes ring the bell.
  std::unique_ptr<Watcher> Watch(const Client& client, std::vector<WatchTarget> targets,
                                 WatchOptions options = {}) const;

  // The watch's next changes. Gives up, or fails as the watch does: OutOfRange if it was compacted
  // away.
  absl::StatusOr<WatchBatch> Next(Watcher& watcher) const;

 private:
  Patience(const Client& client, const LeaseSession* session, const WaitOptions& options);
  absl::Duration Left() const;

  const Client& client_;
  const LeaseSession* const session_;  // or null
  const std::stop_token stop_;
  const absl::Duration timeout_;
  const absl::Duration started_;
  const std::shared_ptr<Bell> bell_;
  const std::stop_callback<std::function<void()>> on_stop_;
  int pauses_ = 0;
};

}  // namespace keelson::client::recipes::internal
