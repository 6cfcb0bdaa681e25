// Whose disk is behind an id (design D9), and what a disk must not forget.
#include <gtest/gtest.h>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

size_t ConfigEntries(const Member& member) {
  size_t count = 0;
  for (const Entry& entry : member.LogNow().entries) count += entry.type == EntryType::kConfig;
  return count;
}

// Design D9: the incarnation names the disk behind an id.
TEST(Pitfall19, AWipedDiskUnderAnOldIdIsNeitherCountedNorFollowed) {
  Options options = Cluster::DefaultOptions();
  options.record_incarnations = true;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Run(6);
  ASSERT_EQ(cluster.core(1).committed_configuration().IncarnationOf(NodeId(3)), 1003u);
  cluster.Stop(3);
  cluster.StartOnOtherDisk(3, 9999);
  cluster.StickDisk(2);
  const Index before = cluster.core(1).commit();
  cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(1).commit(), before) << "a wiped disk was counted";
  ASSERT_FALSE(cluster.seen(1).conflicts.empty());
  EXPECT_EQ(cluster.seen(1).conflicts[0].peer, NodeId(3));
  EXPECT_EQ(cluster.seen(1).conflicts[0].expected, 1003u);
  EXPECT_EQ(cluster.seen(1).conflicts[0].found, 9999u);
}

TEST(Pitfall19, AWipedDiskThatLearnsOfItNeitherVotesNorCampaigns) {
  Options options = Cluster::DefaultOptions();
  options.record_incarnations = true;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Run(6);
  cluster.Stop(3);
  Image wiped = cluster.at(1).Crash(0, false);
  wiped.state = cluster.at(1).state();
  cluster.StartOnOtherDisk(3, 9999, wiped);  // it has caught up
  const Term term = cluster.core(3).term();
  cluster.Tick(3, 40);
  cluster.Step(Message{NodeId(2), NodeId(3), Term(50), 1002,
                       VoteRequest{.transfer = true, .last = {Term(40), Index(90)}}});
  cluster.Turn(3), cluster.Persist(3);
  EXPECT_GT(cluster.core(3).term(), term) << "the request was seen";
  bool granted = false;
  for (const Message& m : cluster.network()) {
    if (Is<VoteResponse>(m)) granted |= As<VoteResponse>(m).granted;
  }
  EXPECT_FALSE(granted);
  EXPECT_FALSE(cluster.seen(3).conflicts.empty());
  EXPECT_EQ(cluster.core(3).role(), RoleKind::kFollower);
}

TEST(Pitfall19, AVoteSurvivesARestart) {
  Cluster cluster({1, 2, 3});
  cluster.Step(Message{NodeId(1), NodeId(2), Term(1), 1001, VoteRequest{}});
  cluster.Turn(2), cluster.Persist(2);
  cluster.Restart(2);
  cluster.network().clear();
  cluster.Step(Message{NodeId(3), NodeId(2), Term(1), 1003, VoteRequest{}});
  cluster.Turn(2), cluster.Persist(2);
  ASSERT_EQ(cluster.network().size(), 1u);
  EXPECT_FALSE(As<VoteResponse>(cluster.network()[0]).granted) << "two votes in one term";
}

TEST(Identity, IncarnationsOfTheFirstMembersAreRecordedOnce) {
  Options options = Cluster::DefaultOptions();
  options.record_incarnations = true;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Run(20);
  for (uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(cluster.core(3).committed_configuration().IncarnationOf(NodeId(id)), 1000 + id);
  }
  EXPECT_LE(ConfigEntries(cluster.at(1)), 2u);
}

}  // namespace
}  // namespace keelson::raft::testing
