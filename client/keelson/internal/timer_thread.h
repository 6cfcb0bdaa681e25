// The Scheduler of production: one thread that runs posted tasks and due timers.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "client/keelson/internal/scheduler.h"

namespace keelson::client::internal {

class TimerThread : public Scheduler {
 public:
  TimerThread();
  // Waits for the running task; what is still queued is dropped. May be called on the thread itself
  // (the last owner of a client can be one of its own tasks).
  ~TimerThread() override;

  Instant Now() const override;
  void Post(std::function<void()> task) override;
  TimerId After(absl::Duration delay, std::function<void()> task) override;
  void Cancel(TimerId timer) override;
  bool InLoop() const override;

 private:
  // Outlives the TimerThread object if that is destroyed on its own thread.
  struct State {
    std::condition_variable changed;
    std::mutex mutex;  // guards what follows
    // Ordered by due time, then by the order of scheduling.
    std::map<std::pair<Instant, TimerId>, std::function<void()>> due;
    std::map<TimerId, Instant> when;
    TimerId last_id = 0;
    bool stopped = false;
  };

  static void Run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace keelson::client::internal
