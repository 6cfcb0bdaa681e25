// The loop and the runner of one simulated process.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/node/seams.h"
#include "tests/sim/world.h"

namespace keelson::sim {

// Dies with its process: what it had scheduled never happens.
class SimLoop final : public server::Loop {
 public:
  // Where a turn comes from. Between sources a kernel keeps no order.
  enum class Source { kOwn, kClients, kPeers };

  // `clock_ppm`: by how many parts in a million its machine's clock is too fast.
  explicit SimLoop(World& world, int64_t clock_ppm = 0) : world_(world), clock_ppm_(clock_ppm) {}

  // Called after every task, as the real loop calls its turn-end hooks.
  void OnTurnEnd(std::function<void()> hook) { hook_ = std::move(hook); }

  // Runs `task` as one turn of this process at `when`, if it still lives.
  World::EventId TurnAt(Instant when, std::function<void()> task, Source source = Source::kOwn);

  Instant Now() const override { return world_.now(); }
  uint64_t BootNanos() const override {
    const int64_t now = world_.now().nanos;
    return static_cast<uint64_t>(now + now / 1000000 * clock_ppm_);
  }
  // When this machine's clock showed `boot_nanos`, or at most 2 microseconds earlier.
  Instant TimeOf(uint64_t boot_nanos) const {
    constexpr int64_t kMillion = 1000000;
    return Instant{static_cast<int64_t>(boot_nanos) * kMillion / (kMillion + clock_ppm_) - 2000};
  }
  uint64_t LiveMicros() const override { return BootNanos() / 1000; }
  TimerId After(Duration delay, std::function<void()> task) override;
  void Cancel(TimerId timer) override;
  void Post(std::function<void()> task) override { TurnAt(world_.now(), std::move(task)); }

  World& world() { return world_; }
  std::weak_ptr<char> Life() const { return alive_; }
  // Paused: turns wait until Resume, as under SIGSTOP.
  void Pause() { paused_ = true; }
  // What came meanwhile is there at once, in the order of each source; which source comes first is
  // up to chance.
  void Resume();

 private:
  void Turn(const std::function<void()>& task, Source source);

  World& world_;
  const int64_t clock_ppm_;
  std::function<void()> hook_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  TimerId last_timer_ = 0;
  std::unordered_map<TimerId, World::EventId> timers_;
  bool paused_ = false;
  std::vector<std::pair<Source, std::function<void()>>> delayed_;
};

// Lanes run side by side, each one job after the other; how long a job takes is up to chance.
class SimRunner final : public server::Runner {
 public:
  SimRunner(SimLoop& loop, Dice& dice) : loop_(loop), dice_(dice) {}
  void Run(Lane lane, std::function<void()> work, std::function<void()> done) override;

  // Adds up to `extra` to each job: a slow disk.
  void SetSlowness(Duration extra) { extra_ = extra; }
  // The process is about to end: what is being done right now is done, as far as the disk lets it.
  void RunWhatIsUnderWay();
  // Hears of each job whose work is done, before its loop does.
  void OnWorkDone(std::function<void(Lane)> hook) { on_work_done_ = std::move(hook); }

 private:
  struct Job {
    Instant start;
    std::function<void()> work;
    bool did = false;
  };

  SimLoop& loop_;
  Dice& dice_;
  Duration extra_{0};
  std::array<Instant, 4> busy_until_{};
  std::vector<std::shared_ptr<Job>> jobs_;  // not done
  std::function<void(Lane)> on_work_done_;
};

}  // namespace keelson::sim
