#include "server/node/auto_compactor.h"

#include <gtest/gtest.h>

#include "tests/node/node_cluster.h"

namespace keelson::server {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

AutoCompaction Periodic(Duration period) {
  return {.mode = AutoCompaction::Mode::kPeriodic, .period = period, .revisions = 0};
}

// A revision a second, and a look every second.
class Compacting {
 public:
  explicit Compacting(const AutoCompaction& policy) : compactor_(policy, Instant{0}) {}

  // What was compacted to within `time`, one after the other.
  std::vector<int64_t> RunFor(Duration time, bool leads = true) {
    std::vector<int64_t> compacted;
    for (const Instant end = now_ + time; now_ < end; now_ = now_ + seconds(1)) {
      const auto due = compactor_.Tick(now_, Revision(), leads);
      if (!due) continue;
      compacted.push_back(*due);
      compactor_.Done(now_, !failing);
    }
    return compacted;
  }

  bool failing = false;

 private:
  int64_t Revision() const { return 1 + now_.nanos / Duration(seconds(1)).count(); }

  AutoCompactor compactor_;
  Instant now_{0};
};

using Revisions = std::vector<int64_t>;

TEST(AutoCompactorTest, AShortPeriodIsKeptAndCompactedOnceInIt) {
  Compacting five_minutes(Periodic(minutes(5)));
  EXPECT_EQ(five_minutes.RunFor(minutes(5)), Revisions());
  EXPECT_EQ(five_minutes.RunFor(minutes(15)), Revisions({1, 301, 601}));
}

TEST(AutoCompactorTest, ALongPeriodIsKeptAndCompactedOnceAnHour) {
  Compacting day(Periodic(hours(24)));
  EXPECT_EQ(day.RunFor(hours(24)), Revisions());
  EXPECT_EQ(day.RunFor(hours(3)), Revisions({1, 3601, 7201}));
}

TEST(AutoCompactorTest, WhatFailedIsTriedAgainAtTheNextSample) {
  Compacting five_minutes(Periodic(minutes(5)));
  five_minutes.failing = true;
  EXPECT_EQ(five_minutes.RunFor(minutes(6)), Revisions({1, 31}));
  five_minutes.failing = false;
  EXPECT_EQ(five_minutes.RunFor(minutes(5)), Revisions({61}));
}

TEST(AutoCompactorTest, AFollowerSamplesSoThatANewLeaderGoesOn) {
  Compacting five_minutes(Periodic(minutes(5)));
  EXPECT_EQ(five_minutes.RunFor(minutes(20), false), Revisions());
  EXPECT_EQ(five_minutes.RunFor(seconds(31)), Revisions({901}));
}

TEST(AutoCompactorTest, ANumberOfRevisionsIsLookedAtEveryFiveMinutes) {
  Compacting last({.mode = AutoCompaction::Mode::kRevision, .period = {}, .revisions = 400});
  EXPECT_EQ(last.RunFor(minutes(10)), Revisions());
  EXPECT_EQ(last.RunFor(minutes(10)), Revisions({201, 501}));
}

TEST(AutoCompactorTest, NothingIsCompactedTwiceWhereNothingWasWritten) {
  AutoCompactor compactor(Periodic(minutes(5)), Instant{0});
  int compactions = 0;
  for (Instant now{0}; now < Instant{0} + hours(1); now = now + seconds(1)) {
    if (!compactor.Tick(now, 7, true)) continue;
    ++compactions;
    compactor.Done(now, true);
  }
  EXPECT_EQ(compactions, 1);
}

TEST(AutoCompactorTest, OffIsOff) {
  Compacting off({});
  EXPECT_EQ(off.RunFor(hours(2)), Revisions());
}

TEST(AutoCompactionTest, ALeaderCompactsAndTheNextOneGoesOn) {
  using keelson::testing::NodeCluster;
  auto options = NodeCluster::SmallOptions();
  options.auto_compaction = Periodic(seconds(60));
  NodeCluster cluster(3, options);
  const auto put_for = [&cluster](int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(cluster.Put(0, "k", std::to_string(i)).ok());
      cluster.RunFor(seconds(1));
    }
  };
  size_t leader = cluster.WaitForLeader();
  put_for(65);
  const int64_t first = cluster.node(0).store().compact_revision();
  EXPECT_GE(first, 1);
  EXPECT_LE(first, 10);
  EXPECT_EQ(cluster.LogLines(leader, "completed auto compaction").size(), 1u);

  ASSERT_TRUE(cluster.node(leader).TransferLeadership(raft::NodeId()).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.WaitForLeader() != leader; }));
  leader = cluster.WaitForLeader();
  put_for(60);
  EXPECT_GT(cluster.node(1).store().compact_revision(), first);
  EXPECT_EQ(cluster.LogLines(leader, "completed auto compaction").size(), 1u);
}

}  // namespace
}  // namespace keelson::server
