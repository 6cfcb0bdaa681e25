#include "client/keelson/internal/watch_queue.h"

#include <utility>

#include "client/keelson/internal/wait.h"

namespace keelson::client::internal {

bool WatchQueue::Push(WatchBatch batch) {
  const std::lock_guard lock(mutex_);
  if (ended_) return true;
  events_ += batch.events.size();
  batches_.push_back(std::move(batch));
  full_ = events_ > max_events_;
  changed_.notify_all();
  return !full_;
}

bool WatchQueue::full() {
  const std::lock_guard lock(mutex_);
  return full_;
}

std::deque<WatchBatch> WatchQueue::Drop() {
  const std::lock_guard lock(mutex_);
  events_ = 0;
  full_ = false;
  return std::exchange(batches_, {});
}

void WatchQueue::End(absl::Status status, bool drop) {
  const std::lock_guard lock(mutex_);
  if (drop) batches_.clear();
  if (ended_) return;
  ended_ = true;
  end_ = std::move(status);
  changed_.notify_all();
}

void WatchQueue::SetReady(int64_t revision) {
  const std::lock_guard lock(mutex_);
  if (ready_) return;
  ready_ = true;
  ready_revision_ = revision;
  changed_.notify_all();
}

absl::StatusOr<WatchBatch> WatchQueue::Next(absl::Duration timeout, bool& drained) {
  drained = false;
  std::unique_lock lock(mutex_);
  const auto available = [this] { return ended_ || !batches_.empty(); };
  if (!WaitFor(changed_, lock, timeout, available)) {
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
  std::unique_lock lock(mutex_);
  if (!WaitFor(changed_, lock, timeout, [this] { return ready_ || ended_; })) {
    return absl::DeadlineExceededError(
        "no member accepted the watch within the time given; it goes on trying");
  }
  if (!ready_) return end_;
  return ready_revision_;
}

}  // namespace keelson::client::internal
