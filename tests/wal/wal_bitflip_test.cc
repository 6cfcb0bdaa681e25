// Bit rot: whatever bit of a log flips, the log either opens with exactly what it held or refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "tests/wal/wal_harness.h"
#include "tests/wal/wal_shadow.h"

namespace keelson::storage {
namespace {

using raft::Index;

using DiskImage = std::map<std::string, std::string>;

WalOptions TinyOptions() {
  WalOptions options = SmallOptions(Seeded(5));
  options.segment_bytes = 16 << 10;
  options.on_demand_bytes = 8 << 10;
  return options;
}

// Replaces the harness' disk by the image.
std::unique_ptr<WalHarness> FromImage(const DiskImage& image) {
  auto log = std::make_unique<WalHarness>(3);
  log->options = TinyOptions();
  EXPECT_TRUE(CreateDirectoriesDurably(log->fs, WalHarness::kDir).ok());
  for (const auto& [path, bytes] : image) {
    auto file = log->fs.Open(path, OpenMode::kCreate);
    EXPECT_TRUE(file.ok() && (*file)->WriteAt(0, bytes).ok() && (*file)->Sync().ok());
  }
  EXPECT_TRUE(log->fs.SyncDirectory(WalHarness::kDir).ok());
  return log;
}

// A log over a segment made on demand, recycled ones and a spare, with a replaced suffix, ending in
// the middle of a recycled segment.
class BitFlip : public testing::Test {
 protected:
  void Build(bool with_commit_proof) {
    WalHarness log(3);
    log.options = TinyOptions();
    log.MustOpen();
    uint64_t next = 1;
    auto append = [&](uint64_t count, size_t bytes) {
      for (uint64_t i = 0; i < count; ++i, ++next) {
        raft::PersistBatch batch;
        batch.seq = log.next_seq++;
        batch.entries = {EntryAt(next, 2, PayloadFor(next, 2, bytes))};
        batch.hard_state = Hard(2, 1, next - 1);
        batch.must_sync = true;
        shadow_.Apply(batch);
        log.wal->Append(std::move(batch));
        log.MustWrite();
        log.wal->Release(Index(next > 8 ? next - 8 : 0));
        ASSERT_TRUE(log.Upkeep().ok());
      }
    };
    append(60, 500);
    raft::PersistBatch replacing;
    replacing.seq = log.next_seq++;
    replacing.entries = {EntryAt(next - 1, 3, "new"), EntryAt(next, 3, PayloadFor(next, 3, 1200))};
    replacing.hard_state = Hard(3, 2, next - 2);
    shadow_.Apply(replacing);
    log.wal->Append(std::move(replacing));
    log.MustWrite();
    if (with_commit_proof) {
      shadow_.hard.commit = Index(next);
      ASSERT_TRUE(log.wal->WriteCommit(Index(next)).ok());
    }
    const std::vector<std::string> names = *log.fs.List(WalHarness::kDir);
    for (const std::string& name : names) {
      const std::string path = JoinPath(WalHarness::kDir, name);
      image_[path] = *ReadFile(log.fs, path, 1 << 20);
    }
    ASSERT_GE(image_.size(), 3u);
  }

  // Opens the image with one flipped bit; counts how it ended.
  void Try(const std::string& path, uint64_t bit) {
    auto log = FromImage(image_);
    ASSERT_TRUE(log->fs.FlipBit(path, bit).ok());
    absl::Status status = log->Open();
    if (!status.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(status) || absl::IsFailedPrecondition(status)) << status;
      EXPECT_THAT(std::string(status.message()), testing::HasSubstr("/data/wal"));
      ++refused_;
      return;
    }
    EXPECT_FALSE(log->recovery.cut_torn_tail) << "rot taken for a torn write";
    EXPECT_EQ(Difference(*log->wal, log->recovery, shadow_), "");
    if (log->recovery.commit_may_be_behind) {
      EXPECT_LE(log->recovery.hard_state.commit, shadow_.hard.commit);
      ++noted_;
    } else {
      EXPECT_EQ(log->recovery.hard_state.commit, shadow_.hard.commit);
      ++harmless_;
    }
  }

  void TryEveryByte() {
    for (const auto& [path, bytes] : image_) {
      for (uint64_t byte = 0; byte < bytes.size(); ++byte) {
        // Nothing is written yet around a zero byte in the middle of zeros: a sample is enough.
        const std::string around = bytes.substr(byte, 512);
        const bool empty = std::all_of(around.begin(), around.end(), [](char c) { return c == 0; });
        if (empty && byte % 61 != 0) continue;
        SCOPED_TRACE(path + " byte " + std::to_string(byte));
        Try(path, byte * 8 + byte * 5 % 8);
        if (HasFailure()) return;
      }
    }
    std::printf("%d refused, %d harmless, %d noted\n", refused_, harmless_, noted_);
    EXPECT_GT(refused_, 1000);
    EXPECT_GT(harmless_, 1000);
  }

  DiskImage image_;
  ShadowState shadow_;
  int refused_ = 0;
  int harmless_ = 0;
  int noted_ = 0;
};

TEST_F(BitFlip, InAnyByteIsRefusedOrHarmless) {
  Build(false);
  TryEveryByte();
}

TEST_F(BitFlip, InAnyByteIsRefusedOrHarmlessWithACommitFile) {
  Build(true);
  TryEveryByte();
  EXPECT_GT(noted_, 0);
}

}  // namespace
}  // namespace keelson::storage
