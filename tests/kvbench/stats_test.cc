#include "bench/kvbench/stats.h"

#include <gtest/gtest.h>

namespace keelson::kvbench {
namespace {

constexpr Window kWindow{.start = 0, .from = 100, .to = 1000};

TEST(StatsTest, WarmUpAndDrainCountOnlyInTheTotal) {
  RunStats stats;
  stats.window = kWindow;
  stats.RecordOk(OpKind::kPut, 10, 50);     // warm-up
  stats.RecordOk(OpKind::kPut, 90, 150);    // began in the warm-up
  stats.RecordOk(OpKind::kPut, 200, 300);   // measured
  stats.RecordOk(OpKind::kPut, 990, 1500);  // answered in the drain: its latency still counts
  EXPECT_EQ(stats.of(OpKind::kPut).ok_total, 4u);
  EXPECT_EQ(stats.of(OpKind::kPut).ok, 2u);
  EXPECT_EQ(stats.of(OpKind::kPut).latency.count(), 2u);
  EXPECT_EQ(stats.of(OpKind::kPut).latency.max(), 510);
}

TEST(StatsTest, TheLongestGapLiesBetweenTwoSuccesses) {
  const Gap gap = LongestGap({500, 120, 150, 700, 900}, kWindow);
  EXPECT_EQ(gap.length, 350);
  EXPECT_EQ(gap.after, 150);
}

TEST(StatsTest, AGapMayReachToTheEndOfTheWindow) {
  const Gap gap = LongestGap({200, 300}, kWindow);
  EXPECT_EQ(gap.length, 700);
  EXPECT_EQ(gap.after, 300);
}

TEST(StatsTest, WithoutAnySuccessTheWholeWindowIsTheGap) {
  EXPECT_EQ(LongestGap({}, kWindow).length, 900);
}

TEST(StatsTest, ARunByCountEndsAtItsLastSuccess) {
  Window window = kWindow;
  window.to = kNever;
  EXPECT_EQ(LongestGap({200, 260}, window).length, 100);
  EXPECT_EQ(LongestGap({}, window).length, 0);
}

TEST(StatsTest, SuccessesAreCountedPerSlot) {
  EXPECT_EQ(CountPerSlot({5, 9, 10, 31}, Window{}, 10), (std::vector<uint64_t>{2, 1, 0, 1}));
}

TEST(StatsTest, ErrorsAreCountedByCodeWithTheirFirstText) {
  OpStats stats;
  stats.AddError({kUnavailable, "first"});
  stats.AddError({kUnavailable, "second"});
  stats.AddError({99, "strange"});
  EXPECT_EQ(stats.errors[kUnavailable], 2u);
  EXPECT_EQ(stats.first_error[kUnavailable], "first");
  EXPECT_EQ(stats.errors[kUnknown], 1u);
  EXPECT_EQ(stats.error_count(), 3u);
}

}  // namespace
}  // namespace keelson::kvbench
