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

Options Recording() {
  Options options = Cluster::DefaultOptions();
  options.record_incarnations = true;
  return options;
}

// Design D9: the incarnation names the disk behind an id.
TEST(Pitfall19, AWipedDiskUnderAnOldIdIsNeitherCountedNorFollowed) {
  Cluster cluster({1, 2, 3}, {}, Recording());
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
  Cluster cluster({1, 2, 3}, {}, Recording());
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

void CutOff(Cluster& cluster, uint64_t a, uint64_t b) {
  cluster.Cut(a, b);
  cluster.Cut(b, a);
}

// Member 3 votes, and hears nothing of the reign.
void ElectOneWithoutThree(Cluster& cluster) {
  cluster.Tick(1, 10);
  for (int i = 0; i < 10 && !cluster.core(1).IsLeader(); ++i) {
    for (uint64_t id : {1, 2, 3}) cluster.Turn(id), cluster.Persist(id);
    cluster.Deliver([](const Message&) { return true; });
  }
  CutOff(cluster, 1, 3);
  cluster.Settle();
}

// A disk that nobody can tell from an empty one yet is lost, and its member comes back. The oracle
// sees two leaders in a term, or an entry that was applied replaced.
void LoseTwoAndElectThree(Cluster& cluster) {
  cluster.Stop(2);
  cluster.StartOnOtherDisk(2, 9999);
  cluster.Stop(1);
  cluster.Heal();
  cluster.Elect(3);
  cluster.Write(3, "y");
  EXPECT_EQ(cluster.core(2).last(), cluster.core(3).last());
  cluster.Start(1);
  cluster.Run(20);
  EXPECT_EQ(cluster.core(1).applied(), cluster.core(3).applied());
}

TEST(Pitfall19, TheVoteOfADiskLostBeforeItIsKnownElectsNoSecondLeader) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  CutOff(cluster, 1, 3);
  for (int i = 0; i < 15; ++i) cluster.Tick(1), cluster.Settle();
  EXPECT_EQ(cluster.core(1).role(), RoleKind::kCandidate) << "member 3 was not asked";
  LoseTwoAndElectThree(cluster);
}

TEST(Pitfall19, TheCopiesOfADiskLostBeforeItIsKnownCommitNothing) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ElectOneWithoutThree(cluster);
  cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(2).last().index, Index(3));
  EXPECT_EQ(cluster.core(1).commit(), Index());
  LoseTwoAndElectThree(cluster);
}

// One turn of `from`; what it has to say of votes `to` hears, and nobody anything else.
void Reach(Cluster& cluster, uint64_t from, uint64_t to) {
  cluster.Turn(from), cluster.Persist(from);
  cluster.Deliver([&](const Message& m) {
    const bool votes = Is<VoteRequest>(m) || Is<VoteResponse>(m);
    return votes && m.from == NodeId(from) && m.to == NodeId(to);
  });
}

// Ticks `id` until it asks for pre-votes; `voter` grants them, and then its vote, and nobody else
// hears of it. False if it was not asked.
bool StandWithVoteOf(Cluster& cluster, uint64_t id, uint64_t voter) {
  while (cluster.core(id).role() == RoleKind::kFollower) cluster.Tick(id);
  Reach(cluster, id, voter), Reach(cluster, voter, id);
  if (cluster.core(id).role() != RoleKind::kCandidate) return false;
  Reach(cluster, id, voter), Reach(cluster, voter, id);
  return true;
}

bool LeadsTerm(const Core& core, uint64_t term) {
  return core.IsLeader() && core.term() == Term(term);
}

TEST(Pitfall19, OfTwoThatStandInATermNoneWinsByTheOthersRefusal) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ASSERT_TRUE(StandWithVoteOf(cluster, 1, 2));
  cluster.Stop(2);
  cluster.StartOnOtherDisk(2, 9999);
  ASSERT_TRUE(StandWithVoteOf(cluster, 3, 2));
  // Each hears of the other only now.
  for (int i = 0; i < 4; ++i) Reach(cluster, 1, 3), Reach(cluster, 3, 1);
  EXPECT_FALSE(LeadsTerm(cluster.core(1), 1) && LeadsTerm(cluster.core(3), 1));
  cluster.Elect(3);
}

TEST(Pitfall19, WhoAsksForVotesIsNotSilent) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ASSERT_TRUE(StandWithVoteOf(cluster, 1, 2));
  cluster.Drop([](const Message& m) { return m.to == NodeId(3); });
  cluster.Stop(2);
  cluster.StartOnOtherDisk(2, 9999);
  ASSERT_TRUE(StandWithVoteOf(cluster, 3, 2));
  Reach(cluster, 3, 1);
  Reach(cluster, 1, 3);
  EXPECT_FALSE(LeadsTerm(cluster.core(3), 1)) << "the other one may win, too";
  cluster.Tick(1, 30);
  EXPECT_FALSE(LeadsTerm(cluster.core(1), 1)) << "it was heard of";
}

TEST(Pitfall19, ALeadersRefusalElectsNoSecondLeaderOfItsTerm) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ASSERT_TRUE(StandWithVoteOf(cluster, 1, 2));
  cluster.Drop([](const Message& m) { return m.to == NodeId(3); });
  cluster.Tick(1, 10);
  ASSERT_TRUE(LeadsTerm(cluster.core(1), 1)) << "member 3 was silent";
  cluster.Stop(2);
  cluster.StartOnOtherDisk(2, 9999);
  ASSERT_TRUE(StandWithVoteOf(cluster, 3, 2));
  Reach(cluster, 3, 1);
  Reach(cluster, 1, 3);
  EXPECT_FALSE(LeadsTerm(cluster.core(3), 1));
  cluster.Run(15);
  EXPECT_EQ(cluster.core(3).leader(), NodeId(1));
  const Index written = cluster.Write(1, "x").index;
  cluster.Run(2);
  EXPECT_EQ(cluster.core(3).commit(), written);
}

// Member 3 was silent when this was committed, and asks the one that has it only now.
TEST(Pitfall19, WhoKnowsMoreIsNotOutvotedByALostDisksSuccessor) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ElectOneWithoutThree(cluster);
  const Index written = cluster.Write(1, "x").index;
  cluster.Run(15);
  ASSERT_GE(cluster.core(1).commit(), written);
  cluster.Stop(2);
  cluster.StartOnOtherDisk(2, 9999);
  cluster.Restart(1);
  cluster.Heal();
  for (int i = 0; i < 100; ++i) cluster.Tick(3), cluster.Settle();
  EXPECT_FALSE(cluster.core(3).IsLeader());
  cluster.Elect(1);
  cluster.Run(5);
  EXPECT_GE(cluster.core(3).commit(), written);
}

TEST(Pitfall19, WhoSaysSomethingAndAnswersNothingHoldsNobodyUpForGood) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ASSERT_TRUE(StandWithVoteOf(cluster, 1, 2));
  const Term term = cluster.core(1).term();
  for (int i = 0; i < 60 && !cluster.core(1).IsLeader(); ++i) {
    cluster.Step(Message{NodeId(3), NodeId(1), Term(), 1003, VoteResponse{.pre = true}});
    cluster.Tick(1);
    Reach(cluster, 1, 2), Reach(cluster, 2, 1);
  }
  EXPECT_GT(cluster.core(1).term(), term) << "it stands again, so that member 3 is asked again";
}

TEST(Pitfall19, ASilentFirstMemberHoldsUpTheFirstCommitForAnElectionTimeoutOnly) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  cluster.Stop(3);
  cluster.Elect(1);
  cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(1).commit(), cluster.core(1).last().index);
  EXPECT_EQ(cluster.core(1).committed_configuration().IncarnationOf(NodeId(2)), 1002u);
  EXPECT_EQ(cluster.core(1).committed_configuration().IncarnationOf(NodeId(3)), 0u);
  cluster.Start(3);
  cluster.Run(4);
  EXPECT_EQ(cluster.core(1).committed_configuration().IncarnationOf(NodeId(3)), 1003u);
}

TEST(Pitfall19, AJoinerCountsOnceTheOthersCommittedItsIncarnation) {
  Cluster cluster({1, 2}, {}, Recording());
  cluster.Elect(1);
  cluster.Run(2);
  const ConfChange add{.type = ConfChangeType::kAddVoter, .node = NodeId(3)};
  cluster.at(1).Do([&](Core& core) { ASSERT_TRUE(core.ProposeConfChange({{add}}).ok()); });
  cluster.Settle();
  cluster.StickDisk(2);
  cluster.Join(3);
  cluster.Run(2);
  const Index before = cluster.core(1).commit();
  cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(3).last(), cluster.core(1).last()) << "the joiner has it all";
  EXPECT_EQ(cluster.core(1).commit(), before) << "member 2 would not know the joiner's disk";
  cluster.FreeDisk(2);
  cluster.Run(2);
  EXPECT_EQ(cluster.core(1).committed_configuration().IncarnationOf(NodeId(3)), 1003u);
  cluster.StickDisk(2);
  const Index written = cluster.Write(1, "y").index;
  EXPECT_EQ(cluster.core(1).commit(), written);
}

// Whoever was replaced before it was known is refused within the reign that heard of the first.
TEST(Pitfall19, TwoDisksUnderOneUnknownIdAreNotTakenForOne) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  ElectOneWithoutThree(cluster);
  cluster.Stop(2);
  cluster.StartOnOtherDisk(2, 9999);
  cluster.Run(5);
  ASSERT_FALSE(cluster.seen(1).conflicts.empty());
  EXPECT_EQ(cluster.seen(1).conflicts[0].expected, 1002u);
  EXPECT_EQ(cluster.seen(1).conflicts[0].found, 9999u);
  EXPECT_EQ(cluster.core(1).commit(), Index());
}

// A joint configuration that only the joiner's help can commit: it is recorded all the same.
TEST(Pitfall19, AJoinerIsRecordedWhileTheConfigurationIsJoint) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  cluster.Elect(1);
  cluster.Run(6);
  cluster.Stop(2);
  cluster.Run(10);
  const std::vector<ConfChange> replace = {{.type = ConfChangeType::kAddVoter, .node = NodeId(4)},
                                           {.type = ConfChangeType::kRemove, .node = NodeId(3)}};
  cluster.at(1).Do([&](Core& core) { ASSERT_TRUE(core.ProposeConfChange(replace).ok()); });
  cluster.Settle();
  ASSERT_TRUE(cluster.core(1).configuration().IsJoint());
  cluster.Join(4);
  cluster.Run(6);
  EXPECT_FALSE(cluster.core(1).configuration().IsJoint());
  EXPECT_EQ(cluster.core(1).committed_configuration().IncarnationOf(NodeId(4)), 1004u);
}

TEST(Identity, IncarnationsOfTheFirstMembersAreRecordedOnce) {
  Cluster cluster({1, 2, 3}, {}, Recording());
  cluster.Elect(1);
  cluster.Run(20);
  for (uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(cluster.core(3).committed_configuration().IncarnationOf(NodeId(id)), 1000 + id);
  }
  EXPECT_LE(ConfigEntries(cluster.at(1)), 2u);
}

}  // namespace
}  // namespace keelson::raft::testing
