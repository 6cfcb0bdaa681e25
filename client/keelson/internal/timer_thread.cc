#include "client/keelson/internal/timer_thread.h"

#include <algorithm>
#include <chrono>

namespace keelson::client::internal {
namespace {

// Far from where the clock would overflow, as an infinite delay would make it.
constexpr absl::Duration kLongestWait = absl::Hours(24);

Instant MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

TimerThread::TimerThread() : state_(std::make_shared<State>()) {
  thread_ = std::thread([state = state_] { Run(state); });
}

TimerThread::~TimerThread() {
  std::map<std::pair<Instant, TimerId>, std::function<void()>> dropped;
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopped = true;
    state_->due.swap(dropped);
    state_->when.clear();
    state_->changed.notify_all();
  }
  if (InLoop()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

Instant TimerThread::Now() const { return MonotonicNow(); }

void TimerThread::Post(std::function<void()> task) { After(absl::ZeroDuration(), std::move(task)); }

Scheduler::TimerId TimerThread::After(absl::Duration delay, std::function<void()> task) {
  const std::lock_guard lock(state_->mutex);
  const TimerId id = ++state_->last_id;
  if (state_->stopped) return id;
  // What is posted keeps its order, since the clock does not go back; and it does not come before
  // timers that were due earlier, or one that is always busy would never renew a lease.
  const Instant when = MonotonicNow() + std::max(delay, absl::ZeroDuration());
  state_->due.emplace(std::make_pair(when, id), std::move(task));
  state_->when.emplace(id, when);
  if (state_->due.begin()->first.second == id) state_->changed.notify_one();
  return id;
}

void TimerThread::Cancel(TimerId timer) {
  std::function<void()> forgotten;  // its end may be that of others, so not under the lock
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->when.find(timer);
  if (found == state_->when.end()) return;
  const auto due = state_->due.find({found->second, timer});
  forgotten = std::move(due->second);
  state_->due.erase(due);
  state_->when.erase(found);
}

bool TimerThread::InLoop() const { return std::this_thread::get_id() == thread_.get_id(); }

void TimerThread::Run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (!state->stopped) {
    if (state->due.empty()) {
      state->changed.wait(lock);
      continue;
    }
    const auto first = state->due.begin();
    const absl::Duration wait = first->first.first - MonotonicNow();
    if (wait > absl::ZeroDuration()) {
      state->changed.wait_for(lock, absl::ToChronoNanoseconds(std::min(wait, kLongestWait)));
      continue;
    }
    auto task = std::move(first->second);
    state->when.erase(first->first.second);
    state->due.erase(first);
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace keelson::client::internal
