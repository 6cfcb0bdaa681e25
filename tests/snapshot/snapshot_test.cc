// Making, sending and receiving snapshots. What happens at each crash: install_crash_test.cc.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/snapshot/snapshot_harness.h"

namespace keelson::storage {
namespace {

TEST(SnapshotTest, AnEmptyRootGetsItsFirstGenerationAndKeepsIt) {
  SnapshotWorld world(1);
  {
    OpenedStore opened = world.Open(kSender);
    EXPECT_EQ(opened.generation, 1u);
    EXPECT_EQ(opened.store->revision(), 1);
    world.Fill(*opened.store, "a", 10);
    world.Flush(*opened.store);
  }
  OpenedStore again = world.Open(kSender);
  EXPECT_EQ(again.generation, 1u);
  EXPECT_EQ(CountPrefix(*again.store, "a"), 10);
}

TEST(SnapshotTest, ACheckpointHoldsTheFlushedStateAndSaysSoItself) {
  SnapshotWorld world(2);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "flushed", 50);
  world.Flush(*sender.store);
  world.Fill(*sender.store, "later", 50);
  auto checkpoint = world.TakeCheckpoint(*sender.store);
  ASSERT_NE(checkpoint, nullptr);
  EXPECT_EQ(checkpoint->manifest().id, (raft::EntryId{raft::Term(3), raft::Index(50)}));
  EXPECT_EQ(checkpoint->manifest().revision, 51);
  EXPECT_EQ(checkpoint->manifest().configuration, "conf-flushed");
  EXPECT_GT(checkpoint->manifest().total_bytes(), 0u);
}

TEST(SnapshotTest, ACheckpointOutlivesWhatTheStoreDoesNextAndCleansUpBehindIt) {
  SnapshotWorld world(3);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "a", 300);
  world.Flush(*sender.store);
  auto checkpoint = world.TakeCheckpoint(*sender.store);
  for (int i = 0; i < 8; ++i) {
    world.Fill(*sender.store, "a", 300);
    world.Flush(*sender.store);
    while (auto job = sender.store->StartCompaction()) ASSERT_EQ(job->Run(), absl::OkStatus());
  }
  world.Open(kTarget);
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint->manifest());
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  world.Transfer(*checkpoint, **receiver);
  ASSERT_TRUE(SealReceived(**receiver).ok());
  EXPECT_EQ(world.fs()->List(OutgoingDir(kSender))->size(), 1u);
  checkpoint = nullptr;
  EXPECT_EQ(world.fs()->List(OutgoingDir(kSender))->size(), 0u);
}

TEST(SnapshotTest, AReceivedSnapshotTakesThePlaceOfTheOldStoreWhileItsViewsStay) {
  SnapshotWorld world(4);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "new", 200);
  world.Flush(*sender.store);
  OpenedStore target = world.Open(kTarget);
  world.Fill(*target.store, "old", 20);
  ReadViewPtr view = target.store->View();

  auto checkpoint = world.TakeCheckpoint(*sender.store);
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint->manifest());
  ASSERT_TRUE(receiver.ok());
  world.Transfer(*checkpoint, **receiver);
  auto generation = SealReceived(**receiver);
  ASSERT_TRUE(generation.ok()) << generation.status();
  EXPECT_EQ(*generation, 2u);
  ASSERT_EQ(SwitchCurrent(world.fs(), kTarget, *generation), absl::OkStatus());
  bool released = false;
  MvccStore::Retire(std::move(target.store), [&] {
    released = true;
    EXPECT_EQ(ReleaseGeneration(world.fs(), kTarget, 1), absl::OkStatus());
  });
  auto opened = OpenGeneration(world.fs(), kTarget, *generation, SmallOptions(world.fs()));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->store->applied(), checkpoint->manifest().id);
  EXPECT_EQ(CountPrefix(*opened->store, "new"), 200);
  EXPECT_EQ(opened->store->configuration(), "conf-new");

  EXPECT_FALSE(released);
  EXPECT_EQ(*view->Count(KeyRange::Prefix("old")), 20);
  EXPECT_NE(*view->Get("old3"), nullptr);
  view = nullptr;
  EXPECT_TRUE(released);
  EXPECT_FALSE(*world.fs()->Exists(GenerationDir(kTarget, 1)));
}

TEST(SnapshotTest, ABrokenOffTransferGoesOnWithTheFirstFileThatIsNotWhole) {
  SnapshotWorld world(5);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "a", 400);
  world.Flush(*sender.store);
  auto checkpoint = world.TakeCheckpoint(*sender.store);
  world.Open(kTarget);
  SnapshotPosition broken_at;
  {
    auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint->manifest());
    while ((*receiver)->next().file < 3 || (*receiver)->next().offset == 0) {
      auto chunk = checkpoint->Read((*receiver)->next(), 7);
      ASSERT_EQ((*receiver)->Write(chunk->at, chunk->bytes), absl::OkStatus());
    }
    broken_at = (*receiver)->next();
  }
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint->manifest());
  ASSERT_TRUE(receiver.ok()) << receiver.status();
  EXPECT_EQ((*receiver)->next(), (SnapshotPosition{broken_at.file, 0}));
  world.Transfer(*checkpoint, **receiver);
  EXPECT_TRUE(SealReceived(**receiver).ok());
}

TEST(SnapshotTest, AnotherSnapshotStartsAnewInTheSameStagingDirectory) {
  SnapshotWorld world(6);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "a", 100);
  world.Flush(*sender.store);
  auto first = world.TakeCheckpoint(*sender.store);
  world.Fill(*sender.store, "b", 100);
  world.Flush(*sender.store);
  auto second = world.TakeCheckpoint(*sender.store);
  world.Open(kTarget);
  {
    auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, first->manifest());
    auto chunk = first->Read({0, 0}, 10);
    ASSERT_EQ((*receiver)->Write({0, 0}, chunk->bytes), absl::OkStatus());
  }
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, second->manifest());
  EXPECT_EQ((*receiver)->next(), SnapshotPosition{});
  world.Transfer(*second, **receiver);
  auto generation = SealReceived(**receiver);
  ASSERT_TRUE(generation.ok());
  auto opened = OpenGeneration(world.fs(), kTarget, *generation, SmallOptions(world.fs()));
  EXPECT_EQ(CountPrefix(*opened->store, "b"), 100);
}

TEST(SnapshotTest, AByteChangedOnTheWayIsRefusedAndItsFileAskedForAgain) {
  SnapshotWorld world(7);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "a", 100);
  world.Flush(*sender.store);
  auto checkpoint = world.TakeCheckpoint(*sender.store);
  world.Open(kTarget);
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint->manifest());
  auto chunk = checkpoint->Read({0, 0}, 1 << 20);
  std::string bytes = chunk->bytes;
  bytes[bytes.size() / 2] ^= 1;
  const absl::Status status = (*receiver)->Write({0, 0}, bytes);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_TRUE(absl::StrContains(status.message(), kChecksumText));
  EXPECT_EQ((*receiver)->next(), SnapshotPosition{});
  world.Transfer(*checkpoint, **receiver);
  EXPECT_TRUE(SealReceived(**receiver).ok());
}

TEST(SnapshotTest, ChunksOutOfPlaceAreRefused) {
  SnapshotWorld world(8);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "a", 10);
  world.Flush(*sender.store);
  auto checkpoint = world.TakeCheckpoint(*sender.store);
  world.Open(kTarget);
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint->manifest());
  const uint64_t size = checkpoint->manifest().files[0].size;
  EXPECT_TRUE(absl::IsInvalidArgument((*receiver)->Write({0, 1}, "x")));
  EXPECT_TRUE(absl::IsInvalidArgument((*receiver)->Write({1, 0}, "x")));
  EXPECT_TRUE(absl::IsInvalidArgument((*receiver)->Write({0, 0}, std::string(size + 1, 'x'))));
  EXPECT_TRUE(absl::IsInvalidArgument(checkpoint->Read({0, size + 1}, 10).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(checkpoint->Read({99, 0}, 10).status()));
}

TEST(SnapshotTest, AManifestOfDamagedOrHostileBytesIsRefused) {
  SnapshotManifest manifest;
  manifest.id = {raft::Term(7), raft::Index(9)};
  manifest.files = {{"000012.sst", 100, 42}, {"CURRENT", 16, 7}};
  const std::string good = EncodeManifest(manifest);
  ASSERT_EQ(*DecodeManifest(good), manifest);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 0x20;
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeManifest(bad).status())) << i;
    EXPECT_FALSE(DecodeManifest(good.substr(0, i)).ok()) << i;
  }
  for (const char* name : {"../CURRENT", "a/b", "", ".", "..", kManifestName, "a b"}) {
    manifest.files[0].name = name;
    EXPECT_FALSE(DecodeManifest(EncodeManifest(manifest)).ok()) << name;
  }
  manifest.files[0].name = manifest.files[1].name;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(manifest)).ok()) << "the same name twice";
}

TEST(SnapshotTest, ASnapshotThatDoesNotFitTheDiskIsRefusedBeforeItBegins) {
  SnapshotWorld world(9);
  world.Open(kTarget);
  SnapshotManifest manifest;
  manifest.files = {{"big.sst", uint64_t{1} << 40, 0}};
  world.disk().SetCapacity(uint64_t{100} << 20);
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, manifest);
  EXPECT_TRUE(absl::IsResourceExhausted(receiver.status())) << receiver.status();
}

TEST(SnapshotTest, GenerationsWithoutAPointerAreNotGuessedAt) {
  SnapshotWorld world(10);
  { world.Open(kSender); }
  ASSERT_EQ(world.fs()->Remove(CurrentPath(kSender)), absl::OkStatus());
  auto opened = OpenCurrent(world.fs(), kSender, SmallOptions(world.fs()));
  EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
  ASSERT_EQ(
      WriteFileDurably(*world.fs(), CurrentPath(kSender), "keelson-db 1 0000000001 00000000\n"),
      absl::OkStatus());
  opened = OpenCurrent(world.fs(), kSender, SmallOptions(world.fs()));
  EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
  ASSERT_EQ(WriteFileDurably(*world.fs(), CurrentPath(kSender), "keelson-db 2 x\n"),
            absl::OkStatus());
  opened = OpenCurrent(world.fs(), kSender, SmallOptions(world.fs()));
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << opened.status();
}

}  // namespace
}  // namespace keelson::storage
