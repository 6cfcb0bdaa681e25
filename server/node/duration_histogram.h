// How long something took, counted in the buckets that etcd's dashboards expect.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/node/seams.h"

namespace keelson::server {

// Loop thread only.
template <int64_t kFirstBoundMicros>
class DurationBuckets {
 public:
  // Bucket i holds what took up to 2^i times the first bound (and longer than the one before); the
  // last one the rest.
  static constexpr size_t kBounds = 14;
  static constexpr double BoundSeconds(size_t i) {
    return static_cast<double>(kFirstBoundMicros << i) / 1e6;
  }

  void Add(Duration took) {
    size_t i = 0;
    while (i < kBounds && took.count() > ((kFirstBoundMicros * 1000) << i)) ++i;
    ++buckets_[i];
    ++count_;
    sum_ += took;
  }

  uint64_t count() const { return count_; }
  Duration sum() const { return sum_; }
  // Not cumulative; kBounds + 1 of them.
  const std::array<uint64_t, kBounds + 1>& buckets() const { return buckets_; }

 private:
  std::array<uint64_t, kBounds + 1> buckets_{};
  uint64_t count_ = 0;
  Duration sum_{};
};

using DurationHistogram = DurationBuckets<1000>;  // from 1 ms to 8 s
using RoundTripHistogram = DurationBuckets<100>;  // from 0.1 ms to 0.8 s

}  // namespace keelson::server
