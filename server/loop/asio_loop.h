// The loop of a real process: one asio::io_context run by one thread, in turns.
//
// A turn takes everything that is ready (I/O completions, posted tasks, due timers), then runs the
// turn-end hooks once. What a turn has gathered leaves the process in the hooks: one WAL hand-off,
// one write per connection. Batches grow with the load by themselves; no timer delays anything.
#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/node/seams.h"

namespace keelson::server {

// A turn of the loop that took too long, and the stage in which most of the time went.
struct LoopStall {
  const char* stage = "";  // a string literal
  Duration stage_took{};
  Duration turn_took{};
};

// Owned by the thread that calls Run. Only Post, Stop and LiveMicros may be called
// from other threads.
class AsioLoop final : public Loop {
 public:
  struct Options {
    // A turn stops taking new handlers after this long, so that the hooks are never starved.
    Duration turn_budget = std::chrono::milliseconds(1);
    Duration stall_threshold = std::chrono::milliseconds(100);
    std::function<void(const LoopStall&)> on_stall;  // on the loop, after the turn
  };

  AsioLoop() : AsioLoop(Options()) {}
  explicit AsioLoop(Options options);
  // Drops tasks, timers and handlers that have not run. Sockets bound to context() must be gone.
  ~AsioLoop() override;

  AsioLoop(const AsioLoop&) = delete;
  AsioLoop& operator=(const AsioLoop&) = delete;

  Instant Now() const override;  // read once per turn
  uint64_t BootNanos() const override;
  uint64_t LiveMicros() const override;
  TimerId After(Duration delay, std::function<void()> task) override;
  void Cancel(TimerId timer) override;
  void Post(std::function<void()> task) override;

  // For sockets and signals. Single-threaded I/O: objects bound to it are used on the loop only.
  asio::io_context& context() { return context_; }

  // Calls `hook` at the end of every turn, after the hooks registered before it. A hook that makes
  // more work posts it (it runs in the next turn).
  void OnTurnEnd(std::function<void()> hook);

  // Says what the loop does from here on in this turn; `stage` is a string literal. Handlers of
  // I/O call it first, so that a stall is told with its stage. Costs one clock read.
  void Stage(const char* stage);

  // Runs turns until Stop. May be called again afterwards.
  void Run();
  // Runs one turn; blocks until there is something to do.
  void RunTurn();
  // Ends Run after the current turn.
  void Stop();

  uint64_t turns() const { return turns_; }

 private:
  using TimerKey = std::pair<int64_t, TimerId>;  // deadline, id

  void WaitForWork();
  void RunPosted();
  void RunDueTimers();
  void RunReadyHandlers();
  void RunHooks();
  void ArmTimer();
  void CloseStage(int64_t now);
  void FinishTurn();

  Options options_;
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;

  mutable int64_t now_ = 0;  // 0: not read yet in this turn
  bool stopping_ = false;
  uint64_t turns_ = 0;
  std::vector<std::function<void()>> hooks_;

  asio::steady_timer wake_timer_;
  int64_t armed_for_ = INT64_MAX;  // what wake_timer_ waits for; MAX: it does not
  TimerId last_timer_ = 0;
  std::map<TimerKey, std::function<void()>> timers_;
  std::unordered_map<TimerId, int64_t> deadlines_;

  const char* stage_ = "";
  int64_t stage_started_ = 0;  // 0: no stage in this turn yet
  const char* worst_stage_ = "";
  int64_t worst_took_ = 0;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  bool asleep_ = false;                        // guarded by mutex_: the next Post must wake
  std::vector<std::function<void()>> running_;
};

}  // namespace keelson::server
