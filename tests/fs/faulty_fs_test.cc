// The faults that FaultyFileSystem promises to model.
#include "storage/fs/faulty_fs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace keelson::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

RandomFunction Seeded(uint64_t seed) {
  return [engine = std::make_shared<std::mt19937_64>(seed)] { return (*engine)(); };
}

class FaultyFs : public testing::Test {
 protected:
  FaultyFs() {
    EXPECT_TRUE(fs_.CreateDirectories("/d").ok());
    EXPECT_TRUE(fs_.SyncDirectory("/").ok());
  }
  std::unique_ptr<File> Open(const std::string& path, OpenMode mode = OpenMode::kCreateOrOpen) {
    auto file = fs_.Open(path, mode);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? std::move(*file) : nullptr;
  }
  // A file whose name and content are durable.
  std::unique_ptr<File> DurableFile(const std::string& path, const std::string& data) {
    auto file = Open(path);
    EXPECT_TRUE(file->WriteAt(0, data).ok());
    EXPECT_TRUE(file->Sync().ok());
    EXPECT_TRUE(fs_.SyncDirectory(ParentDirectory(path)).ok());
    return file;
  }
  std::string Contents(const std::string& path) {
    auto data = ReadFile(fs_, path, 1 << 24);
    return data.ok() ? *data : data.status().ToString();
  }

  FaultyFileSystem fs_{Seeded(7)};
};

TEST_F(FaultyFs, SyncedBytesSurviveAndUnsyncedOnesDoNot) {
  auto file = DurableFile("/d/a", "old!");
  ASSERT_TRUE(file->WriteAt(0, "new").ok());
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_EQ(Contents("/d/a"), "old!");
}

TEST_F(FaultyFs, ACrashKeepsUnsyncedBytesAndKillsHandlesAndLocks) {
  auto file = DurableFile("/d/a", "old!");
  auto lock = fs_.Lock("/d/LOCK");
  ASSERT_TRUE(file->WriteAt(0, "new").ok());
  fs_.Crash();
  EXPECT_EQ(Contents("/d/a"), "new!");
  EXPECT_TRUE(absl::IsFailedPrecondition(file->WriteAt(0, "x")));
  EXPECT_TRUE(absl::IsFailedPrecondition(file->Sync()));
  EXPECT_EQ(fs_.counters().stale_handle_uses, 2u);
  auto relocked = fs_.Lock("/d/LOCK");
  EXPECT_TRUE(relocked.ok());
  lock->reset();  // of the dead process: must not free the new one's lock
  EXPECT_FALSE(fs_.Lock("/d/LOCK").ok());
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_EQ(Contents("/d/a"), "old!");
}

TEST_F(FaultyFs, UnsyncedNamesAreLostInEveryDirection) {
  auto file = DurableFile("/d/a", "a");
  DurableFile("/d/gone", "g");
  DurableFile("/d/b", "b");
  auto fresh = Open("/d/fresh");
  ASSERT_TRUE(fresh->WriteAt(0, "f").ok());
  ASSERT_TRUE(fresh->Sync().ok());
  ASSERT_TRUE(fs_.Rename("/d/a", "/d/b").ok());
  ASSERT_TRUE(fs_.Remove("/d/gone").ok());
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_THAT(*fs_.List("/d"), ElementsAre("a", "b", "gone"));
  EXPECT_EQ(Contents("/d/b"), "b");
}

TEST_F(FaultyFs, ASyncedDirectoryKeepsARenameAsAWhole) {
  DurableFile("/d/a", "a");
  ASSERT_TRUE(fs_.CreateDirectories("/e").ok());
  ASSERT_TRUE(fs_.SyncDirectory("/").ok());
  ASSERT_TRUE(fs_.Rename("/d/a", "/e/a").ok());
  ASSERT_TRUE(fs_.SyncDirectory("/e").ok());
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_THAT(*fs_.List("/d"), IsEmpty());
  EXPECT_EQ(Contents("/e/a"), "a");
}

TEST_F(FaultyFs, PowerLossKeepsAnySubsetOfUnsyncedPagesAndTearsThemBySector) {
  std::set<std::string> shapes;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    FaultyFileSystem fs(Seeded(seed));
    auto file = *fs.Open("/a", OpenMode::kCreate);
    ASSERT_TRUE(file->WriteAt(0, std::string(8192, 'o')).ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(fs.SyncDirectory("/").ok());
    ASSERT_TRUE(file->WriteAt(0, std::string(8192, 'n')).ok());
    fs.PowerLoss();
    std::string data = *ReadFile(fs, "/a", 8192);
    std::string shape;
    for (size_t page = 0; page < 2; ++page) {
      std::string bytes = data.substr(page * 4096, 4096);
      bool all_new = bytes == std::string(4096, 'n');
      bool all_old = bytes == std::string(4096, 'o');
      shape += all_new ? 'n' : all_old ? 'o' : 't';
      for (size_t at = 0; at < 4096; at += 512) {
        ASSERT_EQ(bytes.substr(at, 512), std::string(512, bytes[at])) << "torn inside of a sector";
      }
    }
    shapes.insert(shape);
  }
  EXPECT_EQ(shapes.size(), 9u) << "every combination of new, old and torn pages comes up";
}

TEST_F(FaultyFs, AFailedSyncForgetsPagesForGood) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    FaultyFileSystem fs(Seeded(seed));
    auto file = *fs.Open("/a", OpenMode::kCreate);
    ASSERT_TRUE(file->WriteAt(0, "old").ok());
    ASSERT_TRUE(file->Sync().ok());
    ASSERT_TRUE(fs.SyncDirectory("/").ok());
    ASSERT_TRUE(file->WriteAt(0, "new").ok());
    fs.FailNth(DiskOp::kSync, 1, "/a");
    EXPECT_TRUE(absl::IsDataLoss(file->DataSync()));
    EXPECT_TRUE(file->DataSync().ok()) << "the retry succeeds, and proves nothing";
    EXPECT_EQ(*ReadFile(fs, "/a", 10), "new");
    fs.PowerLoss(PowerLossMode::kKeepAll);
    outcomes.insert(*ReadFile(fs, "/a", 10));
  }
  EXPECT_THAT(outcomes, ElementsAre("new", "old"));
}

TEST_F(FaultyFs, InjectedErrorsHitTheChosenOperationAndNameTheFile) {
  auto file = DurableFile("/d/a", "abc");
  auto other = DurableFile("/d/b", "abc");
  char out[3];
  fs_.FailNth(DiskOp::kRead, 2, "/d/a");
  EXPECT_TRUE(other->ReadAt(0, 3, out).ok());
  EXPECT_TRUE(file->ReadAt(0, 3, out).ok());
  auto failed = file->ReadAt(0, 3, out).status();
  EXPECT_TRUE(absl::IsDataLoss(failed));
  EXPECT_THAT(std::string(failed.message()), HasSubstr("/d/a"));
  EXPECT_TRUE(file->ReadAt(0, 3, out).ok());
  fs_.FailNth(DiskOp::kWrite, 1);
  EXPECT_TRUE(absl::IsDataLoss(file->WriteAt(0, "x")));
  fs_.FailNth(DiskOp::kSyncDirectory, 1);
  EXPECT_TRUE(absl::IsDataLoss(fs_.SyncDirectory("/d")));
  fs_.FailNth(DiskOp::kName, 1);
  EXPECT_TRUE(absl::IsDataLoss(fs_.Remove("/d/a")));
  fs_.SetErrorOdds(DiskOp::kSync, 1);
  EXPECT_TRUE(absl::IsDataLoss(file->Sync()));
  for (size_t kind = 0; kind < kDiskOps; ++kind) {
    EXPECT_EQ(fs_.counters().injected_errors[kind], 1u) << kind;
  }
}

TEST_F(FaultyFs, AFullDiskTakesPartOfAWriteAndSpaceComesBack) {
  fs_.SetCapacity(4 * 4096);
  auto file = DurableFile("/d/a", std::string(2 * 4096, 'a'));
  EXPECT_TRUE(absl::IsResourceExhausted(file->Allocate(5 * 4096)));
  auto other = Open("/d/b");
  EXPECT_TRUE(absl::IsResourceExhausted(other->WriteAt(0, std::string(3 * 4096, 'b'))));
  EXPECT_EQ(*other->Size(), 2u * 4096);
  EXPECT_EQ(*fs_.FreeBytes("/"), 0u);
  EXPECT_TRUE(file->WriteAt(0, std::string(8192, 'x')).ok()) << "overwriting needs no space";
  ASSERT_TRUE(fs_.Remove("/d/a").ok());
  EXPECT_EQ(*fs_.FreeBytes("/"), 0u) << "an open handle keeps the space";
  file.reset();
  EXPECT_EQ(*fs_.FreeBytes("/"), 2u * 4096);
  EXPECT_EQ(fs_.counters().full_errors, 2u);
}

TEST_F(FaultyFs, OthersFillTheDiskAndGiveItBack) {
  fs_.SetCapacity(16 * 4096);
  auto file = DurableFile("/d/a", std::string(4096, 'a'));
  fs_.LeaveFree(2 * 4096);
  EXPECT_EQ(*fs_.FreeBytes("/"), 2u * 4096);
  EXPECT_EQ(*fs_.TotalBytes("/"), 16u * 4096);
  EXPECT_TRUE(absl::IsResourceExhausted(file->Allocate(4 * 4096)));
  ASSERT_TRUE(file->Allocate(3 * 4096).ok());
  EXPECT_EQ(*fs_.FreeBytes("/"), 0u);
  fs_.PowerLoss(PowerLossMode::kKeepAll);
  EXPECT_EQ(*fs_.FreeBytes("/"), 0u) << "they keep it over a power loss";
  ASSERT_TRUE(fs_.Remove("/d/a").ok());
  EXPECT_EQ(*fs_.FreeBytes("/"), 3u * 4096) << "what is freed stays free";
  fs_.LeaveFree(64 * 4096);
  EXPECT_EQ(*fs_.FreeBytes("/"), 16u * 4096) << "no more than there is";
  fs_.LeaveFree(4096);
  fs_.LeaveFree(UINT64_MAX);
  EXPECT_EQ(*fs_.FreeBytes("/"), 16u * 4096);
}

TEST_F(FaultyFs, FlippedBitsAreSeenAtOnceAndAfterPowerLoss) {
  auto file = DurableFile("/d/a", "aaaa");
  ASSERT_TRUE(fs_.FlipBit("/d/a", 8 * 2 + 1).ok());
  EXPECT_EQ(Contents("/d/a"), "aaca");
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_EQ(Contents("/d/a"), "aaca");
  EXPECT_TRUE(absl::IsOutOfRange(fs_.FlipBit("/d/a", 32)));
  EXPECT_TRUE(absl::IsNotFound(fs_.FlipBit("/d/b", 0)));
}

TEST_F(FaultyFs, LyingSyncsKeepNothing) {
  fs_.SetSyncsLie(true);
  auto file = DurableFile("/d/a", "abc");
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_FALSE(*fs_.Exists("/d/a"));
  EXPECT_EQ(fs_.counters().lied_syncs, 2u);
}

TEST_F(FaultyFs, CutPowerStopsEverythingUntilItIsBack) {
  auto file = DurableFile("/d/a", "abc");
  fs_.CutPowerAfter(1);
  EXPECT_TRUE(file->WriteAt(0, "xyz").ok());
  EXPECT_FALSE(fs_.power_is_cut());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_TRUE(fs_.power_is_cut());
  char out[3];
  EXPECT_FALSE(file->ReadAt(0, 3, out).ok());
  EXPECT_FALSE(fs_.List("/d").ok());
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_EQ(Contents("/d/a"), "abc");
}

TEST_F(FaultyFs, ADsyncWriteIsDurableWhenItReturns) {
  ASSERT_TRUE(DurableFile("/d/a", "abc")->Sync().ok());
  auto file = *fs_.Open("/d/a", OpenMode::kReadWrite, SyncMethod::kDsync);
  ASSERT_TRUE(file->WriteAt(0, "xyz").ok());
  fs_.PowerLoss(PowerLossMode::kLoseAll);
  EXPECT_EQ(Contents("/d/a"), "xyz");
}

TEST_F(FaultyFs, LargeZeroedFilesCostNoMemoryAndAppendsStayCheap) {
  auto file = Open("/d/big");
  ASSERT_TRUE(file->Allocate(uint64_t{1} << 40).ok());
  ASSERT_TRUE(file->WriteAt(uint64_t{1} << 39, "far").ok());
  ASSERT_TRUE(file->Sync().ok());
  auto log = Open("/d/log");
  for (uint64_t at = 0; at < 200000; ++at) ASSERT_TRUE(log->WriteAt(at * 10, "0123456789").ok());
  EXPECT_EQ(*log->Size(), 2000000u);
}

TEST_F(FaultyFs, TheSameSeedEndsTheSame) {
  auto run = [](uint64_t seed) {
    FaultyFileSystem fs(Seeded(seed));
    std::string all;
    for (int file_number = 0; file_number < 20; ++file_number) {
      std::string path = "/f" + std::to_string(file_number);
      auto file = *fs.Open(path, OpenMode::kCreate);
      for (int page = 0; page < 10; ++page) {
        (void)file->WriteAt(static_cast<uint64_t>(page) * 3000, std::string(3000, 'a'));
        if (file_number % 3 == 0 && page % 4 == 0) (void)file->Sync();
      }
    }
    fs.PowerLoss();
    const std::vector<std::string> names = *fs.List("/");
    for (const std::string& name : names) all += name + *ReadFile(fs, "/" + name, 1 << 20);
    return all;
  };
  for (uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(run(seed), run(seed)) << "seed " << seed;
  EXPECT_NE(run(1) + run(2) + run(3), run(4) + run(5) + run(6));
}

TEST_F(FaultyFs, ThreadsMayUseItAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::string path = "/d/t" + std::to_string(t);
      for (int i = 0; i < 200; ++i) {
        auto file = Open(path);
        ASSERT_TRUE(file->WriteAt(static_cast<uint64_t>(i), "x").ok());
        ASSERT_TRUE(file->Sync().ok());
        ASSERT_TRUE(fs_.SyncDirectory("/d").ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Contents("/d/t3"), std::string(200, 'x'));
}

}  // namespace
}  // namespace keelson::storage
