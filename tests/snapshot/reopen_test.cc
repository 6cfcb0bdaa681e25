// A store that a full disk has spent goes on as the next generation, wherever the power fails.
#include <gtest/gtest.h>

#include "tests/snapshot/snapshot_harness.h"

namespace keelson::storage {
namespace {

constexpr int kFlushed = 60;

// A store with `kFlushed` keys on the disk and others that a flush found no room for.
OpenedStore SpentStore(SnapshotWorld& world) {
  OpenedStore opened = world.Open(kTarget);
  world.Fill(*opened.store, "flushed", kFlushed);
  world.Flush(*opened.store);
  world.Fill(*opened.store, "memory", 50);
  world.disk().SetCapacity(world.disk().UsedBytes());
  auto flush = opened.store->StartFlush();
  EXPECT_TRUE(flush.ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*flush)->Run()));
  return opened;
}

TEST(ReopenTest, TheNextGenerationHoldsWhatWasFlushedAndTheSpentStoreServesOn) {
  SnapshotWorld world(1);
  OpenedStore spent = SpentStore(world);
  {
    auto job = StartReopen(*spent.store, world.fs(), kTarget, SmallOptions(world.fs()));
    EXPECT_TRUE(absl::IsResourceExhausted(job->Run())) << "still no room";
  }
  world.disk().SetCapacity(uint64_t{1} << 40);
  auto job = StartReopen(*spent.store, world.fs(), kTarget, SmallOptions(world.fs()));
  ASSERT_EQ(job->Run(), absl::OkStatus());
  OpenedStore reopened = job->TakeOpened();
  EXPECT_EQ(CountPrefix(*reopened.store, "flushed"), kFlushed);
  EXPECT_EQ(CountPrefix(*reopened.store, "memory"), 0);
  EXPECT_EQ(CountPrefix(*spent.store, "memory"), 50);
  const uint64_t old_generation = spent.generation;
  MvccStore::Retire(std::move(spent.store), [&world, old_generation] {
    EXPECT_EQ(ReleaseGeneration(world.fs(), kTarget, old_generation), absl::OkStatus());
  });
  world.Fill(*reopened.store, "more", 5);
  world.Flush(*reopened.store);
  reopened.store = nullptr;
  OpenedStore again = world.Open(kTarget);
  EXPECT_EQ(again.generation, old_generation + 1);
  EXPECT_EQ(CountPrefix(*again.store, "flushed"), kFlushed);
  EXPECT_EQ(CountPrefix(*again.store, "more"), 5);
}

// False once the job ended before the power failed.
bool CrashAfter(uint64_t changes) {
  SnapshotWorld world(changes + 1);
  OpenedStore spent = SpentStore(world);
  world.disk().SetCapacity(uint64_t{1} << 40);
  world.disk().CutPowerAfter(changes);
  auto job = StartReopen(*spent.store, world.fs(), kTarget, SmallOptions(world.fs()));
  const bool done = job->Run().ok();
  const bool cut = world.disk().power_is_cut();
  if (!cut) world.disk().CutPowerAfter(0);
  job = nullptr;
  const uint64_t old_generation = spent.generation;
  spent.store = nullptr;
  world.disk().PowerLoss(changes % 2 == 0 ? PowerLossMode::kLoseAll : PowerLossMode::kRandom);
  OpenedStore after = world.Open(kTarget);
  if (after.store == nullptr) return false;
  if (done) {
    EXPECT_EQ(after.generation, old_generation + 1);
  }
  EXPECT_EQ(CountPrefix(*after.store, "flushed"), kFlushed);
  EXPECT_EQ(after.store->applied().index.value(), static_cast<uint64_t>(kFlushed));
  EXPECT_EQ(world.fs()->List(kTarget)->size(), 2u) << "CURRENT and one generation";
  world.Fill(*after.store, "more", 5);
  world.Flush(*after.store);
  return cut;
}

TEST(ReopenTest, WhereverThePowerFailsWhatWasFlushedOpens) {
  uint64_t changes = 0;
  while (!HasFailure() && CrashAfter(changes)) {
    ++changes;
    SCOPED_TRACE(testing::Message() << "changes " << changes);
  }
  EXPECT_GT(changes, 20u) << "every step was cut somewhere";
}

}  // namespace
}  // namespace keelson::storage
