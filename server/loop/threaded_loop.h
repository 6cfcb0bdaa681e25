// A loop on a thread of its own, for what must go on when the process's main loop does not.
#pragma once

#include <memory>
#include <thread>

#include "server/loop/asio_loop.h"

namespace keelson::server {

// Owned by another thread. What lives on the loop is made before Start and destroyed after Stop, or
// on the loop.
class ThreadedLoop {
 public:
  ThreadedLoop() = default;
  ~ThreadedLoop() { Stop(); }
  ThreadedLoop(const ThreadedLoop&) = delete;
  ThreadedLoop& operator=(const ThreadedLoop&) = delete;

  AsioLoop& loop() { return loop_; }

  // REQUIRES: not running.
  void Start();
  // Ends the loop after its turn, and the thread; blocks. Does nothing if it does not run.
  void Stop();

 private:
  AsioLoop loop_;
  std::thread thread_;
};

}  // namespace keelson::server
