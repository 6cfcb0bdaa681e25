// Leadership transfer (Raft thesis 3.10) and flow control.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

TEST(Transfer, TheTargetIsCaughtUpFirstAndThenLeadsWithoutATimeout) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(2);
  cluster.Write(1, "a");
  cluster.Heal();
  cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.TransferLeadership(NodeId(2)).ok()); });
  const Ready ready = cluster.Turn(1);
  EXPECT_TRUE(std::none_of(ready.messages.begin(), ready.messages.end(), Is<TimeoutNow>));
  cluster.Tick(1, 2);
  cluster.Settle();
  cluster.Tick(1, 2);
  cluster.Settle();
  EXPECT_TRUE(cluster.core(2).IsLeader());
  EXPECT_EQ(cluster.core(2).term(), Term(2));
}

TEST(Pitfall18, ATimeoutNowOfAnOldTermIsIgnored) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(1);
  cluster.Elect(2);
  cluster.Heal();
  cluster.Step(Message{NodeId(1), NodeId(3), Term(1), 1001, TimeoutNow{}});
  cluster.Settle();
  EXPECT_EQ(cluster.core(3).role(), RoleKind::kFollower);
  EXPECT_EQ(cluster.core(3).term(), Term(2));
}

TEST(Pitfall18, ProposalsArePausedForABoundedTime) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  cluster.Write(1, "a");
  cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.TransferLeadership(NodeId(3)).ok()); });
  absl::Status status;
  const auto propose = [&] {
    cluster.at(1).Do([&](Core& core) { status = core.Propose("b").status(); });
  };
  propose();
  EXPECT_EQ(RefusalOf(status), Refusal::kTransferring);
  for (int i = 0; i < 10; ++i) cluster.Tick(1), cluster.Settle();
  propose();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(cluster.core(1).IsLeader());
}

TEST(Pitfall18, ATransferCanBeAborted) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  cluster.Write(1, "a");
  cluster.at(1).Do([](Core& core) {
    ASSERT_TRUE(core.TransferLeadership(NodeId(3)).ok());
    ASSERT_TRUE(core.TransferLeadership(NodeId(1)).ok());
    EXPECT_TRUE(core.Propose("b").ok());
  });
}

TEST(Pitfall18, OnlyAVoterCanBeTheTarget) {
  Cluster cluster({1, 2, 3}, {4});
  cluster.Elect(1);
  cluster.at(1).Do([](Core& core) {
    EXPECT_EQ(RefusalOf(core.TransferLeadership(NodeId(4))), Refusal::kUnknownPeer);
    EXPECT_EQ(RefusalOf(core.TransferLeadership(NodeId(9))), Refusal::kUnknownPeer);
  });
}

TEST(Pitfall24, WithoutAQuorumTheUncommittedTailIsBounded) {
  Options options = Cluster::DefaultOptions();
  options.max_uncommitted_bytes = 1000;
  options.check_quorum = false;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Isolate(1);
  int accepted = 0;
  absl::Status status;
  for (; accepted < 1000; ++accepted) {
    cluster.at(1).Do([&](Core& core) { status = core.Propose(std::string(36, 'x')).status(); });
    if (!status.ok()) break;
  }
  EXPECT_EQ(RefusalOf(status), Refusal::kTooManyUncommitted);
  EXPECT_LE(accepted, 10);
  cluster.Heal();
  cluster.Run(6);
  cluster.at(1).Do([&](Core& core) { EXPECT_TRUE(core.Propose("x").ok()); });
}

TEST(Pitfall24, OneProposalAlwaysFitsAnEmptyTail) {
  Options options = Cluster::DefaultOptions();
  options.max_uncommitted_bytes = 10;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Write(1, std::string(1000, 'x'));
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
}

TEST(Pitfall24, ASlowFollowerDoesNotGrowTheLeadersMemory) {
  Options options = Cluster::DefaultOptions();
  options.memory_log_bytes = 5000;
  options.inflight_bytes = 2000;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.StickDisk(3);
  for (int i = 0; i < 500; ++i) cluster.Write(1, std::string(100, 'x'));
  const StateView view = cluster.core(1).View();
  EXPECT_LE(view.memory_bytes, 5000u);
  for (const PeerStatus& peer : view.peers) EXPECT_LE(peer.inflight_bytes, 2500u);
  EXPECT_LT(cluster.core(3).last().index, Index(50)) << "the window was not kept";
  cluster.FreeDisk(3);
  cluster.Run(30);
  EXPECT_EQ(cluster.at(3).applied_payloads.size(), 500u);
}

TEST(Pitfall24, HeartbeatsGoOutWhenTheWindowIsFull) {
  Options options = Cluster::DefaultOptions();
  options.inflight_bytes = 100;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.StickDisk(3);
  for (int i = 0; i < 10; ++i) cluster.Write(1, std::string(100, 'x'));
  cluster.Tick(1, 2);
  const Ready ready = cluster.Turn(1);
  const auto to_3 = [](const Message& m) { return m.to == NodeId(3) && Is<Heartbeat>(m); };
  EXPECT_EQ(std::count_if(ready.messages.begin(), ready.messages.end(), to_3), 1);
}

TEST(Pitfall24, AppendsAreSplitBySize) {
  Options options = Cluster::DefaultOptions();
  options.max_message_bytes = 500;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Write(1, "a");
  for (int i = 0; i < 10; ++i) {
    cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.Propose(std::string(136, 'x')).ok()); });
  }
  for (const Message& message : cluster.Turn(1).messages) {
    EXPECT_LE(As<AppendRequest>(message).entries.size(), 2u);
  }
}

TEST(Pitfall24, ApplyThatFallsBehindIsNotFloodedWithEntries) {
  Options options = Cluster::DefaultOptions();
  options.max_committed_bytes = 1000;
  options.memory_log_bytes = 2000;
  Cluster cluster({1}, {}, options);
  cluster.Elect(1);
  cluster.at(1).defer_apply = true;
  for (int i = 0; i < 100; ++i) cluster.Write(1, std::string(100, 'x'));
  const StateView view = cluster.core(1).View();
  EXPECT_LE(view.handed_out.value(), 10u);
  EXPECT_LE(view.memory_bytes, 2000u);
  cluster.at(1).defer_apply = false;
  cluster.at(1).ApplyQueued();
  cluster.Settle();
  EXPECT_EQ(cluster.at(1).applied_payloads.size(), 100u);
}

TEST(Flow, ALostAppendIsNoticedAtTheNextHeartbeats) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.Cut(1, 3);
  cluster.Write(1, "b");
  cluster.Heal();
  ASSERT_EQ(cluster.core(3).last().index, Index(2));
  cluster.Run(5);
  EXPECT_EQ(cluster.at(3).applied_payloads.size(), 2u);
}

TEST(Flow, ALostAcknowledgementIsMadeUpForByAHeartbeat) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.Propose("b").ok()); });
  cluster.Turn(1), cluster.Persist(1);
  cluster.Deliver([](const Message&) { return true; });
  for (uint64_t id : {2, 3}) cluster.Turn(id), cluster.Persist(id), cluster.Turn(id);
  cluster.Drop([](const Message&) { return true; });
  cluster.Tick(1, 2);
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
}

}  // namespace
}  // namespace keelson::raft::testing
