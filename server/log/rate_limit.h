// Keeps warnings of an overload from adding to it.
#pragma once

#include <cstdint>
#include <utility>

namespace keelson::server {

// At most `lines` in each second that begins with a line. Loop thread only.
class RateLimit {
 public:
  explicit RateLimit(uint64_t lines) : lines_(lines) {}

  // Whether a line may be written at `now_nanos` of a clock that never goes back.
  bool Allow(int64_t now_nanos) {
    constexpr int64_t kSecond = 1'000'000'000;
    if (!begun_ || now_nanos - second_ >= kSecond) {
      begun_ = true;
      second_ = now_nanos;
      in_second_ = 0;
    }
    if (in_second_ < lines_) {
      ++in_second_;
      return true;
    }
    ++held_back_;
    return false;
  }

  // Lines that were not written since the last call; to be told with the next one.
  uint64_t TakeHeldBack() { return std::exchange(held_back_, 0); }

 private:
  const uint64_t lines_;
  bool begun_ = false;
  int64_t second_ = 0;
  uint64_t in_second_ = 0;
  uint64_t held_back_ = 0;
};

}  // namespace keelson::server
