// Waiting on a condition variable with an absl::Duration, infinite ones included.
//
// The client's threads meet on std::mutex, not on absl::Mutex: Debian's Abseil is built without
// instrumentation, so ThreadSanitizer can't see what an absl::Mutex orders.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace keelson::client::internal {

// Waits until `condition` holds or `timeout` has passed; whether it holds. REQUIRES: `lock` is
// held.
template <typename Condition>
bool WaitFor(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
             absl::Duration timeout, Condition condition) {
  // Far enough for "forever", and near enough not to overflow the clock.
  const absl::Duration capped = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(24 * 365));
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(capped);
  return changed.wait_until(lock, deadline, condition);
}

}  // namespace keelson::client::internal
