#include "client/kvctl/stop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace keelson::kvctl {

Stop::Listener::Listener(Stop& stop, std::function<void()> heard) : stop_(stop) {
  const std::lock_guard lock(stop_.mutex_);
  KEELSON_CHECK(!stop_.heard_, "one command listens at a time");
  stop_.heard_ = std::move(heard);
}

Stop::Listener::~Listener() {
  const std::lock_guard lock(stop_.mutex_);
  stop_.heard_ = nullptr;
}

bool Stop::Raise() {
  const std::lock_guard lock(mutex_);
  if (!heard_) return false;
  heard_();
  return true;
}

void Event::Set() {
  const std::lock_guard lock(mutex_);
  set_ = true;
  changed_.notify_all();
}

bool Event::IsSet() {
  const std::lock_guard lock(mutex_);
  return set_;
}

bool Event::Wait(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  // Near enough not to overflow the clock.
  const absl::Duration capped = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(24 * 365));
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(capped);
  return changed_.wait_until(lock, deadline, [this] { return set_; });
}

}  // namespace keelson::kvctl
