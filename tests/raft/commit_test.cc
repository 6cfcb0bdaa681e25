// When an entry is committed and what must be durable before anyone is told.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

Message FromPeer(Cluster& cluster, uint64_t from, uint64_t to, MessageBody body) {
  return Message{NodeId(from), NodeId(to), cluster.core(to).term(), 1000 + from, std::move(body)};
}

void Propose(Cluster& cluster, uint64_t id, std::string payload = "x") {
  cluster.at(id).Do([&](Core& core) { ASSERT_TRUE(core.Propose(std::move(payload)).ok()); });
}

template <typename T>
size_t Count(const std::vector<Message>& messages) {
  return static_cast<size_t>(std::count_if(messages.begin(), messages.end(), Is<T>));
}

// Raft thesis 3.6.2, figure 3.7.
TEST(Pitfall01, OnlyEntriesOfTheOwnTermAreCommittedByCounting) {
  Cluster cluster({1, 2, 3});
  for (uint64_t id : {1, 2, 3}) {
    cluster.Stop(id);
    Image& image = cluster.image(id);
    image.hard.term = Term(4);
    image.entries = {MakeEntry({Term(1), Index(1)}, EntryType::kNoop, nullptr)};
    if (id == 1) image.entries.push_back(MakeEntry({Term(2), Index(2)}, EntryType::kNoop, nullptr));
    cluster.Start(id);
  }
  cluster.Tick(1, 10);
  for (int i = 0; i < 10 && !cluster.core(1).IsLeader(); ++i) {
    for (uint64_t id : {1, 2, 3}) cluster.Turn(id), cluster.Persist(id);
    cluster.Deliver([](const Message&) { return true; });
  }
  ASSERT_TRUE(cluster.core(1).IsLeader());
  ASSERT_EQ(cluster.core(1).last(), (EntryId{Term(5), Index(3)}));
  cluster.Turn(1), cluster.Persist(1);
  cluster.Step(FromPeer(cluster, 2, 1, AppendResponse{.accepted = true, .match = Index(2)}));
  cluster.Step(FromPeer(cluster, 3, 1, AppendResponse{.accepted = true, .match = Index(2)}));
  EXPECT_EQ(cluster.core(1).commit(), Index(0)) << "an entry of term 2 was committed by counting";
  cluster.Step(FromPeer(cluster, 2, 1, AppendResponse{.accepted = true, .match = Index(3)}));
  EXPECT_EQ(cluster.core(1).commit(), Index(3));
}

TEST(Pitfall01, ANewLeaderBeginsItsTermWithAnEntryOfItsOwn) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  EXPECT_EQ(cluster.at(1).LogNow().Find(Index(1))->type, EntryType::kNoop);
  EXPECT_EQ(cluster.core(1).commit(), Index(1));
}

// Raft thesis 3.8 and 10.2.1.
TEST(Pitfall02, AVoteLeavesOnlyWhenItIsDurable) {
  Cluster cluster({1, 2, 3});
  cluster.Step(Message{NodeId(1), NodeId(2), Term(1), 1001, VoteRequest{}});
  const Ready ready = cluster.Turn(2);
  EXPECT_TRUE(ready.messages.empty());
  ASSERT_EQ(ready.messages_after_persist.size(), 1u);
  ASSERT_TRUE(ready.persist.has_value() && ready.persist->must_sync);
  EXPECT_EQ(ready.persist->hard_state->vote, NodeId(1));
  EXPECT_TRUE(cluster.network().empty());
  cluster.Persist(2);
  ASSERT_EQ(cluster.network().size(), 1u);
  EXPECT_TRUE(As<VoteResponse>(cluster.network()[0]).granted);
}

TEST(Pitfall02, AFollowerAcknowledgesOnceForAllThatBecameDurable) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (int i = 0; i < 3; ++i) {
    Propose(cluster, 1);
    cluster.Turn(1);
    cluster.Deliver([](const Message& m) { return m.to == NodeId(2); });
    cluster.Turn(2);
  }
  cluster.Drop([](const Message& m) { return m.from == NodeId(1); });
  EXPECT_EQ(Count<AppendResponse>(cluster.network()), 0u) << "acknowledged before it was durable";
  cluster.Persist(2);
  cluster.Turn(2);
  ASSERT_EQ(Count<AppendResponse>(cluster.network()), 1u);
  EXPECT_EQ(As<AppendResponse>(cluster.network().back()).match, Index(4));
}

TEST(Pitfall02, AnAnswerAtANewTermWaitsUntilTheTermIsDurable) {
  Cluster cluster({1, 2, 3});
  cluster.Step(Message{NodeId(1), NodeId(2), Term(7), 1001, Heartbeat{}});
  const Ready ready = cluster.Turn(2);
  EXPECT_TRUE(ready.messages.empty());
  EXPECT_EQ(ready.messages_after_persist.size(), 1u);
}

TEST(Pitfall02, ALeaderSendsBeforeItsOwnSyncAndDoesNotCountItself) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.StickDisk(1);
  cluster.StickDisk(3);
  cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(2).last().index, Index(2)) << "it waited for its own disk";
  EXPECT_EQ(cluster.core(1).commit(), Index(1)) << "it counted its own copy";
  cluster.FreeDisk(1);
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
}

TEST(Pitfall02, ALeaderMayCommitBeforeItsDiskButAppliesOnlyWhatItHasDurably) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.StickDisk(1);
  cluster.Write(1, "x");
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
  EXPECT_TRUE(cluster.at(1).applied_payloads.empty());
  EXPECT_EQ(cluster.at(2).applied_payloads.size(), 1u);
  cluster.FreeDisk(1);
  cluster.Settle();
  EXPECT_EQ(cluster.at(1).applied_payloads.size(), 1u);
}

TEST(Pitfall02, ACandidateAsksForVotesOnlyWhenItsOwnIsDurable) {
  Cluster cluster({1, 2, 3});
  cluster.StickDisk(1);
  cluster.Tick(1, 10);
  cluster.Settle();
  EXPECT_EQ(cluster.core(1).role(), RoleKind::kCandidate);
  EXPECT_EQ(cluster.core(2).term(), Term(0));
  cluster.FreeDisk(1);
  cluster.Settle();
  EXPECT_TRUE(cluster.core(1).IsLeader());
}

TEST(Pitfall03, ASingleMemberAnswersOnlyAfterItsSync) {
  Cluster cluster({1});
  cluster.Elect(1);
  Propose(cluster, 1);
  Ready ready = cluster.Turn(1);
  ASSERT_TRUE(ready.persist.has_value() && ready.persist->must_sync);
  EXPECT_TRUE(ready.committed.empty());
  EXPECT_EQ(cluster.core(1).commit(), Index(1));
  cluster.Persist(1);
  ready = cluster.Turn(1);
  EXPECT_EQ(ready.committed.size(), 1u);
}

TEST(Pitfall04, TheCommitIndexIsWrittenBeforeWhatDependsOnIt) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  Propose(cluster, 1);
  cluster.Turn(1), cluster.Persist(1);
  cluster.Deliver([](const Message& m) { return m.to == NodeId(2); });
  cluster.Turn(2), cluster.Persist(2), cluster.Turn(2);
  cluster.Deliver([](const Message& m) { return m.to == NodeId(1); });
  const Ready ready = cluster.Turn(1);
  ASSERT_EQ(ready.committed.size(), 1u);
  ASSERT_TRUE(ready.persist.has_value() && ready.persist->hard_state.has_value());
  EXPECT_EQ(ready.persist->hard_state->commit, Index(2));
  EXPECT_FALSE(ready.persist->must_sync) << "the commit index alone forces no sync";
}

TEST(Pitfall04, AMemberKilledAndRestartedAloneServesAllItHadCommitted) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.Write(1, "b");
  for (uint64_t id : {1, 2, 3}) cluster.Stop(id);
  cluster.Start(2);
  cluster.Settle();
  EXPECT_EQ(cluster.core(2).commit(), Index(3));
  EXPECT_EQ(cluster.at(2).applied_payloads, (std::vector<std::string>{"a", "b"}));
}

TEST(Pitfall04, ReElectedAfterARestartCommitNeverGoesBack) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.Restart(1);
  EXPECT_EQ(cluster.core(1).commit(), Index(2));
  cluster.Run(12);
  cluster.Elect(1);
  EXPECT_GE(cluster.core(1).commit(), Index(3));
}

TEST(Pitfall17, TheLogIsCutOnlyBehindWhatIsApplied) {
  Cluster cluster({1});
  cluster.Elect(1);
  cluster.Write(1, "a");
  cluster.at(1).defer_apply = true;
  cluster.Write(1, "b");
  ASSERT_EQ(cluster.core(1).applied(), Index(2));
  EXPECT_DEATH(cluster.at(1).Do([](Core& core) { core.Compact(Index(4)).IgnoreError(); }),
               "not yet applied");
}

TEST(Commit, EntriesReachEveryMemberOnceAndInOrder) {
  Cluster cluster({1, 2, 3, 4, 5});
  cluster.Elect(3);
  std::vector<std::string> written;
  for (int i = 0; i < 20; ++i) {
    written.push_back(std::to_string(i));
    cluster.Write(3, written.back());
  }
  for (uint64_t id : {1, 2, 3, 4, 5}) EXPECT_EQ(cluster.at(id).applied_payloads, written) << id;
}

TEST(Commit, ManyProposalsOfATurnTravelInOneMessageAndOneBatch) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (int i = 0; i < 100; ++i) Propose(cluster, 1);
  const Ready ready = cluster.Turn(1);
  EXPECT_EQ(ready.persist->entries.size(), 100u);
  EXPECT_EQ(Count<AppendRequest>(ready.messages), 2u);
  EXPECT_EQ(ready.messages.size(), 2u);
}

TEST(Commit, AnEntryThatAnotherLeaderReplacedIsNeverApplied) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(1);
  const EntryId lost = cluster.Write(1, "lost");
  cluster.Elect(2);
  cluster.Write(2, "kept");
  cluster.Heal();
  cluster.Run(20);
  EXPECT_EQ(cluster.at(1).applied_payloads, std::vector<std::string>{"kept"});
  EXPECT_NE(cluster.at(1).LogNow().Find(lost.index)->term, lost.term);
}

TEST(Commit, AnOldAppendNeverCutsEntriesThatWereAcknowledged) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  Propose(cluster, 1, "a");
  cluster.Turn(1);
  std::vector<Message> old = cluster.network();
  cluster.Settle();
  cluster.Write(1, "b");
  for (const Message& message : old) cluster.Step(message);
  cluster.Settle();
  EXPECT_EQ(cluster.core(2).last().index, Index(3));
  EXPECT_EQ(cluster.at(2).applied_payloads, (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace keelson::raft::testing
