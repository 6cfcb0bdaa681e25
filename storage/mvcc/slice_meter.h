// Tells a cursor when its slice is used up.
#pragma once

#include <cstdint>
#include <functional>

#include "storage/mvcc/types.h"

namespace keelson::storage {

class SliceMeter {
 public:
  // `now_micros` may be empty: time does not count then. Both must outlive the meter.
  SliceMeter(const SliceBudget& budget, const std::function<uint64_t()>& now_micros)
      : budget_(budget), now_(now_micros), deadline_(Timed() ? now_() + budget.max_micros : 0) {}

  // Notes one record of that many bytes.
  void Spend(uint64_t bytes) {
    ++keys_;
    bytes_ += bytes;
  }

  // At least one record is always allowed.
  bool UsedUp() const {
    if (keys_ == 0) return false;
    if (budget_.max_keys != 0 && keys_ >= budget_.max_keys) return true;
    if (budget_.max_bytes != 0 && bytes_ >= budget_.max_bytes) return true;
    return Timed() && keys_ % kKeysPerClockRead == 0 && now_() >= deadline_;
  }

 private:
  static constexpr uint64_t kKeysPerClockRead = 16;
  bool Timed() const { return budget_.max_micros != 0 && now_; }

  const SliceBudget& budget_;
  const std::function<uint64_t()>& now_;
  const uint64_t deadline_;
  uint64_t keys_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace keelson::storage
