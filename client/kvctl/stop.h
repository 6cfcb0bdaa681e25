// Ctrl-C and a request to end, for commands that have something to put in order first.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "absl/time/time.h"

namespace keelson::kvctl {

// Thread-safe. One command listens at a time.
class Stop {
 public:
  // While it lives, an interruption calls `heard` instead of ending the process, on another thread
  // and perhaps more than once.
  class Listener {
   public:
    Listener(Stop& stop, std::function<void()> heard);
    // Afterwards `heard` is not running, and never runs again.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

   private:
    Stop& stop_;
  };

  // Tells the listener. False if there is none: the process should end.
  bool Raise();

 private:
  std::mutex mutex_;  // guards heard_, and is held while it runs
  std::function<void()> heard_;
};

// Something that happens once, and that a thread waits for. Thread-safe.
class Event {
 public:
  void Set();
  bool IsSet();
  // True if it was set within `timeout`.
  bool Wait(absl::Duration timeout);

 private:
  std::condition_variable changed_;
  std::mutex mutex_;  // guards set_
  bool set_ = false;
};

}  // namespace keelson::kvctl
