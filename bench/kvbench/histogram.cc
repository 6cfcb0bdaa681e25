#include "bench/kvbench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace keelson::kvbench {
namespace {

constexpr int kSubBits = 7;
constexpr uint64_t kSubCount = uint64_t{1} << kSubBits;
constexpr int kMaxBits = 40;
constexpr size_t kBuckets = (kMaxBits - kSubBits + 1) * kSubCount;

// Values below 2 * kSubCount are their own index; above, the top kSubBits + 1 bits select the
// bucket.
size_t IndexOf(uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - (kSubBits + 1));
  const size_t index = static_cast<size_t>(shift) * kSubCount + (value >> shift);
  return std::min(index, kBuckets - 1);
}

// Largest value that IndexOf maps to `index`.
int64_t UpperBound(size_t index) {
  if (index < 2 * kSubCount) return static_cast<int64_t>(index);
  const uint64_t shift = index / kSubCount - 1;
  const uint64_t mantissa = index - shift * kSubCount;
  return static_cast<int64_t>(((mantissa + 1) << shift) - 1);
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets, 0) {}

void Histogram::Record(int64_t nanos) {
  nanos = std::max<int64_t>(nanos, 0);
  ++buckets_[IndexOf(static_cast<uint64_t>(nanos))];
  ++count_;
  min_ = std::min(min_, nanos);
  max_ = std::max(max_, nanos);
  sum_ += static_cast<double>(nanos);
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

int64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(percent / 100.0 * static_cast<double>(count_));
  const uint64_t rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, count_);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return i + 1 == kBuckets ? max_ : std::min(UpperBound(i), max_);
  }
  return max_;
}

}  // namespace keelson::kvbench
