#include "server/loop/asio_loop.h"

#include <time.h>

#include <algorithm>
#include <asio/post.hpp>

#include "base/check.h"

namespace keelson::server {
namespace {

int64_t ReadClock(clockid_t clock) {
  timespec time;
  KEELSON_CHECK(clock_gettime(clock, &time) == 0, "the kernel has this clock");
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// Handlers between two looks at the clock while a turn gathers work.
constexpr int kHandlersPerClockRead = 4;

}  // namespace

AsioLoop::AsioLoop(Options options)
    : options_(std::move(options)),
      // Other threads may post to the context, but none of them touches its sockets.
      context_(ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      work_(asio::make_work_guard(context_)),
      wake_timer_(context_) {}

AsioLoop::~AsioLoop() = default;

Instant AsioLoop::Now() const {
  if (now_ == 0) now_ = ReadClock(CLOCK_MONOTONIC);
  return {now_};
}

uint64_t AsioLoop::BootNanos() const { return static_cast<uint64_t>(ReadClock(CLOCK_BOOTTIME)); }

uint64_t AsioLoop::LiveMicros() const {
  return static_cast<uint64_t>(ReadClock(CLOCK_MONOTONIC)) / 1000;
}

Loop::TimerId AsioLoop::After(Duration delay, std::function<void()> task) {
  const TimerId id = ++last_timer_;
  const int64_t deadline = Now().nanos + std::max<int64_t>(delay.count(), 0);
  timers_.emplace(TimerKey(deadline, id), std::move(task));
  deadlines_.emplace(id, deadline);
  return id;
}

void AsioLoop::Cancel(TimerId timer) {
  const auto found = deadlines_.find(timer);
  if (found == deadlines_.end()) return;
  timers_.erase(TimerKey(found->second, timer));
  deadlines_.erase(found);
}

void AsioLoop::Post(std::function<void()> task) {
  bool wake = false;
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
    wake = std::exchange(asleep_, false);
  }
  // Only a sleeping loop costs a system call; one that is awake looks at posted_ before it sleeps.
  if (wake) asio::post(context_, [] {});
}

void AsioLoop::OnTurnEnd(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }

void AsioLoop::Stage(const char* stage) {
  const int64_t now = ReadClock(CLOCK_MONOTONIC);
  if (now_ == 0) now_ = now;
  CloseStage(now);
  stage_ = stage;
  stage_started_ = now;
}

void AsioLoop::CloseStage(int64_t now) {
  if (stage_started_ == 0) return;
  const int64_t took = now - stage_started_;
  if (took <= worst_took_) return;
  worst_took_ = took;
  worst_stage_ = stage_;
}

void AsioLoop::Run() {
  stopping_ = false;
  while (!stopping_) RunTurn();
}

void AsioLoop::Stop() {
  Post([this] { stopping_ = true; });
}

void AsioLoop::RunTurn() {
  WaitForWork();
  RunPosted();
  RunDueTimers();
  RunReadyHandlers();
  RunHooks();
  FinishTurn();
}

// Blocks only when nothing is posted. The clock is read by the first who asks after the wait: a
// handler runs inside run_one, and must not see the time at which the loop fell asleep.
void AsioLoop::WaitForWork() {
  ArmTimer();
  now_ = 0;
  stage_started_ = 0;
  {
    std::lock_guard lock(mutex_);
    asleep_ = posted_.empty();
    running_.swap(posted_);
  }
  if (!running_.empty()) return;
  context_.run_one();
  std::lock_guard lock(mutex_);
  asleep_ = false;
  running_.swap(posted_);
}

void AsioLoop::RunPosted() {
  if (running_.empty()) return;
  Stage("posted task");
  for (std::function<void()>& task : running_) task();
  running_.clear();
}

void AsioLoop::RunDueTimers() {
  if (timers_.empty() || timers_.begin()->first.first > Now().nanos) return;
  Stage("timer");
  // A timer set by one of these tasks belongs to a later turn, also with a delay of zero.
  const TimerId newest = last_timer_;
  while (!timers_.empty()) {
    const auto first = timers_.begin();
    const auto [deadline, id] = first->first;
    if (deadline > Now().nanos || id > newest) return;
    const std::function<void()> task = std::move(first->second);
    timers_.erase(first);
    deadlines_.erase(id);
    task();
  }
}

void AsioLoop::RunReadyHandlers() {
  Stage("io");
  const int64_t end = stage_started_ + options_.turn_budget.count();
  for (int n = 1; context_.poll_one() > 0; ++n) {
    if (n % kHandlersPerClockRead == 0 && ReadClock(CLOCK_MONOTONIC) >= end) return;
  }
}

void AsioLoop::RunHooks() {
  if (hooks_.empty()) return;
  Stage("turn end");
  // By index: a hook may register another one.
  for (size_t i = 0; i < hooks_.size(); ++i) hooks_[i]();
}

void AsioLoop::ArmTimer() {
  if (timers_.empty()) return;
  const int64_t first = timers_.begin()->first.first;
  if (first >= armed_for_) return;
  armed_for_ = first;
  wake_timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(first)));
  wake_timer_.async_wait([this](const std::error_code& error) {
    if (!error) armed_for_ = INT64_MAX;
  });
}

void AsioLoop::FinishTurn() {
  ++turns_;
  const int64_t now = ReadClock(CLOCK_MONOTONIC);
  CloseStage(now);
  const LoopStall stall{worst_stage_, Duration(worst_took_), Duration(now - Now().nanos)};
  worst_took_ = 0;
  if (stall.turn_took >= options_.stall_threshold && options_.on_stall) options_.on_stall(stall);
}

}  // namespace keelson::server
