// The patience with a client that takes its answer slower than it is made.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "server/node/seams.h"

namespace keelson::server {

// Part of an answer. Loop thread only.
class SlowClient {
 public:
  // How long a client may take nothing before its call ends.
  static constexpr Duration kStuckAfter = std::chrono::seconds(60);

  explicit SlowClient(Loop& loop) : loop_(loop) {}

  // The client has enough to take. Unless Resume or Stop comes in time, and while `owner` lives
  // (which this is a part of), `stuck` is told how to end the call. REQUIRES: not waiting.
  void Wait(std::weak_ptr<void> owner, std::function<void(const absl::Status&)> stuck) {
    timer_ = loop_.After(kStuckAfter, [this, owner = std::move(owner), stuck = std::move(stuck)] {
      const auto alive = owner.lock();
      if (alive == nullptr) return;
      timer_ = 0;
      stuck(absl::AbortedError("etcdserver: the client does not read its answer"));
    });
  }

  // The client takes more: true where that was waited for.
  bool Resume() {
    const bool waited = timer_ != 0;
    Stop();
    return waited;
  }

  // The answer is over.
  void Stop() {
    if (timer_ != 0) loop_.Cancel(std::exchange(timer_, 0));
  }

 private:
  Loop& loop_;
  Loop::TimerId timer_ = 0;  // set while waiting
};

}  // namespace keelson::server
