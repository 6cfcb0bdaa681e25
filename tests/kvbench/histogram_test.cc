#include "bench/kvbench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "bench/kvbench/keyspace.h"

namespace keelson::kvbench {
namespace {

TEST(HistogramTest, AnEmptyHistogramReportsZeros) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Percentile(50), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.mean(), 0.0);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int value = 1; value <= 200; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Percentile(50), 100);
  EXPECT_EQ(histogram.Percentile(99), 198);
  EXPECT_EQ(histogram.Percentile(100), 200);
  EXPECT_EQ(histogram.Percentile(0), 1);
}

TEST(HistogramTest, EveryPercentileIsAtMostOnePart128AboveTheTruth) {
  constexpr uint64_t kSeed = 7;
  Random random(kSeed);
  Histogram histogram;
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<int64_t>(random.Next() >> (24 + random.Below(40)));
    values.push_back(value);
    histogram.Record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<size_t>(percent / 100.0 * 20'000 + 0.999999);
    const int64_t truth = values[std::max<size_t>(rank, 1) - 1];
    EXPECT_GE(histogram.Percentile(percent), truth) << percent;
    EXPECT_LE(histogram.Percentile(percent), truth + truth / 128 + 1) << percent;
  }
}

TEST(HistogramTest, ValuesBeyondTheLastBucketKeepTheExactMaximum) {
  Histogram histogram;
  const int64_t huge = int64_t{1} << 50;
  histogram.Record(huge);
  EXPECT_EQ(histogram.max(), huge);
  EXPECT_EQ(histogram.Percentile(99), huge);
}

TEST(HistogramTest, NegativeValuesCountAsZero) {
  Histogram histogram;
  histogram.Record(-5);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.Percentile(50), 0);
  EXPECT_EQ(histogram.count(), 1u);
}

TEST(HistogramTest, MergingEqualsRecordingInOne) {
  Histogram left;
  Histogram right;
  Histogram both;
  for (int i = 0; i < 1000; ++i) {
    (i % 3 == 0 ? left : right).Record(i * 1000);
    both.Record(i * 1000);
  }
  left.Merge(right);
  EXPECT_EQ(left.count(), both.count());
  EXPECT_EQ(left.min(), both.min());
  EXPECT_EQ(left.max(), both.max());
  EXPECT_DOUBLE_EQ(left.mean(), both.mean());
  for (const double percent : {1.0, 50.0, 99.0}) {
    EXPECT_EQ(left.Percentile(percent), both.Percentile(percent));
  }
}

}  // namespace
}  // namespace keelson::kvbench
