// What a node needs of the world, each behind an interface with two implementations: the real one
// (Asio, POSIX, threads) and the simulator's. The fourth seam, the disk, is storage/fs/fs.h.
//
// A node and everything below it lives on one logical thread, the loop. Nothing here blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace keelson::server {

using Duration = std::chrono::nanoseconds;

// A monotonic point in time; the epoch is arbitrary but the same for a whole process.
struct Instant {
  int64_t nanos = 0;
  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant a, Duration d) { return {a.nanos + d.count()}; }
  friend Instant operator-(Instant a, Duration d) { return {a.nanos - d.count()}; }
  friend Duration operator-(Instant a, Instant b) { return Duration(a.nanos - b.nanos); }
};

// Time, timers and the loop's queue.
class Loop {
 public:
  using TimerId = uint64_t;  // 0 is never a timer

  virtual ~Loop() = default;

  // CLOCK_MONOTONIC. May be cached for the current turn of the loop.
  virtual Instant Now() const = 0;

  // Nanoseconds of a clock that counts suspended time too (CLOCK_BOOTTIME); stamps freshness.
  virtual uint64_t BootNanos() const = 0;

  // Microseconds of a monotonic clock, read now; bounds the time of slices. Any thread.
  virtual uint64_t LiveMicros() const = 0;

  // Calls `task` on the loop after `delay`, once.
  virtual TimerId After(Duration delay, std::function<void()> task) = 0;
  // Does nothing for a timer that has fired or was cancelled.
  virtual void Cancel(TimerId timer) = 0;

  // Calls `task` on the loop in a later turn. From any thread; tasks of one thread keep order.
  virtual void Post(std::function<void()> task) = 0;
};

// Uniform 64-bit random numbers. Loop thread only.
using Random = std::function<uint64_t()>;

// Runs what would block the loop: WAL syncs, flushes, checkpoints, long reads.
class Runner {
 public:
  // Jobs of one lane run one after the other, in order; lanes run side by side.
  enum class Lane {
    kWal,    // log writes and syncs
    kStore,  // flush, compaction, checkpoint, snapshot files, segment pool
    kRead,   // slices of long reads on pinned views
    kApply,  // log entries that are too large for a turn of the loop
    kJson,   // large messages from and into JSON: others' reads don't wait behind them
  };

  virtual ~Runner() = default;

  // Runs `work` off the loop, then `done` on the loop. From the loop only.
  virtual void Run(Lane lane, std::function<void()> work, std::function<void()> done) = 0;
};

}  // namespace keelson::server
