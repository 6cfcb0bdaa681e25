// Snapshots, probing and compaction (Raft thesis 5).
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

void CompactAll(Cluster& cluster, uint64_t id) {
  cluster.at(id).Flush();
  cluster.at(id).Compact(cluster.core(id).applied().Next());
}

Message Offer(const Cluster&, uint64_t from, uint64_t to, Term term, SnapshotMeta meta) {
  return Message{NodeId(from), NodeId(to), term, 1000 + from, SnapshotOffer{std::move(meta)}};
}

TEST(Snapshot, AFollowerThatIsTooFarBehindGetsOne) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  for (int i = 0; i < 5; ++i) cluster.Write(1, "x");
  CompactAll(cluster, 1);
  cluster.Heal();
  cluster.Run(10);
  EXPECT_EQ(cluster.core(3).View().base.index, Index(6));
  cluster.Write(1, "y");
  EXPECT_EQ(cluster.at(3).applied_payloads, std::vector<std::string>{"y"});
  EXPECT_EQ(cluster.seen(1).snapshot_needs.size(), 1u);
}

TEST(Snapshot, OneThatFailedIsAskedForAgain) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  cluster.Write(1, "x");
  CompactAll(cluster, 1);
  cluster.Heal();
  cluster.Cut(1, 3);  // answers come, the stream does not get through
  cluster.Step(Message{NodeId(3), NodeId(1), Term(1), 1003,
                       AppendResponse{.rejected = Index(1), .hint = EntryId{}}});
  cluster.Run(8);
  cluster.Heal();
  cluster.Run(8);
  EXPECT_EQ(cluster.core(3).commit(), Index(2));
}

TEST(Snapshot, ASilentPeerIsNotOfferedOne) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Stop(3);
  cluster.Run(15);
  for (int i = 0; i < 5; ++i) cluster.Write(1, "x");
  CompactAll(cluster, 1);
  cluster.Run(30);
  EXPECT_TRUE(cluster.seen(1).snapshot_needs.empty());
}

TEST(Pitfall16, AnAppendBelowTheCommitIndexIsAnsweredWithTheCommitIndex) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (int i = 0; i < 5; ++i) cluster.Write(1, "x");
  CompactAll(cluster, 2);
  cluster.Step(Message{NodeId(1), NodeId(2), Term(1), 1001,
                       AppendRequest{.prev = {Term(1), Index(1)}, .commit = Index(6)}});
  cluster.Turn(2);
  ASSERT_FALSE(cluster.network().empty());
  const auto& answer = As<AppendResponse>(cluster.network().back());
  EXPECT_TRUE(answer.accepted);
  EXPECT_EQ(answer.match, Index(6));
}

TEST(Pitfall16, AnAppendThatBeginsBelowTheBaseAddsWhatIsNew) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  for (int i = 0; i < 5; ++i) cluster.Write(1, "x");
  CompactAll(cluster, 2);
  AppendRequest request{.prev = {Term(1), Index(3)}, .commit = Index(6)};
  for (uint64_t i = 4; i <= 8; ++i) {
    request.entries.push_back(MakeEntry({Term(1), Index(i)}, EntryType::kNormal, nullptr));
  }
  cluster.Step(Message{NodeId(1), NodeId(2), Term(1), 1001, request});
  EXPECT_EQ(cluster.core(2).last().index, Index(8));
}

TEST(Pitfall16, ASnapshotOlderThanCommitIsIgnored) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  const SnapshotMeta old = cluster.at(1).state();
  cluster.Write(1, "a");
  cluster.Step(Offer(cluster, 1, 2, Term(1), old));
  const Ready ready = cluster.Turn(2);
  EXPECT_FALSE(ready.install_snapshot.has_value());
  ASSERT_FALSE(ready.messages.empty());
  EXPECT_EQ(As<AppendResponse>(ready.messages.back()).match, Index(2));
}

TEST(Pitfall16, ASnapshotOfWhatTheLogHoldsOnlyMovesCommit) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.at(1).Do([](Core& core) { ASSERT_TRUE(core.Propose("a").ok()); });
  cluster.Turn(1), cluster.Persist(1);
  cluster.Deliver([](const Message&) { return true; });
  cluster.Turn(2), cluster.Persist(2);
  ASSERT_EQ(cluster.core(2).commit(), Index(1));
  SnapshotMeta meta = cluster.at(1).state();
  meta.last = EntryId{Term(1), Index(2)};
  cluster.Step(Offer(cluster, 1, 2, Term(1), meta));
  const Ready ready = cluster.Turn(2);
  EXPECT_FALSE(ready.install_snapshot.has_value());
  EXPECT_EQ(cluster.core(2).commit(), Index(2));
  EXPECT_EQ(ready.committed.size(), 1u);
}

TEST(Pitfall16, ASecondSnapshotDuringAnInstallIsIgnored) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  for (int i = 0; i < 3; ++i) cluster.Write(1, "x");
  const SnapshotMeta first = cluster.at(1).state();
  cluster.Write(1, "y");
  const SnapshotMeta second = cluster.at(1).state();
  cluster.Heal();
  cluster.Step(Offer(cluster, 1, 3, Term(1), first));
  EXPECT_TRUE(cluster.Turn(3).install_snapshot.has_value());
  cluster.Step(Offer(cluster, 1, 3, Term(1), second));
  EXPECT_FALSE(cluster.Turn(3).install_snapshot.has_value());
  cluster.Persist(3);
  cluster.at(3).Install();
  EXPECT_EQ(cluster.core(3).commit(), first.last.index);
  cluster.Step(Offer(cluster, 1, 3, Term(1), first));
  EXPECT_FALSE(cluster.Turn(3).install_snapshot.has_value()) << "installed twice";
  cluster.Run(10);
  EXPECT_EQ(cluster.core(3).commit(), second.last.index);
}

TEST(Pitfall16, NothingIsAppendedOrAppliedWhileASnapshotIsInstalled) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(3);
  for (int i = 0; i < 3; ++i) cluster.Write(1, "x");
  CompactAll(cluster, 1);
  const SnapshotMeta meta = cluster.at(1).state();
  cluster.Heal();
  cluster.Step(Offer(cluster, 1, 3, Term(1), meta));
  ASSERT_TRUE(cluster.Turn(3).install_snapshot.has_value());
  AppendRequest request{.prev = {Term(1), Index(1)}, .commit = Index(2)};
  request.entries.push_back(MakeEntry({Term(1), Index(2)}, EntryType::kNormal, nullptr));
  request.read = ReadNonce{Term(1), 1, 9};
  cluster.Step(Message{NodeId(1), NodeId(3), Term(1), 1001, request});
  const Ready ready = cluster.Turn(3);
  EXPECT_TRUE(ready.committed.empty());
  EXPECT_EQ(cluster.core(3).last().index, Index(1));
  ASSERT_EQ(ready.messages.size(), 1u) << "it still confirms that it follows";
  EXPECT_EQ(As<HeartbeatResponse>(ready.messages[0]).read.counter, 9u);
  cluster.Tick(3, 60);
  EXPECT_EQ(cluster.core(3).role(), RoleKind::kFollower) << "campaigned during an install";
}

TEST(Snapshot, EntriesThatContradictASnapshotAreReplacedByIt) {
  Cluster cluster({1, 2, 3});
  cluster.Elect(1);
  cluster.Isolate(1);
  for (int i = 0; i < 9; ++i) cluster.Write(1, "lost");
  cluster.Elect(2);
  for (int i = 0; i < 3; ++i) cluster.Write(2, "kept");
  CompactAll(cluster, 2);
  CompactAll(cluster, 3);
  cluster.Heal();
  cluster.Run(20);
  EXPECT_EQ(cluster.core(1).last(), cluster.core(2).last());
  EXPECT_TRUE(cluster.at(1).applied_payloads.empty());
}

TEST(Snapshot, AnUnreadableLogMakesThePeerWaitNotFail) {
  Options options = Cluster::DefaultOptions();
  options.memory_log_bytes = 1;
  Cluster cluster({1, 2, 3}, {}, options);
  cluster.Elect(1);
  cluster.Isolate(3);
  for (int i = 0; i < 20; ++i) cluster.Write(1, "x");
  cluster.at(1).reader_busy = true;
  cluster.Heal();
  cluster.Run(6);
  EXPECT_TRUE(cluster.seen(1).snapshot_needs.empty());
  cluster.at(1).reader_busy = false;
  cluster.Run(6);
  EXPECT_EQ(cluster.at(3).applied_payloads.size(), 20u);
}

}  // namespace
}  // namespace keelson::raft::testing
