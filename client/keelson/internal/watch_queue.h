// Batches on their way from the client's thread to whoever calls Watcher::Next.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/watch.h"

namespace keelson::client::internal {

// Thread-safe.
class WatchQueue {
 public:
  explicit WatchQueue(size_t max_events) : max_events_(max_events) {}

  // Adds a batch; one that comes after the end is dropped. False when the queue is now full: the
  // producer should pause until Next says that it drained.
  bool Push(WatchBatch batch);

  // Whether the producer should pause.
  bool full();

  // Forgets what waits, and gives it back.
  std::deque<WatchBatch> Drop();

  // No batch will follow; the first end counts. `drop` forgets what waits.
  void End(absl::Status status, bool drop);

  // Marks the watch as accepted at `revision`; the first time counts.
  void SetReady(int64_t revision);

  // The oldest batch; DeadlineExceeded after `timeout`; after the last one the end's status.
  // `drained` becomes true when the queue was full and is so no longer.
  absl::StatusOr<WatchBatch> Next(absl::Duration timeout, bool& drained);

  absl::StatusOr<int64_t> WaitReady(absl::Duration timeout);

 private:
  const size_t max_events_;
  std::condition_variable changed_;
  std::mutex mutex_;  // guards what follows
  std::deque<WatchBatch> batches_;
  size_t events_ = 0;  // in batches_
  bool full_ = false;
  bool ended_ = false;
  absl::Status end_;
  bool ready_ = false;
  int64_t ready_revision_ = 0;
};

}  // namespace keelson::client::internal
