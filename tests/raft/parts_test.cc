// The parts of the core, each alone.
#include <gtest/gtest.h>

#include "raft/config_history.h"
#include "raft/disk_queue.h"
#include "raft/log.h"
#include "raft/progress.h"
#include "raft/quorum.h"
#include "raft/read_rounds.h"
#include "tests/raft/harness/member.h"

namespace keelson::raft::testing {
namespace {

class EmptyReader : public LogReader {
 public:
  absl::StatusOr<std::vector<Entry>> Read(Index, Index, size_t) override {
    return absl::UnavailableError("");
  }
  absl::StatusOr<Term> TermAt(Index) override { return absl::UnavailableError(""); }
};

Entry At(uint64_t term, uint64_t index) {
  return MakeEntry({Term(term), Index(index)}, EntryType::kNormal,
                   std::make_shared<const std::string>(36, 'x'));
}

TEST(Entry, TheChecksumCoversIndexTermTypeAndBytes) {
  const Entry entry = At(2, 7);
  EXPECT_EQ(entry.checksum, ContentChecksum(entry));
  for (int field = 0; field < 4; ++field) {
    Entry other = entry;
    if (field == 0) other.index = Index(8);
    if (field == 1) other.term = Term(3);
    if (field == 2) other.type = EntryType::kConfig;
    if (field == 3) other.payload = std::make_shared<const std::string>(36, 'y');
    EXPECT_NE(ContentChecksum(other), entry.checksum) << field;
  }
  Entry null = entry;
  Entry empty = entry;
  null.payload = nullptr;
  empty.payload = std::make_shared<const std::string>();
  EXPECT_EQ(ContentChecksum(null), ContentChecksum(empty));
}

// The bytes are part of the WAL and peer formats: this value must never change.
TEST(Entry, TheChecksumOfAKnownEntryStaysWhatItIs) {
  const Entry entry = MakeEntry({Term(3), Index(9)}, EntryType::kNormal,
                                std::make_shared<const std::string>("keelson"));
  EXPECT_EQ(entry.checksum, 2569025540u);
}

TEST(Quorum, MajoritiesOfOneToFiveVoters) {
  for (uint64_t n = 1; n <= 5; ++n) {
    std::vector<uint64_t> ids;
    for (uint64_t id = 1; id <= n; ++id) ids.push_back(id);
    const Configuration configuration = MakeConfiguration(ids, {9});
    for (uint64_t have = 0; have <= n; ++have) {
      const bool quorum = HasQuorum(
          configuration, [&](NodeId id) { return id.value() <= have || id == NodeId(9); });
      EXPECT_EQ(quorum, have >= n / 2 + 1) << have << " of " << n;
      // Voter i has everything up to 10 * i.
      const Index index =
          QuorumIndex(configuration, [](NodeId id) { return Index(id.value() * 10); });
      EXPECT_EQ(index.value(), (n - n / 2) * 10);
    }
  }
}

TEST(Quorum, NobodyDecidesWithoutVoters) {
  const Configuration none;
  EXPECT_FALSE(HasQuorum(none, [](NodeId) { return true; }));
  EXPECT_EQ(QuorumIndex(none, [](NodeId) { return Index(5); }), Index(0));
}

TEST(Quorum, AJointConfigurationNeedsBoth) {
  Configuration joint = MakeConfiguration({1, 2, 3, 4, 5});
  joint.voters = {NodeId(3), NodeId(4), NodeId(5)};
  joint.outgoing = {NodeId(1), NodeId(2), NodeId(3)};
  const auto votes = [&](std::initializer_list<uint64_t> yes, std::initializer_list<uint64_t> no) {
    return TallyVotes(joint, [&](NodeId id) -> std::optional<bool> {
      if (std::find(yes.begin(), yes.end(), id.value()) != yes.end()) return true;
      if (std::find(no.begin(), no.end(), id.value()) != no.end()) return false;
      return std::nullopt;
    });
  };
  EXPECT_EQ(votes({4, 5}, {}), VoteResult::kPending);
  EXPECT_EQ(votes({4, 5, 1}, {}), VoteResult::kPending);
  EXPECT_EQ(votes({4, 3, 1}, {}), VoteResult::kWon);
  EXPECT_EQ(votes({3, 4, 5}, {1, 2}), VoteResult::kLost);
  EXPECT_EQ(QuorumIndex(joint, [](NodeId id) { return Index(id.value()); }), Index(2));
}

TEST(Log, ShrinksMemoryButStillKnowsTheTermBeforeIt) {
  EmptyReader reader;
  Log log({.base = {}, .last = {}, .commit = {}, .applied = {}, .tail = {}}, &reader);
  for (uint64_t i = 1; i <= 10; ++i) log.Append(At(1, i));
  log.CommitTo(Index(8));
  log.ShrinkMemory(300, Index(8));
  EXPECT_EQ(log.memory_first(), Index(8));
  EXPECT_EQ(*log.TermAt(Index(7)), Term(1));
  EXPECT_TRUE(absl::IsUnavailable(log.TermAt(Index(6)).status()));
  EXPECT_TRUE(absl::IsUnavailable(log.Slice(Index(3), Index(5), 1000).status()));
  log.ShrinkMemory(0, Index(8));
  EXPECT_EQ(log.memory_first(), Index(9)) << "what is not committed stays";
  log.TruncateAfter(EntryId{Term(1), Index(8)});
  EXPECT_EQ(log.last(), (EntryId{Term(1), Index(8)}));
  log.Append(At(2, 9));
  EXPECT_EQ(*log.TermAt(Index(8)), Term(1));
}

TEST(Log, SlicesBySizeButNeverToNothing) {
  EmptyReader reader;
  Log log({.base = {}, .last = {}, .commit = {}, .applied = {}, .tail = {}}, &reader);
  for (uint64_t i = 1; i <= 10; ++i) log.Append(At(1, i));
  EXPECT_EQ(log.Slice(Index(1), Index(11), 250)->size(), 2u);
  EXPECT_EQ(log.Slice(Index(1), Index(11), 1)->size(), 1u);
  EXPECT_EQ(log.Slice(Index(1), Index(4), 100000)->size(), 3u);
}

TEST(Log, FindsWhereItMayAgreeWithAnotherLog) {
  EmptyReader reader;
  Log log({.base = {}, .last = {}, .commit = {}, .applied = {}, .tail = {}}, &reader);
  for (uint64_t i = 1; i <= 9; ++i) log.Append(At((i + 2) / 3, i));  // 1 1 1 2 2 2 3 3 3
  EXPECT_EQ(log.LastNotAfter(Index(9), Term(2), Index(0)).index, Index(6));
  EXPECT_EQ(log.LastNotAfter(Index(20), Term(2), Index(0)).index, Index(6));
  EXPECT_EQ(log.LastNotAfter(Index(20), Term(5), Index(0)).index, Index(9));
  EXPECT_EQ(log.LastNotAfter(Index(5), Term(9), Index(0)).index, Index(5));
  EXPECT_EQ(log.LastNotAfter(Index(9), Term(0), Index(4)).index, Index(4));
}

TEST(Log, ACommittedEntryIsNeverCut) {
  EmptyReader reader;
  Log log({.base = {}, .last = {}, .commit = {}, .applied = {}, .tail = {}}, &reader);
  log.Append(At(1, 1));
  log.CommitTo(Index(1));
  EXPECT_DEATH(log.TruncateAfter(EntryId{}), "committed entry");
}

TEST(DiskQueue, ABatchWhoseEntriesWereReplacedDoesNotMakeThemDurable) {
  DiskQueue disk({}, Index(0));
  disk.HandOut(Index(10), {.term = Term(1)}, true, 0);
  disk.Truncate(Index(4));
  disk.HandOut(Index(6), {.term = Term(2)}, true, 0);
  disk.Confirm(1);
  EXPECT_EQ(disk.durable(), Index(4));
  EXPECT_EQ(disk.durable_hard().term, Term(1));
  disk.Confirm(2);
  EXPECT_EQ(disk.durable(), Index(6));
  EXPECT_TRUE(disk.idle());
}

TEST(DiskQueue, OneConfirmationMayCoverSeveralBatches) {
  DiskQueue disk({}, Index(0));
  for (uint64_t i = 1; i <= 3; ++i) disk.HandOut(Index(i), {.term = Term(1)}, true, 0);
  disk.Confirm(3);
  EXPECT_EQ(disk.durable(), Index(3));
  EXPECT_DEATH(disk.Confirm(4), "never handed out");
}

TEST(DiskQueue, OnlyABatchThatNeedsASyncCanStall) {
  DiskQueue disk({}, Index(0));
  disk.HandOut(Index(0), {.term = Term(1)}, false, 5);
  EXPECT_EQ(disk.StalledTicks(50), 0u);
  disk.HandOut(Index(1), {.term = Term(1)}, true, 10);
  EXPECT_EQ(disk.StalledTicks(50), 40u);
  disk.Confirm(2);
  EXPECT_EQ(disk.StalledTicks(50), 0u);
}

TEST(ConfigHistory, GoesBackToTheOneBeforeAndForgetsWhatIsCommitted) {
  ConfigHistory history({Index(0), MakeConfiguration({1})});
  history.Append(Index(3), MakeConfiguration({1, 2}));
  history.Append(Index(5), MakeConfiguration({1, 2, 3}));
  history.Truncate(Index(4));
  EXPECT_EQ(history.latest().index, Index(3));
  EXPECT_TRUE(history.CommitTo(Index(4)));
  EXPECT_EQ(history.committed().index, Index(3));
  EXPECT_DEATH(history.Truncate(Index(2)), "committed configuration");
}

TEST(Progress, ProbesOnceStreamsToTheWindowAndWaitsForASnapshot) {
  Progress progress(Index(5));
  EXPECT_TRUE(progress.MaySend(100, 10));
  progress.Sent(Index(4), 0);
  EXPECT_FALSE(progress.MaySend(100, 10));
  EXPECT_TRUE(progress.Acked(Index(4), Index(1)));
  EXPECT_EQ(progress.mode(), ProgressMode::kReplicate);
  progress.Sent(Index(6), 60);
  progress.Sent(Index(8), 60);
  EXPECT_FALSE(progress.MaySend(100, 10));
  EXPECT_TRUE(progress.MaySend(200, 10));
  EXPECT_FALSE(progress.MaySend(200, 2));
  progress.Acked(Index(6), Index(1));
  EXPECT_EQ(progress.inflight_bytes(), 60u);
  EXPECT_FALSE(progress.Acked(Index(6), Index(1))) << "no news";
  progress.NeedSnapshot();
  EXPECT_FALSE(progress.MaySend(1000, 10));
  progress.SnapshotOffered(Index(20));
  progress.SnapshotEnded(true);
  EXPECT_EQ(progress.mode(), ProgressMode::kProbe);
  EXPECT_EQ(progress.next(), Index(21));
}

TEST(Progress, LeftoverRejectionsChangeNothing) {
  Progress progress(Index(10));
  progress.Sent(Index(9), 0);
  EXPECT_FALSE(progress.Rejected(Index(7), Index(3)));
  EXPECT_TRUE(progress.Rejected(Index(9), Index(3)));
  EXPECT_EQ(progress.next(), Index(4));
  progress.Acked(Index(6), Index(1));
  EXPECT_FALSE(progress.Rejected(Index(5), Index(2)));
}

TEST(Progress, AFailedSnapshotIsPausedBeforeTheNextTry) {
  Progress progress(Index(10));
  progress.NeedSnapshot();
  progress.SnapshotEnded(false);
  EXPECT_EQ(progress.mode(), ProgressMode::kProbe);
  EXPECT_EQ(progress.next(), Index(1));
  EXPECT_FALSE(progress.MaySend(100, 10));
  progress.Unpause();
  EXPECT_TRUE(progress.MaySend(100, 10));
}

TEST(ReadRounds, CountsOnlyAnswersToItsOwnNonces) {
  const Configuration configuration = MakeConfiguration({1, 2, 3});
  const auto everyone = [](NodeId) { return true; };
  ReadRounds rounds(Term(2), 77);
  rounds.Begin(Index(5), 0);
  const ReadNonce first = rounds.Current();
  rounds.Answered(NodeId(2), ReadNonce{Term(1), 77, first.counter});
  rounds.Answered(NodeId(2), ReadNonce{Term(2), 78, first.counter});
  rounds.Answered(NodeId(2), ReadNonce{Term(2), 77, first.counter + 1});
  rounds.Answered(NodeId(2), ReadNonce{});
  EXPECT_FALSE(rounds.IsConfirmed(configuration, NodeId(1), everyone));
  rounds.Retry();
  rounds.Answered(NodeId(3), first);
  EXPECT_TRUE(rounds.IsConfirmed(configuration, NodeId(1), everyone));
  rounds.Finish();
  rounds.Begin(Index(6), 0);
  rounds.Answered(NodeId(3), first);
  EXPECT_FALSE(rounds.IsConfirmed(configuration, NodeId(1), everyone));
}

TEST(ReadRounds, AFollowersLaterBatchReplacesItsWaitingOne) {
  ReadRounds rounds(Term(2), 77);
  rounds.Add({.from = NodeId(2), .nonce = {Term(2), 5, 1}, .deadline = 9});
  rounds.Add({.from = NodeId(3), .nonce = {Term(2), 6, 1}, .deadline = 9});
  rounds.Add({.from = NodeId(2), .nonce = {Term(2), 5, 2}, .deadline = 9});
  rounds.Begin(Index(1), 0);
  const std::vector<PendingRead> reads = rounds.Finish();
  ASSERT_EQ(reads.size(), 2u);
  EXPECT_EQ(reads[1].nonce.counter, 2u);
}

}  // namespace
}  // namespace keelson::raft::testing
