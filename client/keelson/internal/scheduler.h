// The client's logical thread and its clock, injected so that tests drive both by hand.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"

namespace keelson::client::internal {

// A point on the monotonic clock: the time since an arbitrary origin.
using Instant = absl::Duration;

class Scheduler {
 public:
  using TimerId = uint64_t;
  static constexpr TimerId kNoTimer = 0;

  virtual ~Scheduler() = default;

  // Thread-safe.
  virtual Instant Now() const = 0;

  // Runs `task` on the logical thread, after all that was posted before. Thread-safe.
  virtual void Post(std::function<void()> task) = 0;

  // Runs `task` on the logical thread once `delay` has passed. Never returns kNoTimer. Thread-safe.
  virtual TimerId After(absl::Duration delay, std::function<void()> task) = 0;

  // Forgets a timer; one that has fired, and kNoTimer, are ignored. Called on the logical thread,
  // the task surely does not run any more. Thread-safe.
  virtual void Cancel(TimerId timer) = 0;

  // Whether the caller runs on the logical thread, where nothing may block.
  virtual bool InLoop() const = 0;
};

}  // namespace keelson::client::internal
