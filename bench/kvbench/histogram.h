// Latency histogram with bounded relative error, cheap enough to record every operation.
#pragma once

#include <cstdint>
#include <vector>

namespace keelson::kvbench {

// Counts non-negative durations in nanoseconds. Buckets are linear within each power of two (128
// per power), so a reported percentile is at most 1/128 above the true one. Values above ~18
// minutes land in the last bucket; `max()` stays exact. Owned by one thread; merge after the
// threads have ended.
class Histogram {
 public:
  Histogram();

  // Negative values count as zero (clocks of two threads may disagree by a few nanoseconds).
  void Record(int64_t nanos);
  void Merge(const Histogram& other);

  // Smallest recorded bound that at least `percent` (0..100) of the values do not exceed; 0 if
  // empty.
  int64_t Percentile(double percent) const;

  uint64_t count() const { return count_; }
  int64_t min() const { return count_ == 0 ? 0 : min_; }
  int64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0.0 : sum_ / static_cast<double>(count_); }

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t min_ = INT64_MAX;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace keelson::kvbench
