// The pure parts of the log: codecs, term runs, the index of places, the pending group, the probe.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/wal/log_index.h"
#include "storage/wal/pending_group.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/sync_probe.h"
#include "storage/wal/term_runs.h"
#include "tests/wal/wal_harness.h"

namespace keelson::storage {
namespace {

using raft::EntryId;
using raft::Index;
using raft::Term;

EntryId Id(uint64_t term, uint64_t index) { return {Term(term), Index(index)}; }

TEST(RecordCodec, EveryRecordReadsBackAndIsBoundToItsPlace) {
  GroupFrame frame;
  frame.number = 9;
  frame.follows = 7;
  frame.durable = 7;
  frame.hard = Hard(4, 2, 11);
  frame.prev = Id(3, 12);
  frame.resets_log = true;
  frame.entries = 2;
  frame.bytes = kFrameBytes + 2 * kEntryHeadBytes + 10;
  std::string bytes;
  const RecordPlace place{.salt = 5, .group = 0, .offset = 4096};
  AppendFrame(frame, place, &bytes);
  EXPECT_EQ(DecodeFrame(bytes, place), frame);
  EXPECT_EQ(DecodeFrame(bytes, {.salt = 6, .group = 0, .offset = 4096}), std::nullopt);
  EXPECT_EQ(DecodeFrame(bytes, {.salt = 5, .group = 0, .offset = 4608}), std::nullopt);

  EntryHead head{.id = Id(4, 13),
                 .type = raft::EntryType::kConfig,
                 .payload_bytes = 10,
                 .content_checksum = 0xabcdef01};
  bytes.clear();
  const RecordPlace entry_place{.salt = 5, .group = 9, .offset = 4184};
  AppendEntryHead(head, entry_place, &bytes);
  EXPECT_EQ(DecodeEntryHead(bytes, entry_place), head);
  EXPECT_EQ(DecodeEntryHead(bytes, {.salt = 5, .group = 8, .offset = 4184}), std::nullopt);

  SegmentHeader header;
  header.identity = {.cluster_id = 1, .member_id = 2};
  header.sequence = 3;
  header.salt = 4;
  header.area_bytes = 512 * 7;
  header.has_table = true;
  header.table_checksum = 6;
  const std::string page = EncodeHeaderPage(header);
  EXPECT_EQ(DecodeSegmentHeader(page.substr(0, 512)), header);
  EXPECT_EQ(DecodeSegmentHeader(page.substr(512, 512)), header);

  CommitSlot slot;
  slot.identity = header.identity;
  slot.counter = 8;
  slot.commit = Index(77);
  slot.durable = 9;
  EXPECT_EQ(DecodeCommitSlot(EncodeCommitSlot(slot)), slot);

  std::string stamp;
  AppendStampSector(4, 12, &stamp);
  EXPECT_EQ(stamp.size(), kWalSectorBytes);
  EXPECT_EQ(DecodeStamp(4, stamp.substr(0, kStampBytes)), 12u);
  EXPECT_EQ(DecodeStamp(5, stamp.substr(0, kStampBytes)), std::nullopt);
}

TEST(TermRuns, KnowTheTermOfEveryKeptEntry) {
  TermRuns runs;
  runs.Reset(Id(2, 10));
  for (uint64_t i = 11; i <= 20; ++i) runs.Append(Id(2, i));
  for (uint64_t i = 21; i <= 30; ++i) runs.Append(Id(5, i));
  EXPECT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs.At(Index(10)), Term(2));
  EXPECT_EQ(runs.At(Index(20)), Term(2));
  EXPECT_EQ(runs.At(Index(21)), Term(5));
  EXPECT_FALSE(runs.MayAppend(Id(4, 31)));
  EXPECT_FALSE(runs.MayAppend(Id(5, 32)));
  runs.TruncateTo(Index(25));
  runs.Append(Id(7, 26));
  runs.MoveBase(Index(20));
  EXPECT_EQ(runs.base(), Id(2, 20));
  runs.MoveBase(Index(23));
  EXPECT_EQ(runs.base(), Id(5, 23));
  EXPECT_EQ(runs.At(Index(24)), Term(5));
  EXPECT_EQ(runs.last_id(), Id(7, 26));
  runs.MoveBase(Index(26));
  EXPECT_EQ(runs.size(), 0u);
  EXPECT_EQ(runs.last_id(), Id(7, 26));
}

GroupFrame FrameBehind(EntryId prev, uint32_t entries) {
  GroupFrame frame;
  frame.number = 1;
  frame.prev = prev;
  frame.entries = entries;
  return frame;
}

TEST(LogIndex, FindsThePlaceThatHoldsTheNewestCopy) {
  LogIndex index;
  ASSERT_TRUE(index.BeginGroup(FrameBehind(Id(0, 0), 4), 1, 4096));
  for (uint64_t i = 1; i <= 4; ++i) ASSERT_TRUE(index.AddEntry(Id(1, i), 4184 + i * 100));
  ASSERT_TRUE(index.BeginGroup(FrameBehind(Id(1, 2), 1), 1, 8192));
  ASSERT_TRUE(index.AddEntry(Id(2, 3), 8280));
  EXPECT_EQ(index.last(), Index(3));
  EXPECT_EQ(index.Find(Index(2)).group_offset, 4096u);
  EXPECT_EQ(index.After(Index(2))->index, Index(3));
  EXPECT_EQ(index.Find(Index(3)).group_offset, 8192u);
  EXPECT_FALSE(index.BeginGroup(FrameBehind(Id(1, 3), 1), 1, 9000)) << "entry 3 has term 2";
}

TEST(LogIndex, MarksAreSparse) {
  LogIndex index;
  uint64_t at = 4096;
  for (uint64_t i = 1; i <= 10000; ++i, at += 512) {
    ASSERT_TRUE(index.BeginGroup(FrameBehind(Id(i > 1 ? 1 : 0, i - 1), 1), 1, at));
    ASSERT_TRUE(index.AddEntry(Id(1, i), at + kFrameBytes));
  }
  EXPECT_LE(index.marks(), 10000 * 512 / LogIndex::kMarkBytes + 1);
}

TEST(LogIndex, ASegmentIsBehindWhenItsLastLivingEntryIs) {
  LogIndex index;
  ASSERT_TRUE(index.BeginGroup(FrameBehind(Id(0, 0), 4), 1, 4096));
  for (uint64_t i = 1; i <= 4; ++i) ASSERT_TRUE(index.AddEntry(Id(1, i), 4184 + i * 100));
  EXPECT_FALSE(index.IsBehind(1, Index(3)));
  EXPECT_TRUE(index.IsBehind(1, Index(4)));
  ASSERT_TRUE(index.BeginGroup(FrameBehind(Id(1, 2), 2), 2, 4096));
  ASSERT_TRUE(index.AddEntry(Id(2, 3), 4184));
  ASSERT_TRUE(index.AddEntry(Id(2, 4), 4284));
  EXPECT_FALSE(index.IsBehind(1, Index(1)));
  EXPECT_TRUE(index.IsBehind(1, Index(2)));
  index.DropSegment(1);
  EXPECT_EQ(index.terms().base(), Id(1, 2));
  ASSERT_TRUE(index.BeginGroup(FrameBehind(Id(2, 4), 0), 3, 4096));
  EXPECT_FALSE(index.IsBehind(2, Index(3)));
}

TEST(PendingGroup, LaterEntriesReplaceEarlierOnes) {
  auto group = [](uint64_t first, uint64_t last, uint64_t term, uint64_t prev_term) {
    PendingGroup made;
    made.prev = Id(prev_term, first - 1);
    for (uint64_t i = first; i <= last; ++i) made.entries.push_back(EntryAt(i, term, "x"));
    return made;
  };
  PendingGroup pending;
  pending.Absorb(group(5, 8, 1, 1));
  pending.Absorb(group(7, 7, 2, 1));
  ASSERT_EQ(pending.entries.size(), 3u);
  EXPECT_EQ(pending.entries.back().id(), Id(2, 7));
  pending.Absorb(group(3, 3, 3, 1));
  ASSERT_EQ(pending.entries.size(), 1u);
  EXPECT_EQ(pending.prev, Id(1, 2));
  PendingGroup marker;
  marker.resets_log = true;
  marker.prev = Id(3, 20);
  pending.Absorb(marker);
  pending.Absorb(group(21, 22, 3, 3));
  EXPECT_TRUE(pending.resets_log);
  EXPECT_EQ(pending.prev, Id(3, 20));
  EXPECT_EQ(pending.entries.size(), 2u);
}

TEST(SyncProbe, TakesTheFasterMethodAndStopsInTime) {
  FaultyFileSystem fs(Seeded(1));
  ASSERT_TRUE(fs.CreateDirectories("/data").ok());
  uint64_t now = 0;
  auto result = ProbeSyncMethod(fs, "/data", [&] { return now += 100; });
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->rounds, 200);
  EXPECT_EQ(result->best, SyncMethod::kFdatasync) << "a draw goes to fdatasync";
  EXPECT_FALSE(*fs.Exists("/data/sync-probe"));

  uint64_t calls = 0;  // in a round: deadline check, two readings of fdatasync, two of O_DSYNC
  auto slow = [&] { return now += (calls++ % 5 == 3 ? 20'000'000 : 1'000'000); };
  result = ProbeSyncMethod(fs, "/data", slow);
  ASSERT_TRUE(result.ok());
  EXPECT_LT(result->rounds, 20);
  EXPECT_EQ(result->best, SyncMethod::kDsync);
  EXPECT_LT(result->dsync_p50_nanos, result->fdatasync_p50_nanos);
}

TEST(SyncProbe, AFailingDiskIsReported) {
  FaultyFileSystem fs(Seeded(1));
  ASSERT_TRUE(fs.CreateDirectories("/data").ok());
  fs.FailNth(DiskOp::kSync, 3);
  uint64_t now = 0;
  EXPECT_TRUE(absl::IsDataLoss(ProbeSyncMethod(fs, "/data", [&] { return ++now; }).status()));
}

}  // namespace
}  // namespace keelson::storage
