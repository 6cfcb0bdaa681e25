// The log as the node uses it: append, write, read, roll, release, restart.
#include "storage/wal/wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/wal/wal_harness.h"

namespace keelson::storage {
namespace {

using raft::Index;
using raft::Term;
using testing::HasSubstr;

TEST(Wal, ANewLogIsEmptyAndSaysSo) {
  WalHarness log;
  log.MustOpen();
  EXPECT_TRUE(log.recovery.is_new);
  EXPECT_EQ(log.recovery.hard_state, Hard(0, 0, 0));
  EXPECT_EQ(log.wal->last(), raft::EntryId());
  EXPECT_EQ(log.wal->TakeWrite(), nullptr);
  EXPECT_TRUE(log.recovery.notes.empty());
  log.LosePowerAndOpen();
  EXPECT_FALSE(log.recovery.is_new);
  EXPECT_EQ(log.wal->last(), raft::EntryId());
}

TEST(Wal, WhatWasWrittenSurvivesPowerLoss) {
  WalHarness log;
  log.MustOpen();
  log.Append({EntryAt(1, 1, "one"), EntryAt(2, 1, ""), EntryAt(3, 2, std::string(5000, 'x'))},
             Hard(2, 7, 1));
  log.MustWrite();
  EXPECT_EQ(log.wal->complete_seq(), 1u);
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.hard_state, Hard(2, 7, 1));
  EXPECT_EQ(log.Ids(), "1/1 2/1 3/2");
  auto entries = log.wal->Read(Index(1), Index(4), 1 << 20);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ((*entries)[0].bytes(), "one");
  EXPECT_EQ((*entries)[1].payload, nullptr);
  EXPECT_EQ((*entries)[2].bytes(), std::string(5000, 'x'));
  EXPECT_EQ((*entries)[2].checksum, raft::ContentChecksum((*entries)[2]));
}

TEST(Wal, WhatWasOnlyAppendedIsNeitherReportedNorFound) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 3, 1);
  EXPECT_EQ(log.wal->complete_seq(), 0u);
  EXPECT_EQ(log.wal->durable_last(), Index(0));
  EXPECT_EQ(log.wal->last().index, Index(3));
  EXPECT_TRUE(absl::IsUnavailable(log.wal->Read(Index(1), Index(2), 100).status()));
  log.CrashAndOpen();
  EXPECT_EQ(log.Ids(), "");
}

TEST(Wal, EverythingQueuedLeavesInOneWriteAndOneSync) {
  WalHarness log;
  log.MustOpen();
  for (uint64_t i = 1; i <= 50; ++i) log.AppendRange(i, i, 1);
  const auto before = log.fs.counters().operations;
  log.MustWrite();
  const auto after = log.fs.counters().operations;
  EXPECT_EQ(
      after[static_cast<size_t>(DiskOp::kWrite)] - before[static_cast<size_t>(DiskOp::kWrite)], 1u);
  EXPECT_EQ(after[static_cast<size_t>(DiskOp::kSync)] - before[static_cast<size_t>(DiskOp::kSync)],
            1u);
  EXPECT_EQ(log.wal->complete_seq(), 50u);
}

TEST(Wal, OneGroupIsInFlightAtATime) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 1, 1);
  auto job = log.wal->TakeWrite();
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->last_persist_seq(), 1u);
  log.AppendRange(2, 2, 1);
  EXPECT_EQ(log.wal->TakeWrite(), nullptr);
  ASSERT_TRUE(job->Run().ok());
  EXPECT_EQ(log.wal->complete_seq(), 0u);
  ASSERT_TRUE(log.wal->WriteDone(std::move(job)).ok());
  EXPECT_EQ(log.wal->complete_seq(), 1u);
  log.MustWrite();
  EXPECT_EQ(log.wal->complete_seq(), 2u);
  EXPECT_EQ(log.Ids(), "1/1 2/1");
}

TEST(Wal, ACommitIndexAloneNeedsNoWriteAndRidesWithTheNext) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 2, 1);
  log.Append({}, Hard(1, 0, 0));
  log.MustWrite();
  log.Append({}, Hard(1, 0, 2), false);
  EXPECT_EQ(log.wal->TakeWrite(), nullptr);
  EXPECT_EQ(log.wal->complete_seq(), 3u) << "complete at once: nothing before it is open";
  log.AppendRange(3, 3, 1);
  log.Append({}, Hard(1, 0, 2), false);
  EXPECT_EQ(log.wal->complete_seq(), 3u);
  log.MustWrite();
  EXPECT_EQ(log.wal->complete_seq(), 5u);
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.hard_state, Hard(1, 0, 2));
}

TEST(Wal, AVoteIsWrittenEvenWithoutBeingAskedTo) {
  WalHarness log;
  log.MustOpen();
  log.Append({}, Hard(3, 2, 0), false);
  EXPECT_EQ(log.wal->complete_seq(), 0u);
  log.MustWrite();
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.hard_state, Hard(3, 2, 0));
}

TEST(Wal, ALeadersSuffixReplacesTheOldOne) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 10, 1);
  log.MustWrite();
  log.AppendRange(6, 7, 2);
  log.MustWrite();
  EXPECT_EQ(log.Ids(), "1/1 2/1 3/1 4/1 5/1 6/2 7/2");
  log.LosePowerAndOpen();
  EXPECT_EQ(log.Ids(), "1/1 2/1 3/1 4/1 5/1 6/2 7/2");
  EXPECT_EQ(*log.wal->TermAt(Index(5)), Term(1));
  EXPECT_EQ(*log.wal->TermAt(Index(6)), Term(2));
  log.AppendRange(3, 3, 3);
  log.AppendRange(4, 4, 3);
  log.AppendRange(2, 2, 4);
  log.MustWrite();
  EXPECT_EQ(log.Ids(), "1/1 2/4");
  log.CrashAndOpen();
  EXPECT_EQ(log.Ids(), "1/1 2/4");
}

TEST(Wal, TheLogGoesOnOverManySegments) {
  WalHarness log;
  log.MustOpen();
  std::string expected;
  for (uint64_t i = 1; i <= 300; ++i) {
    log.AppendRange(i, i, 1 + i / 40, 900);
    log.MustWrite();
    if (i % 10 == 0) {
      ASSERT_TRUE(log.Upkeep().ok());
    }
    expected += (i == 1 ? "" : " ") + std::to_string(i) + "/" + std::to_string(1 + i / 40);
  }
  EXPECT_GT(log.wal->stats().segments, 8u);
  EXPECT_EQ(log.Ids(), expected);
  log.LosePowerAndOpen();
  EXPECT_EQ(log.Ids(), expected);
  auto some = log.wal->Read(Index(150), Index(160), 1000);
  ASSERT_TRUE(some.ok());
  EXPECT_EQ(some->size(), 1u) << "the budget holds, but for the first entry";
  some = log.wal->Read(Index(150), Index(160), 3000);
  EXPECT_EQ(some->size(), 3u);
  EXPECT_EQ(some->front().bytes(), PayloadFor(150, 4, 900));
}

TEST(Wal, AGroupLargerThanASegmentGetsOneOfItsOwn) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 3, 1, 100000);
  log.MustWrite();
  log.AppendRange(4, 4, 1);
  log.MustWrite();
  EXPECT_EQ(log.Ids(), "1/1 2/1 3/1 4/1");
  log.LosePowerAndOpen();
  EXPECT_EQ(log.Ids(), "1/1 2/1 3/1 4/1");
}

TEST(Wal, ReleasedSegmentsAreRecycledAndNeverReadAgain) {
  WalHarness log;
  log.MustOpen();
  uint64_t next = 1;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 40; ++i, ++next) {
      log.AppendRange(next, next, 1, 700);
      log.MustWrite();
    }
    log.wal->Release(Index(next - 5));
    ASSERT_TRUE(log.Upkeep().ok());
    ASSERT_LE(log.wal->stats().segments, 4u);
    ASSERT_LE(log.SegmentPaths().size(), 5u);
  }
  EXPECT_TRUE(absl::IsOutOfRange(log.wal->Read(Index(1), Index(2), 10).status()));
  EXPECT_TRUE(absl::IsOutOfRange(log.wal->TermAt(Index(1)).status()));
  const raft::EntryId base = log.wal->base();
  EXPECT_EQ(*log.wal->TermAt(base.index), base.term);
  const std::string ids = log.Ids();
  log.LosePowerAndOpen();
  EXPECT_EQ(log.Ids(), ids);
  EXPECT_EQ(log.recovery.base, base);
  EXPECT_EQ(log.recovery.last.index, Index(next - 1));
}

TEST(Wal, ALimitInBytesIsMetByTheOldestSegments) {
  WalHarness log;
  log.MustOpen();
  EXPECT_EQ(log.wal->LastBeyond(0), Index()) << "the segment that is written to stays";
  constexpr uint64_t kEntries = 100;
  for (uint64_t i = 1; i <= kEntries; ++i) {
    log.AppendRange(i, i, 1, 900);
    log.MustWrite();
  }
  const uint64_t limit = 64 << 10;
  EXPECT_EQ(log.wal->LastBeyond(uint64_t{1} << 30), Index()) << "smaller than the limit";
  const Index last = log.wal->LastBeyond(limit);
  EXPECT_GT(last, Index());
  log.wal->Release(last);
  EXPECT_EQ(log.wal->base().index, last) << "it is the end of a segment";
  EXPECT_LE(log.wal->stats().segments * log.options.on_demand_bytes, limit);
  EXPECT_EQ(log.wal->LastBeyond(limit), log.wal->base().index) << "nothing more has to go";
  log.wal->Release(log.wal->LastBeyond(0));
  EXPECT_EQ(log.wal->stats().segments, 1u);
}

TEST(Wal, NothingIsReleasedThatHoldsALaterEntry) {
  WalHarness log;
  log.MustOpen();
  for (uint64_t i = 1; i <= 60; ++i) {
    log.AppendRange(i, i, 1, 900);
    log.MustWrite();
  }
  for (uint64_t i = 1; i <= 60; ++i) {
    log.wal->Release(Index(i));
    ASSERT_LE(log.wal->base().index, Index(i));
    ASSERT_TRUE(log.wal->Read(Index(i + 1), Index(i + 2), 1).ok() || i == 60) << i;
  }
}

TEST(Wal, ASnapshotMarkerReplacesTheLog) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 10, 1);
  log.Append({}, Hard(3, 2, 4));
  log.MustWrite();
  log.wal->SaveSnapshotMarker({Term(3), Index(100)}, Hard(3, 2, 100));
  EXPECT_EQ(log.wal->last(), (raft::EntryId{Term(3), Index(100)}));
  log.MustWrite();
  EXPECT_EQ(log.wal->base(), (raft::EntryId{Term(3), Index(100)}));
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.snapshot_marker, (raft::EntryId{Term(3), Index(100)}));
  EXPECT_EQ(log.recovery.hard_state, Hard(3, 2, 100));
  EXPECT_EQ(log.recovery.last.index, Index(100));
  log.AppendRange(101, 102, 3);
  log.MustWrite();
  log.wal->Release(Index(100));
  log.LosePowerAndOpen();
  EXPECT_EQ(log.Ids(), "101/3 102/3");
  EXPECT_EQ(log.recovery.base, (raft::EntryId{Term(3), Index(100)}));
}

TEST(Wal, AMarkerAndEntriesBehindItMayShareAGroup) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 10, 1);
  log.MustWrite();
  log.AppendRange(11, 12, 1);
  log.wal->SaveSnapshotMarker({Term(2), Index(50)}, Hard(2, 0, 50));
  log.AppendRange(51, 52, 2);
  EXPECT_TRUE(absl::IsUnavailable(log.wal->Read(Index(5), Index(6), 1).status()));
  log.MustWrite();
  EXPECT_EQ(log.Ids(), "51/2 52/2");
  log.CrashAndOpen();
  EXPECT_EQ(log.Ids(), "51/2 52/2");
}

TEST(Wal, CommitOutlivesSigkillButNotPowerLoss) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 5, 1);
  log.Append({}, Hard(1, 0, 1));
  log.MustWrite();
  ASSERT_TRUE(log.wal->WriteCommit(Index(3)).ok());
  ASSERT_TRUE(log.wal->WriteCommit(Index(4)).ok());
  log.CrashAndOpen();
  EXPECT_EQ(log.recovery.hard_state.commit, Index(4));
  ASSERT_TRUE(log.wal->WriteCommit(Index(5)).ok());
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.hard_state.commit, Index(4)) << "it rode with the first group";
}

// A follower learns of a commit index together with entries that replace its own. Until those are
// durable, a restart must not take the replaced ones for committed.
TEST(Wal, CommitIsNeverWrittenAheadOfTheEntriesItMeans) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 5, 1);
  log.MustWrite();
  log.AppendRange(4, 6, 2);
  auto job = log.wal->TakeWrite();
  ASSERT_TRUE(log.wal->WriteCommit(Index(6)).ok());
  job.reset();
  log.CrashAndOpen();
  EXPECT_EQ(log.recovery.hard_state.commit, Index(3));
  EXPECT_EQ(log.Ids(), "1/1 2/1 3/1 4/1 5/1");
}

TEST(Wal, AFilledPoolMakesRollsFree) {
  WalHarness log;
  log.MustOpen();
  uint64_t next = 1;
  for (int round = 0; round < 10; ++round) {
    ASSERT_TRUE(log.Upkeep().ok());
    for (int i = 0; i < 20; ++i, ++next) {
      log.AppendRange(next, next, 1, 900);
      log.MustWrite();
    }
  }
  EXPECT_EQ(log.wal->stats().segments_made_on_demand, 1u) << "only the first one";
}

TEST(Wal, JobsRunOnOtherThreadsWhileTheLoopAppendsAndReads) {
  WalHarness log;
  log.MustOpen();
  for (uint64_t i = 1; i <= 100; ++i) {
    log.AppendRange(i, i, 1, 900);
    auto write = log.wal->TakeWrite();
    auto upkeep = log.wal->TakeUpkeep();
    std::thread writer([&] { ASSERT_TRUE(write->Run().ok()); });
    std::thread keeper([&] { ASSERT_TRUE(upkeep == nullptr || upkeep->Run().ok()); });
    if (i > 3) {
      EXPECT_TRUE(log.wal->Read(Index(i - 2), Index(i), 1 << 20).ok());
      EXPECT_TRUE(log.wal->WriteCommit(Index(i - 1)).ok());
      log.wal->Release(Index(i - 3));
    }
    writer.join();
    keeper.join();
    ASSERT_TRUE(log.wal->WriteDone(std::move(write)).ok());
    if (upkeep != nullptr) {
      ASSERT_TRUE(log.wal->UpkeepDone(std::move(upkeep)).ok());
    }
  }
  EXPECT_EQ(log.wal->durable_last(), Index(100));
}

TEST(Wal, ADsyncLogIsDurableToo) {
  WalHarness log;
  log.options.method = SyncMethod::kDsync;
  log.MustOpen();
  ASSERT_TRUE(log.Upkeep().ok());
  for (uint64_t i = 1; i <= 60; ++i) {
    log.AppendRange(i, i, 1, 900);
    log.MustWrite();
  }
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.last.index, Index(60));
}

TEST(Wal, ManyRestartsLeaveNoFilesBehind) {
  WalHarness log;
  log.MustOpen();
  for (int i = 0; i < 50; ++i) {
    log.CrashAndOpen();
    ASSERT_TRUE(log.Upkeep().ok());
    ASSERT_LE(log.SegmentPaths().size(), 3u);
  }
}

TEST(Wal, AnotherMembersLogIsRefusedWithAdvice) {
  WalHarness log;
  log.MustOpen();
  log.wal.reset();
  log.options.identity.member_id = 0xbb;
  absl::Status status = log.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("own data directory"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/data/wal/"));
}

}  // namespace
}  // namespace keelson::storage
