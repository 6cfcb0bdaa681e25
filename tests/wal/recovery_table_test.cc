// storage/wal/README.md, "Recovery": one test per row of the table.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/wal/record_codec.h"
#include "storage/wal/wal_format.h"
#include "tests/wal/wal_harness.h"

namespace keelson::storage {
namespace {

using raft::Index;
using testing::AllOf;
using testing::HasSubstr;

constexpr uint64_t kSector = kWalSectorBytes;
const char* const kFirst = "/data/wal/0000000000000001.wal";

class RecoveryTable : public testing::Test {
 protected:
  // A closed log: in segment 1 the opening group at 4096, then group 2 (entries 1 and 2, three
  // sectors) at 4608, then group 3 (entry 3, one sector) at 6144.
  void SetUp() override {
    log_.MustOpen();
    log_.AppendRange(1, 2, 1, 600);
    log_.MustWrite();
    log_.AppendRange(3, 3, 1, 100);
    log_.MustWrite();
    log_.wal.reset();
  }

  std::unique_ptr<File> OpenFile(const std::string& path) {
    auto file = log_.fs.Open(path, OpenMode::kReadWrite);
    EXPECT_TRUE(file.ok()) << file.status();
    return std::move(*file);
  }
  void Overwrite(const std::string& path, uint64_t offset, const std::string& bytes) {
    auto file = OpenFile(path);
    ASSERT_TRUE(file->WriteAt(offset, bytes).ok());
    ASSERT_TRUE(file->Sync().ok());
  }
  void Zero(const std::string& path, uint64_t offset, uint64_t bytes) {
    Overwrite(path, offset, std::string(bytes, '\0'));
  }
  void Flip(const std::string& path, uint64_t byte) {
    ASSERT_TRUE(log_.fs.FlipBit(path, byte * 8).ok());
  }
  SegmentHeader HeaderOf(const std::string& path) {
    std::string sector(kSegmentHeaderBytes, '\0');
    EXPECT_TRUE(OpenFile(path)->ReadAt(0, sector.size(), sector.data()).ok());
    return DecodeSegmentHeader(sector).value();
  }
  void ExpectDataLoss(const std::string& part, const std::string& where = kFirst) {
    absl::Status status = log_.Open();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(part), HasSubstr(where)));
  }
  void ExpectOpens(const std::string& ids) {
    absl::Status status = log_.Open();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(log_.Ids(), ids);
  }
  // Restarts once more, so that the log lies in two segments.
  void Restart() {
    log_.MustOpen();
    log_.AppendRange(4, 4, 1);
    log_.MustWrite();
    log_.wal.reset();
  }

  WalHarness log_;
};

constexpr uint64_t kGroup2 = 4608;
constexpr uint64_t kGroup3 = 6144;

TEST_F(RecoveryTable, Row1NoFilesAreANewLog) {
  WalHarness fresh;
  fresh.MustOpen();
  EXPECT_TRUE(fresh.recovery.is_new);
  EXPECT_TRUE(fresh.recovery.notes.empty());
}

TEST_F(RecoveryTable, Row2OneHeaderCopyIsEnough) {
  Flip(kFirst, 20);
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_THAT(log_.recovery.notes.at(0), HasSubstr("header copy at 0 is damaged"));
}

TEST_F(RecoveryTable, Row3NoHeaderIsDamage) {
  Flip(kFirst, 20);
  Flip(kFirst, 512 + 20);
  ExpectDataLoss("no valid segment header");
}

TEST_F(RecoveryTable, Row3AShortFileIsDamage) {
  ASSERT_TRUE(OpenFile(kFirst)->Truncate(1000).ok());
  ExpectDataLoss("too short");
}

TEST_F(RecoveryTable, Row3AFileShorterThanItsHeaderSaysIsDamage) {
  ASSERT_TRUE(OpenFile(kFirst)->Truncate(8192).ok());
  ExpectDataLoss("shorter than its header says");
}

TEST_F(RecoveryTable, Row3AForeignFileIsDamage) {
  Overwrite(kFirst, 0, std::string(4096, 'x'));
  ExpectDataLoss("foreign file");
}

TEST_F(RecoveryTable, Row4ALaterFormatIsRefused) {
  SegmentHeader header = HeaderOf(kFirst);
  header.version = kWalFormatVersion + 1;
  Overwrite(kFirst, 0, EncodeHeaderPage(header).substr(0, 1024));
  absl::Status status = log_.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("later release"));
}

TEST_F(RecoveryTable, Row5AnotherClusterIsRefused) {
  log_.options.identity.cluster_id = 0xdd;
  absl::Status status = log_.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("cluster dd"));
}

TEST_F(RecoveryTable, Row5ACommitFileOfAnotherMemberIsRefused) {
  CommitSlot slot;
  slot.identity = {.cluster_id = 0xc1, .member_id = 0xee};
  slot.counter = 9;
  Overwrite("/data/wal/commit", 512, EncodeCommitSlot(slot));
  absl::Status status = log_.Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/data/wal/commit"));
}

TEST_F(RecoveryTable, Row6ARenamedSegmentIsDamage) {
  const std::string name = "/data/wal/0000000000000009.wal";
  ASSERT_TRUE(log_.fs.Rename(kFirst, name).ok());
  ExpectDataLoss("that of segment 1", name);
}

TEST_F(RecoveryTable, Row7SparesAreNoPartOfTheLog) {
  log_.MustOpen();
  ASSERT_TRUE(log_.Upkeep().ok());
  EXPECT_EQ(log_.wal->stats().ready, 1u);
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_EQ(log_.wal->stats().released, 1u) << "to be recycled before it is used";
}

TEST_F(RecoveryTable, Row8AFirstGroupThatNeverArrivedLeavesADeadSegment) {
  Restart();
  const std::string second = "/data/wal/0000000000000002.wal";
  Zero(second, kAreaOffset, HeaderOf(second).area_bytes);
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_THAT(log_.recovery.notes.at(0), HasSubstr("never arrived"));
}

TEST_F(RecoveryTable, Row8IsCorruptionWhenLaterGroupsOfThatSegmentAreThere) {
  Restart();
  Zero("/data/wal/0000000000000002.wal", kAreaOffset, kSector);
  ExpectDataLoss("proves group");
}

TEST_F(RecoveryTable, Row9ADamagedFirstFrameIsDamage) {
  Restart();
  Flip("/data/wal/0000000000000002.wal", kAreaOffset + 20);
  ExpectDataLoss("damaged, not torn", "0000000000000002.wal' at offset 4096");
}

TEST_F(RecoveryTable, Row9ADamagedStampWithoutAFirstFrameIsDamage) {
  Restart();
  const std::string second = "/data/wal/0000000000000002.wal";
  Flip(second, kStampOffset + 9);
  ExpectOpens("1/1 2/1 3/1 4/1");  // the frame says enough
  log_.wal.reset();
  const std::string third = "/data/wal/0000000000000003.wal";
  Flip(third, kStampOffset + 9);
  Zero(third, kAreaOffset, HeaderOf(third).area_bytes);
  ExpectDataLoss("the stamp is damaged", third);
}

TEST_F(RecoveryTable, Row10AGroupGivenUpEarlierIsIgnored) {
  Zero(kFirst, kGroup2 + kSector, kSector);  // group 2 looks torn, but group 3 proves it
  ExpectDataLoss("proves it durable");
  Zero(kFirst, kGroup3, kSector);  // now nothing does: group 2 is cut
  ExpectOpens("");
  EXPECT_TRUE(log_.recovery.cut_torn_tail);
  log_.AppendRange(1, 1, 5);
  log_.MustWrite();
  log_.wal.reset();
  ExpectOpens("1/5");
  EXPECT_FALSE(log_.recovery.cut_torn_tail) << "what was cut is not judged again";
}

TEST_F(RecoveryTable, Row11AMissingGroupThatALaterSegmentFollowsIsDamage) {
  Restart();
  Zero(kFirst, kGroup2, kSector);
  ExpectDataLoss("group 2 up to 2 is missing");
}

TEST_F(RecoveryTable, Row11ADamagedGroupThatALaterSegmentFollowsIsDamage) {
  Restart();
  Flip(kFirst, kGroup2 + 600);
  ExpectDataLoss("offset 4696: the content of entry 1 of term 1 is damaged");
}

TEST_F(RecoveryTable, Row12AnOldSectorIsTheEnd) {
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_FALSE(log_.recovery.cut_torn_tail);
  EXPECT_TRUE(log_.recovery.notes.empty());
}

TEST_F(RecoveryTable, Row12TheLastGroupMayBeLostWholeWithoutATrace) {
  Zero(kFirst, kGroup3, kSector);
  ExpectOpens("1/1 2/1");
}

TEST_F(RecoveryTable, Row13NeitherAFrameNorOldContentIsDamage) {
  Flip(kFirst, kGroup3 + 30);
  ExpectDataLoss("offset 6144: the start of a group is damaged, not torn");
}

TEST_F(RecoveryTable, Row14ALaterFrameProvesALostSectorDurable) {
  Zero(kFirst, kGroup2, kSector);
  ExpectDataLoss("offset 4608: a group is damaged, but the one at offset 6144");
}

TEST_F(RecoveryTable, Row14TheCommitFileProvesTheLastGroupDurable) {
  log_.MustOpen();
  log_.AppendRange(4, 4, 1);
  log_.MustWrite();
  ASSERT_TRUE(log_.wal->WriteCommit(Index(4)).ok());
  log_.wal.reset();
  Zero("/data/wal/0000000000000002.wal", kGroup2, kSector);
  ExpectDataLoss("'/data/wal/commit' proves group 5 durable", "0000000000000002.wal");
}

TEST_F(RecoveryTable, Row14AMissingLastSegmentIsNoticedByTheCommitFile) {
  log_.MustOpen();
  log_.AppendRange(4, 4, 1);
  log_.MustWrite();
  ASSERT_TRUE(log_.wal->WriteCommit(Index(4)).ok());
  log_.wal.reset();
  ASSERT_TRUE(log_.fs.Remove("/data/wal/0000000000000002.wal").ok());
  ExpectDataLoss("'/data/wal/commit' proves group 5 durable", kFirst);
  ASSERT_TRUE(log_.fs.Remove(kFirst).ok());
  ExpectDataLoss("segment files are missing", "/data/wal");
}

TEST_F(RecoveryTable, Row15ATornLastGroupIsCut) {
  Zero(kFirst, kGroup3, kSector);
  Zero(kFirst, kGroup2 + 2 * kSector, kSector);
  ExpectOpens("");
  EXPECT_TRUE(log_.recovery.cut_torn_tail);
  EXPECT_THAT(log_.recovery.notes.at(0), HasSubstr("the group is cut"));
}

TEST_F(RecoveryTable, Row15ATornGroupOnRecycledContentIsCutToo) {
  log_.options.ready_segments = 1;
  log_.MustOpen();
  // Fill until a segment that was recycled is written to.
  uint64_t next = 4;
  std::string last_path;
  for (int i = 0; i < 120; ++i, ++next) {
    log_.AppendRange(next, next, 1, 900);
    log_.MustWrite();
    log_.wal->Release(Index(next - 1));
    ASSERT_TRUE(log_.Upkeep().ok());
  }
  log_.wal.reset();
  for (const std::string& path : log_.SegmentPaths()) {
    if (HeaderOf(path).has_table) last_path = path;
  }
  ASSERT_NE(last_path, "");
  log_.MustOpen();
  const std::string before = log_.Ids();
  ASSERT_TRUE(log_.Upkeep().ok());
  for (uint64_t i = 0; i < 20; ++i, ++next) {  // reaches the recycled spare
    log_.AppendRange(next, next, 1, 900);
    log_.MustWrite();
  }
  const uint64_t durable = log_.wal->durable_last().value();
  // A group in flight of which power loss keeps the sectors that it likes.
  log_.AppendRange(next, next, 1, 3000);
  auto job = log_.wal->TakeWrite();
  log_.fs.FailNth(DiskOp::kSync, 1, ".wal");
  EXPECT_FALSE(job->Run().ok());
  job.reset();
  log_.LosePowerAndOpen(PowerLossMode::kRandom);
  EXPECT_THAT(log_.recovery.last.index.value(), testing::AnyOf(durable, durable + 1));
}

TEST_F(RecoveryTable, Row16ADamagedLastGroupThatIsNotTornIsDamage) {
  Flip(kFirst, kGroup3 + 100);
  ExpectDataLoss(
      "the head of an entry is damaged, and it does not look like a write that was torn");
}

TEST_F(RecoveryTable, Row17GroupsThatContradictEachOtherAreDamage) {
  const SegmentHeader header = HeaderOf(kFirst);
  std::string group;
  GroupFrame frame;
  frame.number = 4;
  frame.follows = 3;
  frame.durable = 3;
  frame.hard = Hard(1, 0, 0);
  frame.prev = {raft::Term(9), Index(3)};  // the log has entry 3 of term 1
  AppendFrame(frame, {.salt = header.salt, .offset = kGroup3 + kSector}, &group);
  group.resize(kSector);
  Overwrite(kFirst, kGroup3 + kSector, group);
  ExpectDataLoss("group 4 contradicts the log before it");
}

TEST_F(RecoveryTable, Row17ATermThatGoesBackIsDamage) {
  log_.MustOpen();
  log_.Append({}, Hard(5, 1, 0));
  log_.MustWrite();
  log_.wal.reset();
  const std::string second = "/data/wal/0000000000000002.wal";
  std::string group;
  GroupFrame frame;
  frame.number = 6;
  frame.follows = 5;
  frame.durable = 5;
  frame.hard = Hard(4, 1, 0);
  frame.prev = {raft::Term(1), Index(3)};
  AppendFrame(frame, {.salt = HeaderOf(second).salt, .offset = kGroup2 + kSector}, &group);
  group.resize(kSector);
  Overwrite(second, kGroup2 + kSector, group);
  ExpectDataLoss("contradicts", second);
}

TEST_F(RecoveryTable, Row18AMissingCommitFileIsNoted) {
  ASSERT_TRUE(log_.fs.Remove("/data/wal/commit").ok());
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_TRUE(log_.recovery.commit_may_be_behind);
  EXPECT_THAT(log_.recovery.notes.at(0), HasSubstr("was missing"));
}

TEST_F(RecoveryTable, Row18ADamagedCommitSlotIsNotedAndTheOtherOneHolds) {
  log_.MustOpen();
  ASSERT_TRUE(log_.wal->WriteCommit(Index(2)).ok());
  ASSERT_TRUE(log_.wal->WriteCommit(Index(3)).ok());
  log_.wal.reset();
  Flip("/data/wal/commit", 40);  // counter 2 is in slot 0
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_TRUE(log_.recovery.commit_may_be_behind);
  EXPECT_EQ(log_.recovery.hard_state.commit, Index(2));
}

TEST_F(RecoveryTable, Row19AWholeLastGroupIsRepeated) {
  log_.MustOpen();
  EXPECT_EQ(log_.wal->stats().bytes, kSector) << "entry 3 is written again";
  EXPECT_EQ(log_.Ids(), "1/1 2/1 3/1");
  log_.wal.reset();
  ASSERT_TRUE(log_.fs.FlipBit(kFirst, (kGroup3 + 20) * 8).ok())
      << "the first copy is of no use now";
  ExpectOpens("1/1 2/1 3/1");
}

TEST_F(RecoveryTable, Row20AReadErrorIsDamage) {
  log_.fs.FailNth(DiskOp::kRead, 1, "0000000000000001.wal");
  ExpectDataLoss("read at");
}

TEST_F(RecoveryTable, UnfinishedSegmentsAreRemovedAndForeignNamesLeftAlone) {
  ASSERT_TRUE(WriteFileDurably(log_.fs, "/data/wal/0000000000000007.wal.new", "x").ok());
  ASSERT_TRUE(WriteFileDurably(log_.fs, "/data/wal/notes.txt", "x").ok());
  ExpectOpens("1/1 2/1 3/1");
  EXPECT_FALSE(*log_.fs.Exists("/data/wal/0000000000000007.wal.new"));
  EXPECT_TRUE(*log_.fs.Exists("/data/wal/notes.txt"));
}

}  // namespace
}  // namespace keelson::storage
