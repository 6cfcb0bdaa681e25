// What a lease does under one steady leader.
#include "server/lease/lease_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/lease/lease_rules.h"
#include "tests/lease/lease_fixture.h"

namespace keelson::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LeaseTableTest : public LeaseFixture {};

TEST_F(LeaseTableTest, GrantedLeaseIsListedWithItsTtl) {
  Grant(7, 10);
  Grant(8, 20);
  EXPECT_TRUE(table_.Contains(7));
  EXPECT_FALSE(table_.Contains(9));
  const auto leases = table_.List();
  ASSERT_EQ(leases.size(), 2u);
  EXPECT_EQ(leases[0].id, 7);
  EXPECT_EQ(leases[1].ttl, 20);
}

TEST_F(LeaseTableTest, SecondGrantOfAnIdChangesNothing) {
  Promote();
  Grant(7, 10);
  Grant(7, 99);
  EXPECT_EQ(table_.size(), 1u);
  EXPECT_EQ(table_.TimeToLive(7, now_)->granted, 10);
}

TEST_F(LeaseTableTest, NegativeIdsAreLeasesLikeAnyOther) {
  Promote();
  Grant(-5, 2);
  Run(seconds(3));
  EXPECT_THAT(expired_, ElementsAre(-5));
}

TEST_F(LeaseTableTest, LeaseEndsAfterItsTtlAndAtMostASecondLater) {
  Promote();
  Grant(7, 5);
  Run(seconds(5) - milliseconds(1));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(301));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseTableTest, LeasesEndInTheOrderOfTheirDeadlines) {
  Promote();
  Grant(1, 30);
  Grant(2, 4);
  Grant(3, 7);
  Run(seconds(40));
  EXPECT_THAT(expired_, ElementsAre(2, 3, 1));
}

TEST_F(LeaseTableTest, ALeaseIsHandedOutOnceUntilItIsLost) {
  Promote();
  Grant(7, 2);
  Run(seconds(10));
  EXPECT_THAT(expired_, ElementsAre(7));
  table_.ExpiryLost({7, 12345});
  Run(seconds(1));
  EXPECT_THAT(expired_, ElementsAre(7, 7));
  EXPECT_EQ(table_.expired(), 0u);
  table_.OnRevoked(7);
  EXPECT_EQ(table_.expired(), 1u);
  table_.ExpiryLost({7});
  Run(seconds(10));
  EXPECT_THAT(expired_, ElementsAre(7, 7));
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(LeaseTableTest, RevokedLeaseNeverEnds) {
  Promote();
  Grant(7, 5);
  Run(seconds(2));
  table_.OnRevoked(7);
  table_.OnRevoked(7);
  Run(seconds(20));
  EXPECT_THAT(expired_, IsEmpty());
}

TEST_F(LeaseTableTest, KeepAliveGivesTheFullTtlAgain) {
  Promote();
  Grant(7, 5);
  Run(seconds(4));
  const auto answer = Renew(7);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->outcome, Outcome::kRenewed);
  EXPECT_EQ((*answer)->ttl, 5);
  Run(seconds(5) - milliseconds(1));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(301));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseTableTest, RenewalBetweenTwoHeartbeatsCountsFromItsOwnMoment) {
  Promote();
  Grant(7, 2);
  Run(seconds(1));
  now_ = now_ + milliseconds(90);
  EXPECT_EQ(RenewNow(7), Outcome::kRenewed);
  const Instant renewed = now_;
  now_ = now_ + milliseconds(10);
  while (expired_.empty()) Run(milliseconds(100));
  EXPECT_GE(now_ - renewed, seconds(2));
  EXPECT_LE(now_ - renewed, seconds(3));
}

TEST_F(LeaseTableTest, RenewedLeaseOutlivesManyTtls) {
  Promote();
  Grant(7, 3);
  for (int i = 0; i < 1000; ++i) {
    Run(seconds(1));
    ASSERT_EQ(RenewNow(7), Outcome::kRenewed);
  }
  EXPECT_THAT(expired_, IsEmpty());
}

TEST_F(LeaseTableTest, KeepAliveOfAnUnknownLeaseIsAnsweredAtOnce) {
  Promote();
  EXPECT_EQ(RenewNow(7), Outcome::kGone);
}

TEST_F(LeaseTableTest, KeepAliveDuringExpiryWaitsForTheDelete) {
  Promote();
  Grant(7, 2);
  Run(seconds(3));
  ASSERT_THAT(expired_, ElementsAre(7));
  const auto first = Renew(7);
  const auto second = Renew(7);
  EXPECT_FALSE(first->has_value());
  Run(seconds(1));
  EXPECT_FALSE(first->has_value());
  table_.OnRevoked(7);
  ASSERT_TRUE(first->has_value());
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ((*first)->outcome, Outcome::kGone);
  EXPECT_EQ((*second)->outcome, Outcome::kGone);
}

TEST_F(LeaseTableTest, KeepAliveThatWaitsIsNotRevivedByALostProposal) {
  Promote();
  Grant(7, 2);
  Run(seconds(3));
  const auto answer = Renew(7);
  table_.ExpiryLost({7});
  Run(seconds(1));
  EXPECT_FALSE(answer->has_value());
  EXPECT_THAT(expired_, ElementsAre(7, 7));
}

TEST_F(LeaseTableTest, KeepAliveMayUseTheTableFromItsAnswer) {
  Promote();
  Grant(7, 2);
  Run(seconds(3));
  bool granted_again = false;
  table_.Renew(7, now_, [&](LeaseRenewal) {
    Grant(7, 2);
    table_.Renew(7, now_, [&](LeaseRenewal r) { granted_again = r.outcome == Outcome::kRenewed; });
  });
  table_.OnRevoked(7);
  EXPECT_TRUE(granted_again);
}

TEST_F(LeaseTableTest, EndedLeaseThatNobodyProposedYetCanStillBeRenewed) {
  Promote();
  Grant(1, 2);
  Grant(2, 2);
  for (int i = 0; i < 30; ++i) {
    now_ = now_ + kHeartbeat;
    table_.QuorumContact(now_);
  }
  EXPECT_THAT(table_.Expired(now_, 1), ElementsAre(1));
  EXPECT_TRUE(table_.MoreExpired());
  EXPECT_EQ(RenewNow(2), Outcome::kRenewed);
  Run(seconds(1));
  EXPECT_THAT(expired_, IsEmpty());
  Run(seconds(2));
  EXPECT_THAT(expired_, ElementsAre(2));
}

TEST_F(LeaseTableTest, TimeToLiveIsTheFloorOfWhatRemains) {
  Promote();
  Grant(7, 10);
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, 10);
  Run(milliseconds(1));
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, 9);
  EXPECT_EQ(table_.TimeToLive(7, now_)->granted, 10);
  Run(milliseconds(9000));
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, 0);
  Run(seconds(5));
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, 0);
  EXPECT_FALSE(table_.TimeToLive(8, now_).has_value());
}

TEST_F(LeaseTableTest, LongestTtlNeitherOverflowsNorEnds) {
  Promote();
  Grant(7, kMaxLeaseTtl);
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, kMaxLeaseTtl);
  EXPECT_EQ(RenewNow(7), Outcome::kRenewed);
  Run(hours(3));
  EXPECT_THAT(expired_, IsEmpty());
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, kMaxLeaseTtl - 3 * 3600);
}

TEST_F(LeaseTableTest, EveryLevelOfTheWheelFiresOnTime) {
  Promote();
  const int64_t ttls[] = {2, 25, 26, 3000, 6553, 6554, 7000, 20000};
  for (const int64_t ttl : ttls) Grant(ttl, ttl);
  Run(milliseconds(50));
  for (const int64_t ttl : ttls) {
    const Instant due = Instant{5'000'000'000} + seconds(ttl);
    if (now_ < due - milliseconds(1)) Run(due - milliseconds(1) - now_);
    ASSERT_TRUE(expired_.empty() || expired_.back() != ttl) << ttl;
    Run(milliseconds(401));
    ASSERT_FALSE(expired_.empty());
    ASSERT_EQ(expired_.back(), ttl);
  }
}

TEST_F(LeaseTableTest, ClearForgetsEverythingAndAnswersWhoWaits) {
  Promote();
  Grant(1, 2);
  Grant(2, 2);
  Run(seconds(3));
  const auto waiting = Renew(1);
  table_.Demote();
  table_.Clear();
  ASSERT_TRUE(waiting->has_value());
  EXPECT_EQ((*waiting)->outcome, Outcome::kNotPrimary);
  EXPECT_EQ(table_.size(), 0u);
  Grant(3, 2);
  Promote();
  expired_.clear();
  Run(seconds(4));
  EXPECT_THAT(expired_, ElementsAre(3));
}

}  // namespace
}  // namespace keelson::server
