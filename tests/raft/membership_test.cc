// Membership changes (Raft thesis 4, design D9).
#include <gtest/gtest.h>

#include "raft/config_codec.h"
#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

ConfChange Change(ConfChangeType type, uint64_t id) { return {.type = type, .node = NodeId(id)}; }

absl::Status Propose(Cluster& cluster, uint64_t leader, const std::vector<ConfChange>& changes) {
  absl::Status status;
  cluster.at(leader).Do([&](Core& core) { status = core.ProposeConfChange(changes).status(); });
  return status;
}

size_t ConfigEntries(const Member& member) {
  size_t count = 0;
  for (const Entry& entry : member.LogNow().entries) count += entry.type == EntryType::kConfig;
  return count;
}

TEST(Membership, ANewMemberJoinsAsLearnerCatchesUpAndIsPromoted) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (int i = 0; i < 10; ++i) cluster.Write(1, "x");
  cluster.Join(4);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 4)}).ok());
  cluster.Run(4);
  EXPECT_EQ(cluster.at(4).applied_payloads.size(), 10u);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kPromote, 4)}).ok());
  cluster.Run(4);
  EXPECT_TRUE(cluster.core(4).configuration().voters.contains(NodeId(4)));
}

TEST(Membership, AMemberIsAddedWhileAnotherIsDown) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Stop(3);
  cluster.Join(4);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 4)}).ok());
  cluster.Run(4);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kPromote, 4)}).ok());
  cluster.Run(4);
  EXPECT_TRUE(cluster.core(2).committed_configuration().voters.contains(NodeId(4)));
}

// Ongaro's correction of 2015 to single-server changes.
TEST(Pitfall10, NoChangeBeforeTheLeaderCommittedInItsTerm) {
  Cluster cluster({1, 2, 3});
  cluster.StickDisk(2), cluster.StickDisk(3);
  cluster.Tick(1, 10);
  for (int i = 0; i < 8 && !cluster.core(1).IsLeader(); ++i) {
    for (uint64_t id : {1, 2, 3}) cluster.Turn(id), cluster.Persist(id);
    cluster.Deliver([](const Message&) { return true; });
  }
  ASSERT_TRUE(cluster.core(1).IsLeader());
  const std::vector<ConfChange> add = {Change(ConfChangeType::kAddLearner, 4)};
  EXPECT_EQ(RefusalOf(Propose(cluster, 1, add)), Refusal::kNoCommitInTerm);
  cluster.FreeDisk(2);
  cluster.Settle();
  EXPECT_TRUE(Propose(cluster, 1, add).ok());
}

TEST(Pitfall10, OneChangeAtATime) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 4)}).ok());
  EXPECT_EQ(RefusalOf(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 5)})),
            Refusal::kChangePending);
  cluster.Settle();
  EXPECT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 5)}).ok());
}

TEST(Pitfall11, AConfigurationDecidesFromTheMomentItIsAppended) {
  Cluster cluster({1, 2});
  cluster.Elect(1);
  cluster.Join(3);
  cluster.Isolate(3);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddVoter, 3)}).ok());
  cluster.Isolate(1);
  cluster.Isolate(2);
  cluster.Turn(1), cluster.Persist(1);
  cluster.Stop(1);
  cluster.Heal();
  cluster.Start(1);
  EXPECT_EQ(cluster.core(1).configuration().voters.size(), 3u);
  EXPECT_EQ(cluster.core(1).committed_configuration().voters.size(), 2u);
  // Of the three voters it knows, two must vote; only one other is there and it does.
  cluster.Isolate(3);
  cluster.Stop(2);
  cluster.Tick(1, 40);
  cluster.Settle();
  EXPECT_FALSE(cluster.core(1).IsLeader()) << "elected by a quorum of the old configuration";
  cluster.Start(2);
  cluster.Elect(1);
}

TEST(Pitfall12, AJointChangeIsLeftOnceAndByItself) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Join(4), cluster.Join(5);
  ASSERT_TRUE(Propose(cluster, 1,
                      {Change(ConfChangeType::kAddVoter, 4), Change(ConfChangeType::kAddVoter, 5),
                       Change(ConfChangeType::kRemove, 3)})
                  .ok());
  EXPECT_TRUE(cluster.core(1).configuration().IsJoint());
  cluster.Run(20);
  EXPECT_EQ(Describe(cluster.core(5).configuration()), "voters=(1 2 4 5) removed=(3)");
  EXPECT_EQ(ConfigEntries(cluster.at(1)), 2u) << "entered once, left once";
}

TEST(Pitfall12, AVoterIsDemotedThroughAJointConfiguration) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kDemote, 3)}).ok());
  EXPECT_TRUE(cluster.core(1).configuration().learners_next.contains(NodeId(3)));
  EXPECT_TRUE(cluster.core(1).configuration().IsVoter(NodeId(3)));
  cluster.Run(5);
  EXPECT_EQ(Describe(cluster.core(3).configuration()), "voters=(1 2) learners=(3)");
}

TEST(Pitfall12, TheNextLeaderLeavesAJointConfiguration) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Join(4), cluster.Join(5);
  ASSERT_TRUE(Propose(cluster, 1,
                      {Change(ConfChangeType::kAddVoter, 4), Change(ConfChangeType::kAddVoter, 5)})
                  .ok());
  // The joint entry reaches the others, its commit nobody.
  for (int i = 0; i < 3; ++i) {
    cluster.Turn(1), cluster.Persist(1);
    cluster.Deliver([](const Message& m) { return m.from == NodeId(1); });
    for (uint64_t id : {2, 3, 4, 5}) cluster.Turn(id), cluster.Persist(id), cluster.Turn(id);
    cluster.Deliver([](const Message& m) { return !As<AppendResponse>(m).accepted; });
  }
  ASSERT_TRUE(cluster.core(2).configuration().IsJoint());
  cluster.Drop([](const Message&) { return true; });
  cluster.Stop(1);
  cluster.Elect(2);
  cluster.Run(5);
  EXPECT_EQ(Describe(cluster.core(2).configuration()), "voters=(1 2 3 4 5)");
  EXPECT_EQ(cluster.core(3).committed_configuration().voters.size(), 5u);
}

TEST(Pitfall12, BothMajoritiesCommitWhileJoint) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Join(4), cluster.Join(5);
  cluster.Isolate(4), cluster.Isolate(5);
  ASSERT_TRUE(Propose(cluster, 1,
                      {Change(ConfChangeType::kAddVoter, 4), Change(ConfChangeType::kAddVoter, 5),
                       Change(ConfChangeType::kRemove, 3)})
                  .ok());
  const Index before = cluster.core(1).commit();
  cluster.Isolate(2);
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).commit(), before) << "1 and 3 are a majority of the old one only";
  cluster.Heal();
  cluster.Run(6);
  EXPECT_FALSE(cluster.core(1).configuration().IsJoint());
}

TEST(Pitfall13, ATruncatedConfigurationRollsBack) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kRemove, 3)}).ok());
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).configuration().voters.size(), 2u);
  cluster.Elect(2);
  cluster.Heal();
  cluster.Run(15);
  EXPECT_EQ(cluster.core(1).configuration().voters.size(), 3u);
  EXPECT_TRUE(cluster.core(1).configuration().removed.empty());
}

TEST(Pitfall13, AFollowerRestoredFromASnapshotUsesItsConfiguration) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 4)}).ok());
  cluster.Settle();
  cluster.Write(1, "a");
  cluster.at(1).Flush();
  cluster.at(1).Compact(cluster.core(1).applied().Next());
  cluster.Heal();
  cluster.Run(10);
  EXPECT_TRUE(cluster.core(3).configuration().IsLearner(NodeId(4)));
  EXPECT_EQ(cluster.core(3).configuration_index(), Index(2));
  EXPECT_TRUE(cluster.core(3).configuration_index() <= cluster.core(3).View().base.index);
  cluster.Restart(3);
  EXPECT_TRUE(cluster.core(3).configuration().IsLearner(NodeId(4)));
}

TEST(Pitfall14, ARemovedMemberThatDoesNotKnowDisturbsNobody) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kRemove, 3)}).ok());
  cluster.Run(30);
  cluster.Heal();
  cluster.Run(60);
  EXPECT_TRUE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.core(1).term(), Term(1));
}

TEST(Pitfall14, ARemovedMemberLearnsOfItBeforeItIsForgotten) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kRemove, 3)}).ok());
  cluster.Run(5);
  EXPECT_TRUE(cluster.core(3).committed_configuration().removed.contains(NodeId(3)));
  EXPECT_EQ(cluster.core(1).View().peers.size(), 1u);
}

TEST(Pitfall14, MessagesOfARemovedMemberAreIgnored) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kRemove, 3)}).ok());
  cluster.Run(5);
  cluster.Step(Message{NodeId(3), NodeId(2), Term(9), 1003, VoteRequest{.transfer = true}});
  cluster.Step(Message{NodeId(3), NodeId(1), Term(9), 1003, AppendResponse{}});
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).term(), Term(1));
  EXPECT_EQ(cluster.core(2).term(), Term(1));
}

TEST(Pitfall14, ARemovedLeaderCommitsItsRemovalAndHandsOver) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kRemove, 1)}).ok());
  cluster.Settle();
  EXPECT_FALSE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.seen(1).stepped_down, StepDown::kRemoved);
  EXPECT_TRUE(cluster.core(2).IsLeader() || cluster.core(3).IsLeader()) << "without a timeout";
}

// Thesis 4.2.2: who drops out by an uncommitted entry may be the only one that can be elected.
TEST(Pitfall14, ALeaderThatRemovesItselfAndRestartsStillFinishesTheChange) {
  Cluster cluster({1, 2});
  cluster.Elect(1);
  cluster.Isolate(1);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kRemove, 1)}).ok());
  cluster.Turn(1), cluster.Persist(1);
  cluster.Restart(1);
  cluster.Heal();
  cluster.Run(80);
  EXPECT_TRUE(cluster.core(2).IsLeader());
  EXPECT_EQ(Describe(cluster.core(2).committed_configuration()), "voters=(2) removed=(1)");
}

TEST(Pitfall15, ALearnerThatIsBehindIsNotPromoted) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kAddLearner, 4)}).ok());
  cluster.Run(3);
  EXPECT_EQ(RefusalOf(Propose(cluster, 1, {Change(ConfChangeType::kPromote, 4)})),
            Refusal::kLearnerNotReady);
}

TEST(Pitfall15, AStuckLearnerBlocksNothing) {
  Cluster cluster({1, 2, 3}, {4});
  cluster.Elect(1);
  cluster.Isolate(4);
  for (int i = 0; i < 50; ++i) cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(1).commit(), Index(51));
}

TEST(Pitfall15, ALearnerThatDoesNotKnowOfItsPromotionVotesWhenAsked) {
  Cluster cluster({1, 2}, {3});
  cluster.Elect(1);
  cluster.Cut(1, 3);
  ASSERT_TRUE(Propose(cluster, 1, {Change(ConfChangeType::kPromote, 3)}).ok());
  cluster.Settle();
  ASSERT_TRUE(cluster.core(2).configuration().voters.contains(NodeId(3)));
  ASSERT_TRUE(cluster.core(3).configuration().IsLearner(NodeId(3)));
  cluster.Stop(1);
  cluster.Tick(3, 12);
  cluster.Settle();
  EXPECT_EQ(cluster.core(3).role(), RoleKind::kFollower) << "a learner does not campaign";
  cluster.Elect(2);
}

TEST(Membership, ALearnerNeverCampaigns) {
  Cluster cluster({1, 2, 3}, {4});
  cluster.Elect(1);
  cluster.Isolate(4);
  cluster.Run(60);
  EXPECT_EQ(cluster.core(4).role(), RoleKind::kFollower);
  EXPECT_EQ(cluster.core(4).term(), Term(1));
}

TEST(Membership, AnUndecodableConfigurationIsNeverAppended) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  AppendRequest bad{.prev = {Term(1), Index(1)}, .commit = Index(2)};
  bad.entries.push_back(MakeEntry({Term(1), Index(2)}, EntryType::kConfig,
                                  std::make_shared<const std::string>("\x07garbage")));
  cluster.Step(Message{NodeId(1), NodeId(2), Term(1), 1001, bad});
  cluster.Turn(2);
  EXPECT_EQ(cluster.core(2).last().index, Index(1));
}

}  // namespace
}  // namespace keelson::raft::testing
