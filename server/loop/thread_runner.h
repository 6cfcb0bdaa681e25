// The runner of a real process: one thread per lane.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

#include "server/node/seams.h"

namespace keelson::server {

// Owned by the loop. The store lane has a low CPU and I/O priority, so that a compaction does not
// push a sync aside.
class ThreadRunner final : public Runner {
 public:
  // What one lane has done so far. Times in nanoseconds.
  struct LaneStats {
    uint64_t jobs = 0;
    uint64_t handoff_nanos = 0;      // sum, from Run to the start of the work
    uint64_t max_handoff_nanos = 0;  // the longest of them, waiting behind other jobs included
    uint64_t busy_nanos = 0;         // sum of the work itself
  };

  // `loop` outlives the runner; `done` callbacks are posted to it.
  explicit ThreadRunner(Loop& loop);
  ~ThreadRunner() override;  // stops

  // Starts the threads. REQUIRES: not running.
  void Start();
  // Ends the threads once all queued jobs have run; blocks. Their `done`s are posted as always.
  void Stop();

  // REQUIRES: Start was called and Stop was not.
  void Run(Lane lane, std::function<void()> work, std::function<void()> done) override;

  LaneStats Stats(Lane lane) const;  // any thread

 private:
  class LaneThread;
  LaneThread& ThreadOf(Lane lane) const;

  std::array<std::unique_ptr<LaneThread>, 5> lanes_;
};

}  // namespace keelson::server
