// Failing and full disks: the log stops for good after a failed write or sync, and waits when there
// is no room.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/fs/reserve_file.h"
#include "tests/wal/wal_harness.h"

namespace keelson::storage {
namespace {

using raft::Index;
using testing::HasSubstr;

TEST(WalFaults, AFailedSyncEndsTheLogForGoodAndNamesTheFile) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 3, 1);
  log.MustWrite();
  log.fs.FailNth(DiskOp::kSync, 1, ".wal");
  log.AppendRange(4, 5, 1);
  absl::Status status = log.Write();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/data/wal/0000000000000001.wal"));
  EXPECT_EQ(log.wal->complete_seq(), 1u);
  EXPECT_EQ(log.wal->durable_last(), Index(3));

  const auto before = log.fs.counters().operations;
  log.AppendRange(6, 6, 1);
  EXPECT_EQ(log.wal->TakeWrite(), nullptr);
  EXPECT_EQ(log.wal->TakeUpkeep(), nullptr);
  EXPECT_FALSE(log.wal->WriteCommit(Index(3)).ok());
  EXPECT_EQ(log.wal->status(), status);
  EXPECT_EQ(log.fs.counters().operations, before) << "nothing is tried again";
}

TEST(WalFaults, AFailedWriteEndsTheLog) {
  WalHarness log;
  log.MustOpen();
  log.fs.FailNth(DiskOp::kWrite, 1, ".wal");
  log.AppendRange(1, 2, 1);
  EXPECT_TRUE(absl::IsDataLoss(log.Write()));
  EXPECT_FALSE(log.wal->status().ok());
}

TEST(WalFaults, AFailedCommitWriteEndsTheLog) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 2, 1);
  log.MustWrite();
  log.fs.FailNth(DiskOp::kWrite, 1, "commit");
  EXPECT_THAT(std::string(log.wal->WriteCommit(Index(1)).message()), HasSubstr("/data/wal/commit"));
  EXPECT_FALSE(log.wal->status().ok());
}

// After a failed sync the page cache shows what the disk does not hold. A new process reads it from
// there, and must not rely on it before it wrote it again.
TEST(WalFaults, ARestartAfterAFailedSyncTrustsNothingItDidNotWriteAgain) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    WalHarness log(seed);
    log.MustOpen();
    log.AppendRange(1, 3, 1);
    log.MustWrite();
    log.AppendRange(4, 6, 1, 3000);
    log.fs.FailNth(DiskOp::kSync, 1, ".wal");
    EXPECT_FALSE(log.Write().ok());
    log.CrashAndOpen();
    const std::string seen = log.Ids();
    EXPECT_EQ(seen, "1/1 2/1 3/1 4/1 5/1 6/1") << "all of it is in the page cache";
    log.LosePowerAndOpen();
    EXPECT_EQ(log.Ids(), seen) << "seed " << seed;
  }
}

TEST(WalFaults, AFailedReadIsReportedAndEndsNothing) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 2, 1);
  log.MustWrite();
  log.fs.FailNth(DiskOp::kRead, 1, ".wal");
  EXPECT_TRUE(absl::IsDataLoss(log.wal->Read(Index(1), Index(2), 10).status()));
  EXPECT_TRUE(log.wal->status().ok());
  EXPECT_TRUE(log.wal->Read(Index(1), Index(2), 10).ok());
}

TEST(WalFaults, AFlippedBitIsFoundByTheReadThatMeetsIt) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 1, 1, 2000);
  log.MustWrite();
  ASSERT_TRUE(log.fs.FlipBit("/data/wal/0000000000000001.wal", (4096 + 512 + 88 + 500) * 8).ok());
  absl::Status status = log.wal->Read(Index(1), Index(2), 10).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("entry 1 of term 1"));
}

TEST(WalFaults, AFullDiskLosesNothingAndTheWriteGoesThroughWhenThereIsRoom) {
  WalHarness log;
  log.MustOpen();
  ASSERT_TRUE(CreateReserve(log.fs, "/data/reserve", 64 << 10).ok());
  log.fs.SetCapacity(log.fs.UsedBytes());
  uint64_t next = 1;
  absl::Status status;
  while (status.ok() && next < 1000) {
    log.AppendRange(next, next, 1, 500);
    ++next;
    status = log.Write();
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(log.wal->is_full());
  EXPECT_TRUE(log.wal->status().ok()) << "a full disk is no broken disk";
  EXPECT_EQ(log.wal->durable_last(), Index(next - 2));
  EXPECT_TRUE(absl::IsResourceExhausted(log.Upkeep()));

  log.AppendRange(next - 2, next - 2, 2);
  log.AppendRange(next - 1, next, 2);
  ASSERT_TRUE(ReleaseReserve(log.fs, "/data/reserve").ok());
  log.MustWrite();
  EXPECT_FALSE(log.wal->is_full());
  EXPECT_EQ(log.wal->complete_seq(), next + 1);
  EXPECT_EQ(log.wal->last(), (raft::EntryId{raft::Term(2), Index(next)}));
  const std::string ids = log.Ids();
  log.LosePowerAndOpen();
  EXPECT_EQ(log.Ids(), ids);
}

TEST(WalFaults, AFullDiskAtTheStartIsToldFromABrokenOne) {
  WalHarness log;
  log.MustOpen();
  log.AppendRange(1, 1, 1);
  log.MustWrite();
  log.wal.reset();
  log.fs.SetCapacity(log.fs.UsedBytes());
  EXPECT_TRUE(absl::IsResourceExhausted(log.Open()));
  log.fs.SetCapacity(1 << 30);
  log.MustOpen();
  EXPECT_EQ(log.Ids(), "1/1");
}

TEST(WalFaults, UpkeepThatFindsNoRoomIsAskedAgain) {
  WalHarness log;
  log.options.ready_segments = 3;
  log.MustOpen();
  log.fs.SetCapacity(log.fs.UsedBytes() + (40 << 10));
  EXPECT_TRUE(absl::IsResourceExhausted(log.Upkeep()));
  EXPECT_EQ(log.wal->stats().ready, 1u);
  const std::vector<std::string> names = *log.fs.List(WalHarness::kDir);
  for (const std::string& name : names) {
    EXPECT_EQ(name.find(".new"), std::string::npos) << "a full disk keeps no leftovers";
  }
  log.fs.SetCapacity(1 << 30);
  EXPECT_TRUE(log.Upkeep().ok());
  EXPECT_EQ(log.wal->stats().ready, 3u);
}

TEST(WalFaults, UpkeepWithoutGrowthGivesRoomBackAndTakesNone) {
  WalHarness log;
  log.options.ready_segments = 2;
  log.MustOpen();
  ASSERT_TRUE(log.Upkeep().ok());
  const uint64_t entries = 120;
  for (uint64_t i = 1; i <= entries; ++i) {
    log.AppendRange(i, i, 1, 900);
    log.MustWrite();
  }
  ASSERT_EQ(log.wal->stats().ready, 0u);
  EXPECT_EQ(log.wal->TakeUpkeep(Wal::Growth::kNone), nullptr) << "nothing to gain";
  log.wal->Release(Index(entries - 1));
  const uint64_t before = log.fs.UsedBytes();
  auto upkeep = log.wal->TakeUpkeep(Wal::Growth::kNone);
  ASSERT_NE(upkeep, nullptr);
  ASSERT_TRUE(upkeep->Run().ok());
  ASSERT_TRUE(log.wal->UpkeepDone(std::move(upkeep)).ok());
  EXPECT_LT(log.fs.UsedBytes(), before);
  EXPECT_EQ(log.wal->stats().ready, 2u) << "room that the log has already stays the log's";
}

TEST(WalFaults, AnIoErrorInUpkeepEndsTheLog) {
  WalHarness log;
  log.MustOpen();
  log.fs.FailNth(DiskOp::kSyncDirectory, 1);
  EXPECT_TRUE(absl::IsDataLoss(log.Upkeep()));
  EXPECT_FALSE(log.wal->status().ok());
}

TEST(WalFaults, UpkeepMayRunBesideAWrite) {
  WalHarness log;
  log.MustOpen();
  for (uint64_t i = 1; i <= 40; ++i) {
    log.AppendRange(i, i, 1, 900);
    auto write = log.wal->TakeWrite();
    auto upkeep = log.wal->TakeUpkeep();
    if (upkeep != nullptr) {
      EXPECT_EQ(log.wal->TakeUpkeep(), nullptr);
      ASSERT_TRUE(upkeep->Run().ok());
    }
    ASSERT_TRUE(write->Run().ok());
    ASSERT_TRUE(log.wal->WriteDone(std::move(write)).ok());
    if (upkeep != nullptr) {
      ASSERT_TRUE(log.wal->UpkeepDone(std::move(upkeep)).ok());
    }
    if (i > 10) log.wal->Release(Index(i - 10));
  }
  log.LosePowerAndOpen();
  EXPECT_EQ(log.recovery.last.index, Index(40));
}

TEST(ReserveFile, TakesUpRoomGivesItBackAndIsRebuilt) {
  FaultyFileSystem fs(Seeded(1));
  ASSERT_TRUE(fs.CreateDirectories("/data").ok());
  EXPECT_FALSE(*HasReserve(fs, "/data/reserve", 1));
  fs.SetCapacity(1 << 20);
  ASSERT_TRUE(CreateReserve(fs, "/data/reserve", 512 << 10).ok());
  EXPECT_TRUE(*HasReserve(fs, "/data/reserve", 512 << 10));
  EXPECT_EQ(*fs.FreeBytes("/"), 512u << 10);
  ASSERT_TRUE(ReleaseReserve(fs, "/data/reserve").ok());
  ASSERT_TRUE(ReleaseReserve(fs, "/data/reserve").ok());
  EXPECT_EQ(*fs.FreeBytes("/"), 1u << 20);
  EXPECT_TRUE(absl::IsResourceExhausted(CreateReserve(fs, "/data/reserve", 2 << 20)));
  EXPECT_EQ(*fs.FreeBytes("/"), 1u << 20) << "a failed rebuild takes up nothing";
}

}  // namespace
}  // namespace keelson::storage
