// What keeps an application's callbacks from coming after the object that they were given to is
// gone.
#pragma once

#include <atomic>
#include <mutex>

namespace keelson::client::internal {

// Thread-safe. A callback may shut and close its own gate.
class CallbackGate {
 public:
  // Calls `run`, unless the gate is shut.
  template <typename Callback, typename... Arguments>
  void Call(const Callback& run, const Arguments&... arguments) {
    const std::lock_guard lock(running_);
    if (run && !shut_) run(arguments...);
  }

  // No callback begins any more.
  void Shut() { shut_ = true; }

  // Nor does one run any more, but for that which calls this.
  void Close() {
    Shut();
    const std::lock_guard lock(running_);
  }

 private:
  std::atomic<bool> shut_ = false;
  std::recursive_mutex running_;  // held while one runs
};

}  // namespace keelson::client::internal
