#include "tests/sim/sim_loop.h"

#include <algorithm>
#include <utility>

namespace keelson::sim {

void SimLoop::Turn(const std::function<void()>& task, Source source) {
  if (paused_) {
    delayed_.emplace_back(source, task);
    return;
  }
  const std::weak_ptr<char> alive = alive_;
  task();
  // The task may have ended this process.
  if (!alive.expired() && hook_) hook_();
}

void SimLoop::Resume() {
  paused_ = false;
  auto waiting = std::exchange(delayed_, {});
  std::array<uint64_t, 3> rank{};
  if (world_.dice().OneIn(2)) {
    for (uint64_t& place : rank) place = world_.dice().Next();
  }
  std::stable_sort(waiting.begin(), waiting.end(), [&rank](const auto& a, const auto& b) {
    return rank[static_cast<size_t>(a.first)] < rank[static_cast<size_t>(b.first)];
  });
  for (auto& [source, task] : waiting) TurnAt(world_.now(), std::move(task), source);
}

World::EventId SimLoop::TurnAt(Instant when, std::function<void()> task, Source source) {
  return world_.At(when,
                   [this, source, alive = std::weak_ptr<char>(alive_), task = std::move(task)] {
                     if (!alive.expired()) Turn(task, source);
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
  // A large entry may take so long that a leader or the whole state changes meanwhile.
  if (lane == Lane::kApply && dice_.Below(16) == 0) {
    takes += dice_.Between(Duration(0), std::chrono::milliseconds(1500));
  }
  busy = start + takes;
  // The work is done somewhere in between, the loop hears of it at the end: a crash may come after
  // the one and before the other.
  const Instant middle = start + takes / 2;
  auto job = std::make_shared<Job>(Job{start, std::move(work)});
  jobs_.push_back(job);
  loop_.world().At(middle, [this, lane, job, alive = loop_.Life()] {
    if (alive.expired()) return;
    std::erase(jobs_, job);
    job->did = true;
    job->work();
    if (on_work_done_) on_work_done_(lane);
  });
  loop_.TurnAt(busy, [done = std::move(done), job] {
    if (job->did) done();
  });
}

void SimRunner::RunWhatIsUnderWay() {
  for (const auto& job : std::exchange(jobs_, {})) {
    if (job->start <= loop_.Now()) job->work();
  }
}

}  // namespace keelson::sim
