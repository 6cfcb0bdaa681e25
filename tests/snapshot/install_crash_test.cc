// The power fails after every single disk operation of an install: what opens afterwards is the
// old store or the new one, whole, and new from the switch on.
//
// Replay one case: KEELSON_SEED=n build/<dir>/bin/snapshot_test --gtest_filter='*Install*'
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/snapshot/snapshot_harness.h"

namespace keelson::storage {
namespace {

constexpr int kOldKeys = 30;
constexpr int kNewKeys = 150;

// Receives and installs until the power fails or all is done. Returns how far it came.
enum class Reached { kNothing, kSealed, kSwitched, kDone };

Reached Install(SnapshotWorld& world, const Checkpoint& checkpoint, OpenedStore* target) {
  auto receiver = SnapshotReceiver::Begin(world.fs(), kTarget, checkpoint.manifest());
  if (!receiver.ok()) return Reached::kNothing;
  while (!(*receiver)->complete()) {
    auto chunk = checkpoint.Read((*receiver)->next(), 4096);
    if (!chunk.ok() || !(*receiver)->Write(chunk->at, chunk->bytes).ok()) return Reached::kNothing;
  }
  auto generation = SealReceived(**receiver);
  if (!generation.ok()) return Reached::kNothing;
  if (!SwitchCurrent(world.fs(), kTarget, *generation).ok()) return Reached::kSealed;
  bool released = false;
  MvccStore::Retire(std::move(target->store), [&] {
    released = ReleaseGeneration(world.fs(), kTarget, target->generation).ok();
  });
  auto opened = OpenGeneration(world.fs(), kTarget, *generation, SmallOptions(world.fs()));
  if (!opened.ok() || !released) return Reached::kSwitched;
  *target = *std::move(opened);
  return Reached::kDone;
}

// False once the install ended before the power failed.
bool CrashAfter(uint64_t seed, uint64_t changes) {
  SnapshotWorld world(seed);
  OpenedStore sender = world.Open(kSender);
  world.Fill(*sender.store, "new", kNewKeys);
  world.Flush(*sender.store);
  auto checkpoint = world.TakeCheckpoint(*sender.store);
  OpenedStore target = world.Open(kTarget);
  world.Fill(*target.store, "old", kOldKeys);
  world.Flush(*target.store);

  world.disk().CutPowerAfter(changes);
  const Reached reached = Install(world, *checkpoint, &target);
  const bool cut = world.disk().power_is_cut();
  if (!cut) world.disk().CutPowerAfter(0);
  target.store = nullptr;
  sender.store = nullptr;
  checkpoint = nullptr;
  world.disk().PowerLoss((seed + changes) % 2 == 0 ? PowerLossMode::kLoseAll
                                                   : PowerLossMode::kRandom);

  OpenedStore after = world.Open(kTarget);
  if (after.store == nullptr) return false;
  const bool is_new = after.generation == 2;
  if (reached >= Reached::kSwitched) {
    EXPECT_TRUE(is_new);
  }
  if (reached == Reached::kNothing) {
    EXPECT_FALSE(is_new);
  }
  EXPECT_EQ(CountPrefix(*after.store, "old"), is_new ? 0 : kOldKeys);
  EXPECT_EQ(CountPrefix(*after.store, "new"), is_new ? kNewKeys : 0);
  EXPECT_EQ(after.store->applied().index.value(),
            static_cast<uint64_t>(is_new ? kNewKeys : kOldKeys));
  EXPECT_EQ(world.fs()->List(kTarget)->size(), 2u) << "CURRENT and one generation";
  world.Fill(*after.store, "more", 5);
  world.Flush(*after.store);
  return cut;
}

TEST(InstallCrashTest, InstallLeavesOneWholeStoreWhereverThePowerFails) {
  uint64_t first = 1, last = 1;
  if (const char* seed = std::getenv("KEELSON_SEED")) {
    first = last = std::strtoull(seed, nullptr, 10);
  }
  for (uint64_t seed = first; seed <= last; ++seed) {
    uint64_t changes = 0;
    while (!HasFailure() && CrashAfter(seed, changes)) {
      ++changes;
      SCOPED_TRACE("KEELSON_SEED=" + std::to_string(seed) + " changes " + std::to_string(changes));
    }
    EXPECT_GT(changes, 40u) << "every step was cut somewhere";
  }
}

}  // namespace
}  // namespace keelson::storage
