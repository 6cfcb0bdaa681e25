// The client's logical thread and its clock, injected so that tests drive both by hand.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "client/keelson/future.h"

namespace keelson::client::internal {

// A point on the monotonic clock: the time since an arbitrary origin.
using Instant = absl::Duration;

class Scheduler : public Executor {
 public:
  using TimerId = uint64_t;
  static constexpr TimerId kNoTimer = 0;

  // Thread-safe.
  virtual Instant Now() const = 0;

  // Runs `task` on the logical thread once `delay` has passed. Never returns kNoTimer. Thread-safe.
  virtual TimerId After(absl::Duration delay, std::function<void()> task) = 0;

  // Forgets a timer; one that has fired, and kNoTimer, are ignored. Called on the logical thread,
  // the task surely does not run any more. Thread-safe.
  virtual void Cancel(TimerId timer) = 0;
};

}  // namespace keelson::client::internal
