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
  // How long a client may leave what waits for it above Call::kLowWater before its call ends.
  static constexpr Duration kStuckAfter = std::chrono::seconds(60);
  // How long an answer may go on at a revision that is compacted: the view that it is read from
  // keeps all history from there on.
  static constexpr Duration kKeepsHistoryFor = std::chrono::minutes(5);
  // Whether what the answer is read from is compacted by now. Unset: it can't be.
  using Compacted = std::function<bool()>;

  explicit SlowClient(Loop& loop) : loop_(loop), began_(loop.Now()) {}

  void SetCompacted(Compacted compacted) { compacted_ = std::move(compacted); }
  // Whether the answer must end here, since it has kept history for too long.
  bool KeepsTooMuch() const {
    return compacted_ && loop_.Now() - began_ > kKeepsHistoryFor && compacted_();
  }

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
  const Instant began_;
  Compacted compacted_;
  Loop::TimerId timer_ = 0;  // set while waiting
};

}  // namespace keelson::server
