// The Scheduler of production: one thread that runs posted tasks and due timers.
#pragma once

#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
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
    absl::Mutex mutex;
    // Ordered by due time, then by the order of scheduling.
    std::map<std::pair<Instant, TimerId>, std::function<void()>> due ABSL_GUARDED_BY(mutex);
    std::map<TimerId, Instant> when ABSL_GUARDED_BY(mutex);
    TimerId last_id ABSL_GUARDED_BY(mutex) = 0;
    bool stopped ABSL_GUARDED_BY(mutex) = false;
    absl::CondVar changed;
  };

  static void Run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace keelson::client::internal
