#include "tests/sim/sim_loop.h"

#include <algorithm>
#include <utility>

namespace keelson::sim {

void SimLoop::Turn(const std::function<void()>& task) {
  if (paused_) {
    delayed_.push_back(task);
    return;
  }
  const std::weak_ptr<char> alive = alive_;
  task();
  // The task may have ended this process.
  if (!alive.expired() && hook_) hook_();
}

void SimLoop::Resume() {
  paused_ = false;
  for (auto& task : std::exchange(delayed_, {})) Post(std::move(task));
}

World::EventId SimLoop::TurnAt(Instant when, std::function<void()> task) {
  return world_.At(when, [this, alive = std::weak_ptr<char>(alive_), task = std::move(task)] {
    if (!alive.expired()) Turn(task);
  });
}

SimLoop::TimerId SimLoop::After(Duration delay, std::function<void()> task) {
  const TimerId id = ++last_timer_;
  timers_[id] = TurnAt(world_.now() + delay, [this, id, task = std::move(task)] {
    if (timers_.erase(id) != 0) task();
  });
  return id;
}

void SimLoop::Cancel(TimerId timer) {
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  world_.Cancel(found->second);
  timers_.erase(found);
}

void SimRunner::Run(Lane lane, std::function<void()> work, std::function<void()> done) {
  Instant& busy = busy_until_[static_cast<size_t>(lane)];
  const Instant start =
      std::max(busy, loop_.Now()) + dice_.Between(Duration(1000), Duration(20000));
  Duration takes = dice_.Between(std::chrono::microseconds(50), std::chrono::microseconds(800));
  if (extra_.count() > 0) takes += dice_.Between(Duration(0), extra_);
  busy = start + takes;
  // The work is done somewhere in between, the loop hears of it at the end: a crash may come after
  // the one and before the other.
  const Instant middle = start + takes / 2;
  auto did = std::make_shared<bool>(false);
  loop_.world().At(middle, [work = std::move(work), did, alive = loop_.Life()] {
    if (alive.expired()) return;
    work();
    *did = true;
  });
  loop_.TurnAt(busy, [done = std::move(done), did] {
    if (*did) done();
  });
}

}  // namespace keelson::sim
