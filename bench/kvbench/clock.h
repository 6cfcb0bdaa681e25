// Time as kvbench uses it: nanoseconds of CLOCK_MONOTONIC, the same in every process of the
// machine.
#pragma once

#include <cstdint>
#include <ctime>

namespace keelson::kvbench {

inline constexpr int64_t kNanosPerMicro = 1'000;
inline constexpr int64_t kNanosPerMilli = 1'000'000;
inline constexpr int64_t kNanosPerSecond = 1'000'000'000;
// Later than any time that occurs.
inline constexpr int64_t kNever = INT64_MAX;

inline int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

}  // namespace keelson::kvbench
