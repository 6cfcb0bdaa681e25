// A snapshot as one file: its bytes, what it says of itself, and what damage does.
#include "storage/snapshot/archive.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/snapshot/snapshot_harness.h"

namespace keelson::storage {
namespace {

constexpr char kPath[] = "/archive.db";

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() : world_(7) {
    sender_ = world_.Open(kSender);
    world_.Fill(*sender_.store, "k", 300);
    world_.Flush(*sender_.store);
    checkpoint_ = world_.TakeCheckpoint(*sender_.store);
  }

  // The whole archive, made in pieces of random sizes.
  std::string Make() {
    ArchiveWriter writer(checkpoint_);
    std::string bytes;
    while (writer.left_bytes() > 0) {
      EXPECT_EQ(bytes.size() + writer.left_bytes(), writer.total_bytes());
      const auto piece = writer.Next(1 + world_.Random() % 3000);
      EXPECT_TRUE(piece.ok()) << piece.status();
      if (!piece.ok()) break;
      EXPECT_FALSE(piece->empty());
      bytes += *piece;
    }
    return bytes + writer.Finish();
  }
  void Write(const std::string& bytes) {
    ASSERT_EQ(WriteFileDurably(*world_.fs(), kPath, bytes), absl::OkStatus());
  }
  absl::Status VerifyOf(const std::string& bytes) {
    Write(bytes);
    const auto reader = ArchiveReader::Open(world_.fs(), kPath);
    return reader.ok() ? (*reader)->Verify({}) : reader.status();
  }

  SnapshotWorld world_;
  OpenedStore sender_;
  std::shared_ptr<const Checkpoint> checkpoint_;
};

TEST_F(ArchiveTest, SaysWhatItHoldsAndEndsWithAChecksumBehindWholeBlocks) {
  const std::string bytes = Make();
  EXPECT_EQ(bytes.size() % 512, 32u);
  EXPECT_EQ(bytes.substr(0, 8), "KEELSNAP");
  Write(bytes);
  const auto reader = ArchiveReader::Open(world_.fs(), kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const ArchiveFacts& facts = (*reader)->facts();
  EXPECT_EQ(facts.manifest, checkpoint_->manifest());
  EXPECT_EQ(facts.keys, 300);
  EXPECT_EQ(facts.manifest.revision, 301);
  EXPECT_EQ(facts.file_bytes, bytes.size());
  EXPECT_TRUE(facts.has_checksum);
  uint64_t told = 0;
  EXPECT_EQ((*reader)->Verify([&](uint64_t done, uint64_t total) {
    EXPECT_GT(done, told);
    told = done;
    EXPECT_EQ(total, bytes.size() - 32);
  }),
            absl::OkStatus());
  EXPECT_EQ(told, bytes.size() - 32);
}

TEST_F(ArchiveTest, ItsFilesBecomeAStore) {
  Write(Make());
  const auto reader = ArchiveReader::Open(world_.fs(), kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  world_.Open(kTarget);
  auto receiver = SnapshotReceiver::Begin(world_.fs(), kTarget, (*reader)->facts().manifest);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  ASSERT_EQ((*reader)->Unpack(**receiver, {}), absl::OkStatus());
  const auto generation = SealReceived(**receiver);
  ASSERT_TRUE(generation.ok()) << generation.status();
  ASSERT_EQ(SwitchCurrent(world_.fs(), kTarget, *generation), absl::OkStatus());
  const OpenedStore opened = world_.Open(kTarget);
  EXPECT_EQ(CountPrefix(*opened.store, "k"), 300);
  EXPECT_EQ(opened.store->applied(), checkpoint_->manifest().id);
}

TEST_F(ArchiveTest, EveryChangedByteIsFound) {
  const std::string bytes = Make();
  for (size_t at = 0; at < bytes.size(); at += 1 + (at < 600 ? 0 : world_.Random() % 997)) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << world_.Random() % 8));
    EXPECT_FALSE(VerifyOf(damaged).ok()) << "byte " << at;
  }
  EXPECT_EQ(VerifyOf(bytes), absl::OkStatus());
}

TEST_F(ArchiveTest, ACutOrALongerFileIsNone) {
  const std::string bytes = Make();
  for (const size_t length :
       {size_t{0}, size_t{5}, size_t{31}, size_t{32}, size_t{100}, bytes.size() / 2,
        bytes.size() - 33, bytes.size() - 32, bytes.size() - 1}) {
    EXPECT_FALSE(VerifyOf(bytes.substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(VerifyOf(bytes + "x").ok());
  EXPECT_EQ(VerifyOf(bytes.substr(0, bytes.size() - 32)).code(), absl::StatusCode::kDataLoss);
}

TEST_F(ArchiveTest, OtherFilesAreToldApart) {
  const auto other = VerifyOf(std::string(4096, 'x'));
  EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(other.message(), "is no snapshot of Keelson")) << other;
  EXPECT_TRUE(absl::IsNotFound(ArchiveReader::Open(world_.fs(), "/nothing").status()));
}

TEST_F(ArchiveTest, AFileThatIsDamagedButNotVerifiedIsFoundWhenUnpacked) {
  std::string bytes = Make();
  bytes[bytes.size() - 600] ^= 1;
  bytes[bytes.size() / 2] ^= 1;
  Write(bytes);
  const auto reader = ArchiveReader::Open(world_.fs(), kPath);
  ASSERT_TRUE(reader.ok()) << reader.status();
  world_.Open(kTarget);
  auto receiver = SnapshotReceiver::Begin(world_.fs(), kTarget, (*reader)->facts().manifest);
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  EXPECT_EQ((*reader)->Unpack(**receiver, {}).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace keelson::storage
