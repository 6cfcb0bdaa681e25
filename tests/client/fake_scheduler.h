// The client's logical thread and clock, moved by the test.
#pragma once

#include <map>
#include <utility>

#include "client/keelson/internal/scheduler.h"

namespace keelson::testing {

// Everything runs in the test's thread, inside RunReady and Advance. Not thread-safe.
class FakeScheduler : public client::internal::Scheduler {
 public:
  using Instant = client::internal::Instant;

  Instant Now() const override { return now_; }
  void Post(std::function<void()> task) override { After(absl::ZeroDuration(), std::move(task)); }
  TimerId After(absl::Duration delay, std::function<void()> task) override {
    const TimerId id = ++last_id_;
    due_.emplace(std::make_pair(now_ + std::max(delay, absl::ZeroDuration()), id), std::move(task));
    return id;
  }
  void Cancel(TimerId timer) override {
    for (auto entry = due_.begin(); entry != due_.end(); ++entry) {
      if (entry->first.second != timer) continue;
      due_.erase(entry);
      return;
    }
  }
  bool InLoop() const override { return false; }

  // Runs what is due now.
  void RunReady() { Advance(absl::ZeroDuration()); }

  // Moves the clock, running each task at its time.
  void Advance(absl::Duration by) {
    const Instant end = now_ + by;
    while (!due_.empty() && due_.begin()->first.first <= end) {
      now_ = std::max(now_, due_.begin()->first.first);
      auto task = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      task();
    }
    now_ = end;
  }

  // Moves the clock and runs nothing: the process was paused.
  void Stall(absl::Duration by) { now_ += by; }

  // Forgets all tasks.
  void DropAll() {
    while (!due_.empty()) due_.erase(due_.begin());
  }

  size_t pending() const { return due_.size(); }

 private:
  Instant now_ = absl::Seconds(1000);
  TimerId last_id_ = 0;
  std::map<std::pair<Instant, TimerId>, std::function<void()>> due_;
};

}  // namespace keelson::testing
