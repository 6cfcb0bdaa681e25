// Two small judges of a connection's manners: pings and stream resets. Pure; time is passed in.
#pragma once

#include <chrono>
#include <cstdint>

namespace keelson::server {

// The ping rule of Go's gRPC server: a ping earlier than allowed is a strike, more than two strikes
// end the connection, and an answer that we send in between forgives all.
class PingPolicy {
 public:
  using Time = std::chrono::steady_clock::time_point;

  PingPolicy(std::chrono::milliseconds min_time, bool permit_without_stream)
      : min_time_(min_time), permit_without_stream_(permit_without_stream) {}

  // A response header or data frame left for the client.
  void OnAnswerSent() { forgive_ = true; }

  // A ping came in. False if the connection has to end.
  bool OnPing(Time now, bool has_streams);

 private:
  static constexpr std::chrono::hours kMinTimeWithoutStream{2};
  static constexpr int kMaxStrikes = 2;

  const std::chrono::milliseconds min_time_;
  const bool permit_without_stream_;
  bool pinged_ = false;
  bool forgive_ = false;
  Time last_ping_{};
  int strikes_ = 0;
};

// A token bucket.
class RateLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  RateLimit(uint64_t burst, uint64_t per_second)
      : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // Takes one token; false if there is none.
  bool Take(Time now);

 private:
  const uint64_t burst_;
  const uint64_t per_second_;
  uint64_t tokens_;
  bool started_ = false;
  Time refilled_{};
};

}  // namespace keelson::server
