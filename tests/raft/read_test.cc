// Linearizable reads (Raft thesis 6.4, design D5).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

void Read(Cluster& cluster, uint64_t id, uint64_t context) {
  cluster.at(id).Do([&](Core& core) { core.RequestRead(context); });
}

TEST(Read, TheLeaderServesAReadAfterOneRound) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  Read(cluster, 1, 7);
  EXPECT_TRUE(cluster.Turn(1).read_states.empty()) << "served without asking anybody";
  cluster.Settle();
  EXPECT_EQ(cluster.seen(1).reads, (std::vector<ReadState>{{7, Index(2)}}));
}

TEST(Read, AFollowerAsksOnceForAllItsReads) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (uint64_t context = 1; context <= 50; ++context) Read(cluster, 2, context);
  const Ready ready = cluster.Turn(2);
  EXPECT_EQ(std::count_if(ready.messages.begin(), ready.messages.end(), Is<ReadIndexRequest>), 1);
  cluster.Settle();
  EXPECT_EQ(cluster.seen(2).reads.size(), 50u);
}

TEST(Read, ALearnerIsServedButNeverConfirms) {
  Cluster cluster({1, 2, 3}, {4});
  cluster.Elect(1);
  Read(cluster, 4, 1);
  cluster.Settle();
  EXPECT_EQ(cluster.seen(4).reads.size(), 1u);
  cluster.Isolate(2);
  cluster.Isolate(3);
  Read(cluster, 1, 2);
  cluster.Settle();
  EXPECT_TRUE(cluster.seen(1).reads.empty()) << "a learner's answer was counted";
}

TEST(Read, ASingleMemberServesItsReads) {
  Cluster cluster({1});
  cluster.Elect(1);
  Read(cluster, 1, 1);
  cluster.Settle();
  EXPECT_EQ(cluster.seen(1).reads.size(), 1u);
}

TEST(Read, AtMostOneRoundIsInFlightAndLaterReadsShareTheNext) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  Read(cluster, 1, 1);
  const Ready first = cluster.Turn(1);
  ASSERT_EQ(first.messages.size(), 2u);
  for (uint64_t context = 2; context < 10; ++context) Read(cluster, 1, context);
  EXPECT_TRUE(cluster.Turn(1).messages.empty());
  cluster.Settle();
  EXPECT_EQ(cluster.seen(1).reads.size(), 9u);
}

TEST(Read, UnderWriteLoadARoundCostsNoMessageOfItsOwn) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.Propose("b").ok()); });
  Read(cluster, 1, 1);
  const Ready ready = cluster.Turn(1);
  ASSERT_EQ(ready.messages.size(), 2u);
  for (const Message& message : ready.messages) {
    ASSERT_TRUE(Is<AppendRequest>(message));
    EXPECT_FALSE(As<AppendRequest>(message).read.IsNone());
  }
}

TEST(Read, AFollowerConfirmsBeforeItsOwnSync) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.StickDisk(2);
  cluster.StickDisk(3);
  cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.Propose("b").ok()); });
  Read(cluster, 1, 1);
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
  EXPECT_EQ(cluster.seen(1).reads, (std::vector<ReadState>{{1, Index(2)}}));
}

TEST(Read, BothMajoritiesOfAJointConfigurationConfirm) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Join(4), cluster.Join(5);
  const std::vector<ConfChange> changes = {{.type = ConfChangeType::kAddVoter, .node = NodeId(4)},
                                           {.type = ConfChangeType::kAddVoter, .node = NodeId(5)},
                                           {.type = ConfChangeType::kRemove, .node = NodeId(2)},
                                           {.type = ConfChangeType::kRemove, .node = NodeId(3)}};
  cluster.at(1).Do([&](Core& core) { ASSERT_TRUE(core.ProposeConfChange(changes).ok()); });
  ASSERT_TRUE(cluster.core(1).configuration().IsJoint());
  cluster.Isolate(4), cluster.Isolate(5);
  Read(cluster, 1, 1);
  cluster.Settle();
  EXPECT_TRUE(cluster.seen(1).reads.empty()) << "the outgoing majority alone confirmed";
  cluster.Heal();
  cluster.Run(4);
  EXPECT_EQ(cluster.seen(1).reads.size(), 1u);
}

// Nobody is left to answer the round that is in flight, so no answer can end it.
TEST(Read, ARoundEndsWhenTheMembersItWaitsForAreRemoved) {
  Cluster cluster({1, 2});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.Stop(2);
  Read(cluster, 1, 7);
  cluster.Settle();
  EXPECT_TRUE(cluster.seen(1).reads.empty());
  const ConfChange remove{.type = ConfChangeType::kRemove, .node = NodeId(2)};
  cluster.at(1).Do([&](Core& core) { ASSERT_TRUE(core.ProposeConfChange({{remove}}).ok()); });
  cluster.Settle();
  ASSERT_EQ(cluster.core(1).commit(), cluster.core(1).last().index) << "it decides alone";
  Read(cluster, 1, 8);
  cluster.Run(4);
  EXPECT_EQ(cluster.seen(1).reads.size(), 2u);
}

TEST(Pitfall05, ANewLeaderServesNoReadBeforeItsFirstCommit) {
  Cluster cluster({1, 2, 3});
  cluster.Tick(1, 10);
  for (int i = 0; i < 10 && !cluster.core(1).IsLeader(); ++i) {
    for (uint64_t id : {1, 2, 3}) cluster.Turn(id), cluster.Persist(id);
    cluster.Deliver([](const Message&) { return true; });
  }
  cluster.StickDisk(2), cluster.StickDisk(3);
  Read(cluster, 1, 1);
  cluster.Settle();
  ASSERT_EQ(cluster.core(1).commit(), Index(0));
  EXPECT_TRUE(cluster.seen(1).reads.empty());
  cluster.FreeDisk(2);
  cluster.Settle();
  EXPECT_EQ(cluster.seen(1).reads, (std::vector<ReadState>{{1, Index(1)}}));
}

TEST(Pitfall06, AnAnswerToAnEarlierRoundConfirmsNothing) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  Read(cluster, 1, 1);
  cluster.Turn(1);
  cluster.Deliver([](const Message& m) { return m.from == NodeId(1); });
  cluster.Turn(2), cluster.Turn(3);
  std::vector<Message> old = cluster.network();  // answers to the first round
  cluster.Settle();
  ASSERT_EQ(cluster.seen(1).reads.size(), 1u);
  cluster.Isolate(1);
  Read(cluster, 1, 2);
  cluster.Settle();
  cluster.Heal();
  for (const Message& message : old) cluster.Step(message);
  cluster.Settle();
  // Healed, but nothing was delivered except what is old.
  EXPECT_EQ(cluster.seen(1).reads.size(), 1u);
}

TEST(Pitfall06, ARoundIsAskedAgainUnderANewNonce) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  Read(cluster, 1, 1);
  Ready ready = cluster.Turn(1);
  const ReadNonce first = As<Heartbeat>(ready.messages.at(0)).read;
  cluster.Drop([](const Message&) { return true; });
  cluster.Tick(1, 2);
  ready = cluster.Turn(1);
  const ReadNonce second = As<Heartbeat>(ready.messages.at(0)).read;
  EXPECT_EQ(second.term, first.term);
  EXPECT_EQ(second.boot_id, first.boot_id);
  EXPECT_GT(second.counter, first.counter);
  cluster.Settle();
  EXPECT_EQ(cluster.seen(1).reads.size(), 1u);
}

TEST(Pitfall06, AnAnswerToAnEarlierProcessOfTheFollowerServesNoRead) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  Read(cluster, 2, 1);
  cluster.Turn(2);
  cluster.Deliver([](const Message&) { return true; });
  cluster.Turn(1);
  cluster.Deliver([](const Message& m) { return Is<Heartbeat>(m); });
  cluster.Turn(2), cluster.Turn(3);
  cluster.Deliver([](const Message& m) { return Is<HeartbeatResponse>(m); });
  cluster.Turn(1);
  ASSERT_TRUE(
      std::any_of(cluster.network().begin(), cluster.network().end(), Is<ReadIndexResponse>));
  cluster.Restart(2);
  cluster.seen(2).reads.clear();
  Read(cluster, 2, 9);
  cluster.Deliver([](const Message& m) { return Is<ReadIndexResponse>(m); });
  cluster.Turn(2);
  EXPECT_TRUE(cluster.seen(2).reads.empty());
}

TEST(Pitfall06, ReadsOfALeaderThatLostItsTermAreConfirmedByTheNextOne) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(1);
  Read(cluster, 1, 1);
  cluster.Elect(2);
  cluster.Write(2, "new");
  cluster.Heal();
  cluster.Run(3);
  ASSERT_EQ(cluster.seen(1).reads.size(), 1u);
  EXPECT_GE(cluster.seen(1).reads[0].index, Index(3));
}

TEST(Pitfall07, ACutOffLeaderServesNoReadByItsClock) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Run(4);
  cluster.Isolate(1);
  Read(cluster, 1, 1);
  cluster.Settle();
  EXPECT_TRUE(cluster.seen(1).reads.empty()) << "it relied on having heard the others just now";
  cluster.Run(25);
  EXPECT_TRUE(cluster.seen(1).reads.empty());
  EXPECT_EQ(cluster.seen(1).reads_failed, (std::vector<uint64_t>{1}));
}

TEST(Freshness, AStampComesBackOnlyAfterARoundThatBeganAfterItWasReceived) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  const FreshnessStamp stamp{.stamp = 77, .process_nonce = 5};
  cluster.Step(Message{NodeId(2), NodeId(1), Term(1), 1002, HeartbeatResponse{.stamp = stamp}});
  cluster.Settle();
  EXPECT_FALSE(cluster.seen(2).freshness.has_value());
  cluster.Write(1, "b");
  cluster.Tick(1, 2);
  cluster.Settle();  // the round that carries it
  cluster.Tick(1, 2);
  cluster.Settle();
  ASSERT_TRUE(cluster.seen(2).freshness.has_value());
  EXPECT_EQ(cluster.seen(2).freshness->stamp, stamp);
  EXPECT_EQ(cluster.seen(2).freshness->commit, Index(2)) << "the commit index of its reception";
  EXPECT_FALSE(cluster.seen(3).freshness.has_value());
}

// The round tells that this member led when it began, not that it led when the stamp was made.
TEST(Freshness, ARoundThatHadBegunReturnsNoStampThatCameLater) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.Tick(1, 2);
  cluster.Turn(1);  // it begins
  const FreshnessStamp stamp{.stamp = 77, .process_nonce = 5};
  cluster.Step(Message{NodeId(2), NodeId(1), Term(1), 1002, HeartbeatResponse{.stamp = stamp}});
  cluster.Settle();
  EXPECT_FALSE(cluster.seen(2).freshness.has_value());
  cluster.Tick(1, 2);
  cluster.Settle();
  ASSERT_TRUE(cluster.seen(2).freshness.has_value());
  EXPECT_EQ(cluster.seen(2).freshness->stamp, stamp);
}

TEST(QuorumContact, EndsAnElectionTimeoutAfterTheLastConfirmedRound) {
  Options options = Cluster::DefaultOptions();
  options.check_quorum = false;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Run(4);
  EXPECT_TRUE(cluster.core(1).HasQuorumContact());
  cluster.Isolate(1);
  cluster.Tick(1, 11);
  cluster.Settle();
  EXPECT_FALSE(cluster.core(1).HasQuorumContact());
}

}  // namespace
}  // namespace keelson::raft::testing
