#include "server/lease/lease_rules.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace keelson::server {
namespace {

using std::chrono::milliseconds;

TEST(LeaseRules, MinimumTtlIsOneAndAHalfElectionTimeoutsRoundedUp) {
  EXPECT_EQ(MinimumLeaseTtl(milliseconds(1000)), 2);
  EXPECT_EQ(MinimumLeaseTtl(milliseconds(100)), 1);
  EXPECT_EQ(MinimumLeaseTtl(milliseconds(2000)), 3);
  EXPECT_EQ(MinimumLeaseTtl(milliseconds(2001)), 4);
  EXPECT_EQ(MinimumLeaseTtl(milliseconds(50000)), 75);
}

TEST(LeaseRules, ShortZeroAndNegativeTtlsAreRaisedToTheMinimum) {
  EXPECT_EQ(ClampLeaseTtl(1, milliseconds(1000)), 2);
  EXPECT_EQ(ClampLeaseTtl(0, milliseconds(1000)), 2);
  EXPECT_EQ(ClampLeaseTtl(std::numeric_limits<int64_t>::min(), milliseconds(1000)), 2);
  EXPECT_EQ(ClampLeaseTtl(3, milliseconds(1000)), 3);
}

TEST(LeaseRules, TtlBeyondNineBillionSecondsIsRefusedWithEtcdsText) {
  EXPECT_TRUE(CheckLeaseTtl(9'000'000'000).ok());
  const absl::Status status = CheckLeaseTtl(9'000'000'001);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(std::string(status.message()), "etcdserver: too large lease TTL");
}

TEST(LeaseRules, ChosenIdsArePositiveAndNotTaken) {
  uint64_t draws[] = {0, uint64_t{1} << 63, std::numeric_limits<uint64_t>::max(), 17, 18};
  size_t next = 0;
  const Random random = [&] { return draws[next++]; };
  EXPECT_EQ(ChooseLeaseId(random, [](int64_t) { return false; }),
            std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ChooseLeaseId(random, [](int64_t id) { return id == 17; }), 18);
}

}  // namespace
}  // namespace keelson::server
