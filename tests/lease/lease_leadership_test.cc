// What leader changes, pauses and lost quorums do to leases: nothing but make them end later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/lease/lease_table.h"
#include "tests/lease/lease_fixture.h"

namespace keelson::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LeaseLeadershipTest : public LeaseFixture {};

TEST_F(LeaseLeadershipTest, FollowerEndsNoLease) {
  Grant(7, 2);
  Run(hours(1));
  EXPECT_THAT(expired_, IsEmpty());
  EXPECT_FALSE(table_.MoreExpired());
}

TEST_F(LeaseLeadershipTest, FollowerDoesNotRenew) {
  Grant(7, 2);
  EXPECT_EQ(RenewNow(7), Outcome::kNotPrimary);
}

TEST_F(LeaseLeadershipTest, NewLeaderGivesFullTtlPlusOneElectionTimeout) {
  Grant(7, 5);
  Run(seconds(100));
  Promote();
  EXPECT_EQ(table_.TimeToLive(7, now_)->remaining, 6);
  Run(seconds(6) - milliseconds(1));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(301));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseLeadershipTest, RenewalSoonAfterAnElectionTakesNoTimeAway) {
  Grant(7, 5);
  Promote();
  Run(milliseconds(200));
  EXPECT_EQ(RenewNow(7), Outcome::kRenewed);
  Run(milliseconds(5799));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(401));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseLeadershipTest, LeaderThatLeadsAgainExtendsWhatItHadCounted) {
  Promote();
  Grant(7, 5);
  Run(milliseconds(4900));
  table_.Demote();
  Run(milliseconds(300));
  Promote();
  Run(milliseconds(5999));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(401));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseLeadershipTest, DeposedLeaderForgetsTheExpiriesItHandedOut) {
  Promote();
  Grant(7, 2);
  Run(seconds(3));
  ASSERT_THAT(expired_, ElementsAre(7));
  const auto waiting = Renew(7);
  table_.Demote();
  ASSERT_TRUE(waiting->has_value());
  EXPECT_EQ((*waiting)->outcome, Outcome::kNotPrimary);
  table_.ExpiryLost({7});
  Promote();
  EXPECT_EQ(RenewNow(7), Outcome::kRenewed);
  Run(seconds(3) - milliseconds(1));
  EXPECT_THAT(expired_, ElementsAre(7));
  Run(milliseconds(301));
  EXPECT_THAT(expired_, ElementsAre(7, 7));
}

TEST_F(LeaseLeadershipTest, DueLeaseOfAnEarlierLeadershipStartsAnew) {
  Promote();
  Grant(1, 2);
  Grant(2, 2);
  for (int i = 0; i < 30; ++i) {
    now_ = now_ + kHeartbeat;
    table_.QuorumContact(now_);
  }
  ASSERT_THAT(table_.Expired(now_, 1), ElementsAre(1));
  table_.Demote();
  Promote();
  Run(seconds(3) - milliseconds(1));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(301));
  EXPECT_THAT(expired_, ElementsAre(2, 1));
}

TEST_F(LeaseLeadershipTest, TimeWithoutQuorumDoesNotCount) {
  Promote();
  Grant(7, 5);
  Run(seconds(4));
  RunAlone(seconds(60));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(900));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(500));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseLeadershipTest, PausedLeaderEndsNothingWhenItWakes) {
  Promote();
  Grant(7, 10);
  Run(seconds(6));
  now_ = now_ + hours(1);  // the process was stopped
  Collect();
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(3000));
  EXPECT_THAT(expired_, IsEmpty());
  EXPECT_EQ(RenewNow(7), Outcome::kRenewed);
}

TEST_F(LeaseLeadershipTest, LeaseThatIsDueStaysWhileTheQuorumIsOutOfReach) {
  Promote();
  Grant(7, 2);
  for (int i = 0; i < 25; ++i) {
    now_ = now_ + kHeartbeat;
    table_.QuorumContact(now_);
  }
  now_ = now_ + seconds(2);
  Collect();
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(200));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseLeadershipTest, RenewalDuringAPauseOfContactsIsNeverShort) {
  Promote();
  Grant(7, 2);
  now_ = now_ + milliseconds(999);
  EXPECT_EQ(RenewNow(7), Outcome::kRenewed);
  const Instant renewed = now_;
  now_ = now_ + milliseconds(1);
  table_.QuorumContact(now_);  // the whole second counts
  while (expired_.empty()) Run(milliseconds(100));
  EXPECT_GE(now_ - renewed, seconds(2));
}

TEST_F(LeaseLeadershipTest, ClockThatStepsBackIsIgnored) {
  Promote();
  Grant(7, 2);
  Run(seconds(1));
  table_.QuorumContact(now_ - milliseconds(800));
  table_.QuorumContact(now_);
  Run(milliseconds(999));
  EXPECT_THAT(expired_, IsEmpty());
  Run(milliseconds(301));
  EXPECT_THAT(expired_, ElementsAre(7));
}

TEST_F(LeaseLeadershipTest, ANewLeaderGivesALongLeaseWhatItsCheckpointSays) {
  Grant(1, 3600);
  Grant(2, 3600);
  table_.OnCheckpoint({1, 100});
  Promote();
  EXPECT_EQ(Left(1), 101) << "and an election timeout";
  EXPECT_EQ(Left(2), 3601);
  Run(std::chrono::seconds(102));
  EXPECT_EQ(expired_, (std::vector<int64_t>{1}));
}

TEST_F(LeaseLeadershipTest, ACheckpointTakesNothingFromTheLeadershipThatMadeIt) {
  Grant(1, 3600);
  Promote();
  Run(std::chrono::seconds(400));
  const auto due = table_.DueCheckpoints(now_, 10);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].remaining, Left(1) + 1) << "rounded up";
  EXPECT_TRUE(table_.IsCheckpointed(1)) << "on its way";
  const int64_t left = Left(1);
  table_.OnCheckpoint(due[0]);
  EXPECT_EQ(Left(1), left);
  EXPECT_TRUE(table_.DueCheckpoints(now_, 10).empty()) << "the log knows enough";
  table_.Demote();
  Promote();
  EXPECT_GE(Left(1), left);
  EXPECT_LE(Left(1), left + 2);
}

TEST_F(LeaseLeadershipTest, AStoreTellsALeaseWithItsCheckpoint) {
  table_.OnGranted({.id = 1, .ttl = 3600, .remaining = 100}, now_);
  EXPECT_TRUE(table_.IsCheckpointed(1));
  EXPECT_EQ(table_.List().front().remaining, 100);
  Promote();
  EXPECT_EQ(Left(1), 101);
}

TEST_F(LeaseLeadershipTest, ACheckpointThatWasTakenBackCountsNoMore) {
  Grant(1, 3600);
  table_.OnCheckpoint({1, 100});
  EXPECT_TRUE(table_.IsCheckpointed(1));
  table_.OnCheckpoint({1, 0});
  EXPECT_FALSE(table_.IsCheckpointed(1));
  Promote();
  EXPECT_EQ(Left(1), 3601);
}

TEST_F(LeaseLeadershipTest, ShortLeasesAndLostProposalsLeaveNoTrace) {
  Grant(1, 200);
  Grant(2, 3600);
  Promote();
  Run(std::chrono::seconds(180));
  const auto due = table_.DueCheckpoints(now_, 10);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0].id, 2);
  table_.CheckpointsLost(due);
  EXPECT_FALSE(table_.IsCheckpointed(2));
}

}  // namespace
}  // namespace keelson::server
