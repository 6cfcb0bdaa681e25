// The store and its disk: failures, damage, what start-up reads, sameness of runs.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/mvcc/codec.h"
#include "storage/mvcc/manifest_tail.h"
#include "storage/mvcc/rocks_db.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::storage {
namespace {

uint64_t Reads(StoreHarness& store) {
  return store.disk().counters().operations[static_cast<size_t>(DiskOp::kRead)];
}

TEST(MvccDiskTest, OpeningReadsNoMoreForManyKeysThanForFew) {
  uint64_t reads[2];
  for (int large = 0; large < 2; ++large) {
    StoreHarness store;
    store.options().file_bytes = 8 << 20;
    store.options().count_bucket_keys = 2048;
    store.Open();
    for (int i = 0; i < (large ? 40 : 1); ++i) {
      store.PutMany(absl::StrCat("k", i, "-"), 1000, "value");
    }
    ASSERT_EQ(store.Flush(), absl::OkStatus());
    store.Close();
    const uint64_t before = Reads(store);
    store.Open();
    EXPECT_EQ(store->key_count(), large ? 40000 : 1000);
    reads[large] = Reads(store) - before;
  }
  EXPECT_LE(reads[1], reads[0] + 3) << "40,000 keys against 1,000";
}

std::string ManifestOf(StoreHarness& store) {
  std::string name = *ReadFile(store.disk(), "/m/db/CURRENT", 100);
  name.pop_back();
  return "/m/db/" + name;
}

// Replaces a byte `from_end` bytes before the end.
void Damage(StoreHarness& store, const std::string& path, size_t from_end) {
  std::string bytes = *ReadFile(store.disk(), path, 1 << 20);
  bytes[bytes.size() - from_end] ^= 0x55;
  ASSERT_EQ(WriteFileDurably(store.disk(), path, bytes), absl::OkStatus());
}

// RocksDB refuses such a file.
TEST(MvccDiskTest, AManifestWhoseLastRecordIsTornIsOfTheStateBeforeIt) {
  StoreHarness store;
  store.Put("a", "first");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.Put("a", "second");
  const uint64_t before = ReadFile(store.disk(), ManifestOf(store), 1 << 20)->size();
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  const std::string manifest = ManifestOf(store);
  store.Close();
  const uint64_t after = ReadFile(store.disk(), manifest, 1 << 20)->size();
  ASSERT_GT(after, before);
  Damage(store, manifest, after - before - 3);  // the first record of the last flush
  store.Open();
  EXPECT_EQ(store.Value("a"), "first");
  EXPECT_EQ(store->applied().index, raft::Index(1)) << "the log is replayed from there";
  store.Put("a", "second");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.Open();
  EXPECT_EQ(store.Value("a"), "second");
}

TEST(MvccDiskTest, AManifestThatIsDamagedFarFromItsEndIsRefused) {
  StoreHarness store;
  for (int i = 0; i < 400; ++i) {
    store.Put("a", absl::StrCat(i));
    ASSERT_EQ(store.Flush(), absl::OkStatus());
  }
  const std::string manifest = ManifestOf(store);
  store.Close();
  const size_t size = ReadFile(store.disk(), manifest, 1 << 20)->size();
  ASSERT_GT(size, kManifestTail + 1000);
  Damage(store, manifest, size - 500);
  EXPECT_TRUE(absl::IsDataLoss(MvccStore::Open(store.options()).status()));
}

TEST(MvccDiskTest, AFlushOntoAFullDiskSaysSoAndALaterStartGoesOn) {
  StoreHarness store;
  store.Put("a", "flushed");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.PutMany("k", 100, std::string(1000, 'v'));
  store.disk().SetCapacity(store.disk().UsedBytes() + 2000);
  const absl::Status status = store.Flush();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  store.disk().SetCapacity(uint64_t{1} << 40);
  store.Open();
  EXPECT_EQ(store.Value("a"), "flushed");
  EXPECT_EQ(store->applied().index, raft::Index(1));
  store.Put("a", "later");
  EXPECT_EQ(store.Flush(), absl::OkStatus());
}

TEST(MvccDiskTest, AStoreSpentByAFullDiskStillReadsAndGivesACheckpointOfWhatIsFlushed) {
  StoreHarness store;
  store.Put("a", "flushed");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.PutMany("k", 100, std::string(1000, 'v'));
  store.disk().SetCapacity(store.disk().UsedBytes() + 2000);
  ASSERT_TRUE(absl::IsResourceExhausted(store.Flush()));
  {
    auto batch = store->NewBatch();
    batch->BeginRequest();
    ASSERT_TRUE(batch->Put("late", "x", 0).ok());
    batch->EndRequest();
    EXPECT_TRUE(absl::IsResourceExhausted(
        batch->Commit({raft::Term(1), raft::Index(900)}, std::nullopt).status()));
  }
  EXPECT_EQ(store.Value("k7"), std::string(1000, 'v'));
  EXPECT_EQ(store.Value("late"), "-") << "a failed commit changes nothing";
  store.disk().SetCapacity(uint64_t{1} << 40);
  auto job = store->StartCheckpoint("/m/copy");
  ASSERT_EQ(job->Run(), absl::OkStatus());
  MvccOptions options = store.options();
  options.dir = "/m/copy";
  options.must_exist = true;
  auto copy = MvccStore::Open(options);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ((*copy)->applied().index, raft::Index(1));
  EXPECT_EQ(store.Value("k7"), std::string(1000, 'v')) << "the old one reads on beside it";
}

// A store with two compactions' worth of overwritten keys.
void MakeWorkForCompactions(StoreHarness& store) {
  store.options().compact_at_l0_files = 2;
  store.Open();
  for (int i = 0; i < 4; ++i) {
    store.PutMany("k", 300, std::string(300, static_cast<char>('a' + i)));
    ASSERT_EQ(store.Flush(), absl::OkStatus());
  }
}

TEST(MvccDiskTest, ACompactionOntoAFullDiskShowsInTheNextFlushAndALaterStartGoesOn) {
  StoreHarness store;
  MakeWorkForCompactions(store);
  store.disk().SetCapacity(store.disk().UsedBytes() + 2000);
  auto job = store->StartCompaction();
  ASSERT_NE(job, nullptr);
  (void)job->Run();
  job = nullptr;
  EXPECT_EQ(store.Value("k7"), std::string(300, 'd'));
  store.disk().SetCapacity(uint64_t{1} << 40);
  store.Put("later", "x");
  EXPECT_TRUE(absl::IsResourceExhausted(store.Flush()));
  store.Open();
  EXPECT_EQ(store.Value("k7"), std::string(300, 'd'));
  EXPECT_EQ(store.Value("later"), "-") << "it was not flushed";
  store.Put("later", "y");
  store.Settle();
  EXPECT_EQ(store.Value("later"), "y");
}

TEST(MvccDiskTest, NoCompactionBeginsWhileTheyArePaused) {
  StoreHarness store;
  MakeWorkForCompactions(store);
  store->PauseCompactions(true);
  EXPECT_EQ(store->StartCompaction(), nullptr);
  store.Put("more", "x");
  EXPECT_EQ(store.Flush(), absl::OkStatus()) << "flushes go on";
  EXPECT_EQ(store->StartCompaction(), nullptr);
  store->PauseCompactions(false);
  EXPECT_NE(store->StartCompaction(), nullptr);
}

TEST(MvccDiskTest, AFailedSyncFailsTheFlushAndEverythingAfterIt) {
  StoreHarness store;
  store.Put("a", "flushed");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.Put("a", "lost");
  store.disk().FailNth(DiskOp::kSync, 1);
  EXPECT_TRUE(absl::IsDataLoss(store.Flush()));
  auto batch = store->NewBatch();
  EXPECT_TRUE(absl::IsDataLoss(batch->Commit({raft::Term(1), raft::Index(9)}).status()));
  batch = nullptr;
  EXPECT_EQ(store->flushed_applied()->index, raft::Index(1));
  store.PowerLoss(PowerLossMode::kRandom);
  EXPECT_EQ(store.Value("a"), "flushed");
}

TEST(MvccDiskTest, AFlippedBitInATableIsNoticedWhenItIsRead) {
  StoreHarness store;
  store.options().block_cache_bytes = 1 << 10;
  store.Open();
  store.PutMany("k", 500, "valuevaluevalue");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.Close();
  const std::vector<std::string> names = store.disk().List("/m/db").value();
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".sst")) continue;
    ASSERT_EQ(store.disk().FlipBit("/m/db/" + name, 8 * 300), absl::OkStatus());
  }
  auto opened = MvccStore::Open(store.options());
  if (!opened.ok()) {
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
    return;
  }
  auto cursor = (*opened)->View()->Range(KeyRange::All());
  std::vector<KeyValuePtr> pairs;
  absl::Status status = (*cursor)->Next({0, 0, 0}, &pairs);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST(MvccDiskTest, ANewerFormatIsRefusedWithAdvice) {
  StoreHarness store;
  store.Close();
  {
    auto db = RocksDb::Open(store.options(), /*read_only=*/false);
    ASSERT_TRUE(db.ok()) << db.status();
    rocksdb::WriteBatch batch;
    std::string state = EncodeState({});
    state[0] = static_cast<char>(kFormatVersion + 1);
    batch.Put((*db)->family(kMeta), ToSlice(kStateKey), state);
    ASSERT_EQ((*db)->Write(&batch), absl::OkStatus());
    rocksdb::FlushOptions flush;
    flush.wait = false;
    flush.allow_write_stall = true;
    ASSERT_TRUE((*db)->db().Flush(flush, (*db)->families()).ok());
    (*db)->env().RunFlushes();
  }
  auto opened = MvccStore::Open(store.options());
  EXPECT_TRUE(absl::IsFailedPrecondition(opened.status())) << opened.status();
  EXPECT_TRUE(absl::StrContains(opened.status().message(), "newer version"));
}

TEST(MvccDiskTest, AMissingStoreIsNotCreatedWhereItMustExist) {
  StoreHarness store;
  MvccOptions options = store.options();
  options.dir = "/m/other";
  options.must_exist = true;
  EXPECT_TRUE(absl::IsNotFound(MvccStore::Open(options).status()));
}

TEST(MvccDiskTest, TheSummaryOfADirectoryIsItsFlushedState) {
  StoreHarness store;
  store.Put("a", "1");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.Put("a", "2");
  auto job = store->StartCheckpoint("/m/checkpoint");
  ASSERT_EQ(job->Run(), absl::OkStatus());
  auto summary = ReadStoreSummary(&store.disk(), "/m/checkpoint");
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->applied.index, raft::Index(1));
  EXPECT_EQ(summary->revision, 2);
}

// One run of flushes, compactions and removals; what it left on the disk and how it got there.
struct Trace {
  std::map<std::string, uint64_t> sizes;
  DiskCounters counters;
};

Trace RunOnce() {
  StoreHarness store;
  store.options().compact_at_l0_files = 2;
  store.Open();
  std::mt19937_64 random(3);
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 150; ++i) {
      store.Put(absl::StrCat("k", random() % 200), std::string(random() % 300, 'v'));
    }
    store.DeleteRange(KeyRange::Prefix(absl::StrCat("k", round)));
    if (round % 3 == 2) store.Compact(store->revision() - 50);
    store.Settle();
  }
  store.Open();
  Trace trace;
  trace.counters = store.disk().counters();
  const std::vector<std::string> names = store.disk().List("/m/db").value();
  for (const std::string& name : names) {
    auto file = store.disk().Open("/m/db/" + name, OpenMode::kReadOnly);
    trace.sizes[name] = *(*file)->Size();
  }
  return trace;
}

size_t Threads() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    count += entry.exists() ? 1 : 0;
  }
  return count;
}

TEST(MvccDiskTest, WithManualBackgroundTwoRunsDoTheSameToTheDiskAndStartNoThread) {
  const size_t before = Threads();
  const Trace one = RunOnce();
  const Trace other = RunOnce();
  EXPECT_LE(Threads(), before + 1) << "RocksDB's idle timer thread at most";
  EXPECT_EQ(one.sizes, other.sizes);
  EXPECT_EQ(one.counters.operations, other.counters.operations);
  EXPECT_EQ(one.counters.bytes_written, other.counters.bytes_written);
}

}  // namespace
}  // namespace keelson::storage
