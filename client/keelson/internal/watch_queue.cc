#include "client/keelson/internal/watch_queue.h"

#include <utility>

namespace keelson::client::internal {

bool WatchQueue::Push(WatchBatch batch) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return true;
  events_ += batch.events.size();
  batches_.push_back(std::move(batch));
  full_ = events_ > max_events_;
  return !full_;
}

void WatchQueue::End(absl::Status status, bool drop) {
  absl::MutexLock lock(&mutex_);
  if (drop) batches_.clear();
  if (ended_) return;
  ended_ = true;
  end_ = std::move(status);
}

void WatchQueue::SetReady(int64_t revision) {
  absl::MutexLock lock(&mutex_);
  if (ready_) return;
  ready_ = true;
  ready_revision_ = revision;
}

absl::StatusOr<WatchBatch> WatchQueue::Next(absl::Duration timeout, bool& drained) {
  drained = false;
  absl::MutexLock lock(&mutex_);
  const auto available = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ended_ || !batches_.empty();
  };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&available), timeout)) {
    return absl::DeadlineExceededError("no change within the time given; the watch goes on");
  }
  if (batches_.empty()) return end_;
  WatchBatch batch = std::move(batches_.front());
  batches_.pop_front();
  events_ -= batch.events.size();
  drained = full_ && events_ <= max_events_ / 2;
  if (drained) full_ = false;
  return batch;
}

absl::StatusOr<int64_t> WatchQueue::WaitReady(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  const auto known = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return ready_ || ended_; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&known), timeout)) {
    return absl::DeadlineExceededError(
        "no member accepted the watch within the time given; it goes on trying");
  }
  if (!ready_) return end_;
  return ready_revision_;
}

}  // namespace keelson::client::internal
