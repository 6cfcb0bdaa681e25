#include "server/rpc/abuse_policy.h"

#include <algorithm>

namespace keelson::server {

bool PingPolicy::OnPing(Time now, bool has_streams) {
  const bool first = !pinged_;
  const Time last = last_ping_;
  pinged_ = true;
  last_ping_ = now;
  if (forgive_) {
    forgive_ = false;
    strikes_ = 0;
    return true;
  }
  std::chrono::milliseconds allowed = min_time_;
  if (!has_streams && !permit_without_stream_) allowed = kMinTimeWithoutStream;
  if (!first && now - last < allowed) ++strikes_;
  return strikes_ <= kMaxStrikes;
}

bool RateLimit::Take(Time now) {
  if (!started_) {
    started_ = true;
    refilled_ = now;
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - refilled_);
  if (seconds.count() > 0) {
    const auto elapsed = static_cast<uint64_t>(seconds.count());
    const uint64_t room = burst_ - tokens_;
    const bool full = per_second_ > 0 && elapsed >= room / per_second_ + 1;
    tokens_ += full ? room : std::min(room, elapsed * per_second_);
    refilled_ += seconds;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace keelson::server
