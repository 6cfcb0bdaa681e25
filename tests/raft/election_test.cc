// Elections under partial links, and who may be disturbed by whom.
#include <gtest/gtest.h>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

TEST(Election, ThreeMembersElectOneLeaderThatCommitsItsFirstEntry) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  for (uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(cluster.core(id).leader(), NodeId(1));
    EXPECT_EQ(cluster.core(id).commit(), Index(2)) << id;
  }
}

TEST(Election, ASingleMemberLeadsWithinATickOfItsStart) {
  Cluster cluster({1});
  cluster.Run(1);
  EXPECT_TRUE(cluster.core(1).IsLeader());
}

TEST(Election, AMemberBehindInTheLogIsNotElected) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  cluster.Write(1, "a");
  cluster.Heal();
  cluster.Stop(1);
  cluster.Tick(2, 10);  // 2 hears no leader any more either
  const EntryId behind = cluster.core(3).last();
  ASSERT_LT(behind, cluster.core(2).last());
  for (bool pre : {true, false}) {
    const VoteRequest request{.pre = pre, .last = behind};
    cluster.Step(Message{NodeId(3), NodeId(2), Term(2), 1003, request});
    cluster.Turn(2), cluster.Persist(2);
    EXPECT_FALSE(As<VoteResponse>(cluster.network().back()).granted);
  }
}

TEST(Election, AClosedConnectionFromTheLeaderReplacesItWithinAFewHeartbeats) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Stop(1);
  for (uint64_t id : {2, 3}) {
    cluster.at(id).Do([](Core& core) { core.ConnectionClosed(NodeId(1)); });
  }
  cluster.Run(4);  // an election timeout has ten at least
  EXPECT_TRUE(cluster.core(2).IsLeader() || cluster.core(3).IsLeader());
}

TEST(Election, AClosedConnectionOfOneFollowerDeposesNobody) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.at(2).Do([](Core& core) { core.ConnectionClosed(NodeId(1)); });
  cluster.Run(5);
  EXPECT_TRUE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.core(2).leader(), NodeId(1));
  EXPECT_EQ(cluster.core(1).term(), Term(1));
}

TEST(Election, ASplitVoteIsRetriedBeforeAWholeElectionTimeout) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(3);
  cluster.Stop(3);
  for (uint64_t id : {1, 2}) {
    cluster.at(id).Do([](Core& core) { core.ConnectionClosed(NodeId(3)); });
    cluster.Tick(id);
  }
  cluster.Settle();
  int ticks = 0;
  for (; ticks < 10 && !cluster.core(1).IsLeader() && !cluster.core(2).IsLeader(); ++ticks) {
    cluster.Tick(1 + static_cast<uint64_t>(ticks % 2));
    cluster.Settle();
  }
  EXPECT_LT(ticks, 5);
}

// A leader that leaves under load has entries on their way when it names its successor.
TEST(Election, WhoIsAheadOfANamedSuccessorLeadsWithinAFewHeartbeats) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Cut(1, 2);
  cluster.Write(1, "x");
  cluster.Stop(1);
  cluster.Heal();
  cluster.Step(Message{NodeId(1), NodeId(2), Term(1), 1001, TimeoutNow{}});
  cluster.Settle();
  EXPECT_EQ(cluster.core(2).term(), Term(2));
  EXPECT_FALSE(cluster.core(2).IsLeader()) << "it lacks an entry";
  cluster.Run(4);  // an election timeout has ten at least
  EXPECT_TRUE(cluster.core(3).IsLeader());
}

// Raft thesis 9.6.
TEST(Pitfall08, AMemberThatWasCutOffReturnsWithoutANewTerm) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  cluster.Run(100);
  EXPECT_EQ(cluster.core(3).term(), Term(1));
  EXPECT_EQ(cluster.core(3).role(), RoleKind::kPreCandidate);
  cluster.Heal();
  cluster.Run(10);
  EXPECT_TRUE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.core(3).leader(), NodeId(1));
}

TEST(Pitfall08, APreCandidateHasNoLeader) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  cluster.Tick(3, 20);
  EXPECT_EQ(cluster.core(3).role(), RoleKind::kPreCandidate);
  EXPECT_TRUE(cluster.core(3).leader().IsNone());
}

TEST(Pitfall08, APreCandidateOfAnOldTermIsToldTheNewOne) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Step(Message{NodeId(3), NodeId(2), Term(1), 1003, VoteRequest{.pre = true}});
  cluster.Turn(2);
  ASSERT_FALSE(cluster.network().empty());
  EXPECT_EQ(cluster.network().back().term, Term(1));
  Message old{NodeId(3), NodeId(1), Term(0), 1003, VoteRequest{.pre = true}};
  cluster.Step(old);
  cluster.Turn(1);
  EXPECT_EQ(cluster.network().back().term, Term(1));
  EXPECT_FALSE(As<VoteResponse>(cluster.network().back()).granted);
}

// One link is dead both ways, as in the Cloudflare outage of 2020-11-02.
TEST(Pitfall08, ADeadLinkBetweenTwoMembersDoesNotEndTermsForever) {
  for (uint64_t leader : {1, 2, 3}) {
    Cluster cluster({1, 2, 3});
    cluster.Elect(leader);
    const uint64_t other = leader % 3 + 1;
    cluster.Cut(leader, other);
    cluster.Cut(other, leader);
    cluster.Run(300);
    EXPECT_TRUE(cluster.core(leader).IsLeader());
    EXPECT_EQ(cluster.core(leader).term(), Term(1));
  }
}

// raft/#8334 and others: everyone cut from everyone, then healed at once.
TEST(Pitfall08, AfterATotalOutageOneLeaderIsFound) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (uint64_t id : {1, 2, 3}) cluster.Isolate(id);
  cluster.Run(50);
  EXPECT_FALSE(cluster.core(1).IsLeader());
  cluster.Heal();
  cluster.Elect(2);
  cluster.Write(2, "a");
  EXPECT_EQ(cluster.at(3).applied_payloads.size(), 1u);
}

TEST(Pitfall09, AFollowerThatHearsNobodyButIsHeardEndsNoTerm) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Cut(1, 3);
  cluster.Cut(2, 3);
  cluster.Run(100);
  EXPECT_TRUE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.core(1).term(), Term(1));
}

TEST(Pitfall09, ALeaderThatIsHeardButHearsNobodyStepsDown) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Cut(2, 1);
  cluster.Cut(3, 1);
  cluster.Run(12);
  EXPECT_FALSE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.seen(1).stepped_down, StepDown::kQuorumLost);
  cluster.Run(30);
  EXPECT_TRUE(cluster.core(2).IsLeader() || cluster.core(3).IsLeader());
}

TEST(Pitfall09, ALeaderCutFromAQuorumStepsDownAndTheOthersGoOn) {
  Cluster cluster({1, 2, 3, 4, 5});
  cluster.Elect(1);
  for (uint64_t a : {1, 2}) {
    for (uint64_t b : {3, 4, 5}) cluster.Cut(a, b), cluster.Cut(b, a);
  }
  cluster.Run(40);
  EXPECT_FALSE(cluster.core(1).IsLeader());
  const int leaders =
      cluster.core(3).IsLeader() + cluster.core(4).IsLeader() + cluster.core(5).IsLeader();
  EXPECT_EQ(leaders, 1);
}

TEST(Pitfall25, ALeaderWhoseDiskHangsStepsDownAndDoesNotCampaign) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.StickDisk(1);
  cluster.Write(1, "x");
  cluster.Run(12);
  EXPECT_FALSE(cluster.core(1).IsLeader());
  EXPECT_EQ(cluster.seen(1).stepped_down, StepDown::kDiskStalled);
  cluster.Run(60);
  EXPECT_TRUE(cluster.core(2).IsLeader() || cluster.core(3).IsLeader());
}

TEST(Pitfall25, AStaleLeaderStepsDownAndWhatItAcceptedIsUnknown) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(1);
  const EntryId first = cluster.Write(1, "a");
  const EntryId second = cluster.Write(1, "b");
  cluster.Run(15);
  EXPECT_FALSE(cluster.core(1).IsLeader());
  ASSERT_TRUE(cluster.seen(1).unknown.has_value());
  EXPECT_EQ(cluster.seen(1).unknown->term, first.term);
  EXPECT_EQ(cluster.seen(1).unknown->first, first.index);
  EXPECT_EQ(cluster.seen(1).unknown->last, second.index);
}

TEST(Pitfall25, AMemberThatIsNotLeaderRefusesAndNamesTheLeader) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  absl::Status status;
  cluster.at(2).Do([&](Core& core) { status = core.Propose("x").status(); });
  EXPECT_EQ(RefusalOf(status), Refusal::kNotLeader);
  EXPECT_EQ(LeaderHint(status), NodeId(1));
  EXPECT_EQ(cluster.core(2).last().index, Index(1)) << "it forwards nothing by itself";
}

}  // namespace
}  // namespace keelson::raft::testing
