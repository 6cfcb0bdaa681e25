// Randomness that replays: everything comes from one seed, by our own arithmetic.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace keelson::differential {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // 0 <= result < bound. REQUIRES: bound > 0.
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(engine_() % static_cast<uint64_t>(bound));
  }
  // low <= result <= high.
  int64_t Between(int64_t low, int64_t high) { return low + Below(high - low + 1); }
  // True in `percent` of 100 cases.
  bool Chance(int percent) { return Below(100) < percent; }

  template <typename Item>
  const Item& Pick(const std::vector<Item>& items) {
    return items[static_cast<size_t>(Below(static_cast<int64_t>(items.size())))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace keelson::differential
