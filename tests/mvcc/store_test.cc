// What the store promises, one promise a test. Crashes and long runs: random_test.cc.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::storage {
namespace {

TEST(MvccStoreTest, AFreshStoreIsEmptyAtRevisionOneAndWasNeverCompacted) {
  StoreHarness store;
  EXPECT_EQ(store->revision(), 1);
  EXPECT_EQ(store->compact_revision(), -1);
  EXPECT_EQ(store->db_size(), 0);
  EXPECT_EQ(store->applied(), raft::EntryId{});
  EXPECT_EQ(*store->flushed_applied(), raft::EntryId{});
  EXPECT_EQ(*store->View()->Count(KeyRange::All()), 0);
  EXPECT_TRUE(store.History(1).empty());
  EXPECT_EQ(*store->StartFlush(), nullptr);
}

TEST(MvccStoreTest, OnlyWhatIsFlushedCountsAsFlushed) {
  StoreHarness store;
  store.Put("a", "1");
  store.Put("a", "2");
  EXPECT_EQ(store->applied().index, raft::Index(2));
  EXPECT_EQ(store->flushed_applied()->index, raft::Index(0));
  auto job = store->StartFlush();
  ASSERT_TRUE(job.ok());
  store.Put("a", "3");  // after the memtables were switched
  EXPECT_EQ(store->flushed_applied()->index, raft::Index(0));
  ASSERT_EQ((*job)->Run(), absl::OkStatus());
  EXPECT_EQ(store->flushed_applied()->index, raft::Index(2));
  store.PowerLoss();
  EXPECT_EQ(store->applied().index, raft::Index(2));
  EXPECT_EQ(store.Value("a"), "2");
}

TEST(MvccStoreTest, ClosingLosesWhatAPowerLossWouldLose) {
  StoreHarness store;
  store.Put("a", "1");
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.Put("a", "2");
  store.Open();
  EXPECT_EQ(store.Value("a"), "1");
}

TEST(MvccStoreTest, AHotKeyIsReadableAtEveryKeptRevision) {
  StoreHarness store;
  for (int i = 2; i <= 3000; ++i) {
    ASSERT_EQ(store.Put("hot", absl::StrCat(i)), i);
    if (i % 700 == 0) store.Settle();
  }
  for (int64_t revision = 2; revision <= 3000; revision += 7) {
    ASSERT_EQ(store.Value("hot", revision), absl::StrCat(revision));
  }
  store.Compact(2500);
  store.Settle();
  for (int64_t revision = 2500; revision <= 3000; ++revision) {
    ASSERT_EQ(store.Value("hot", revision), absl::StrCat(revision));
  }
  EXPECT_EQ(store.History(2500).size(), 501u);
}

TEST(MvccStoreTest, AViewOutlivesCompactionAndPhysicalRemovalOfWhatItReads) {
  StoreHarness store;
  for (int i = 0; i < 5; ++i) store.PutMany("k", 200, absl::StrCat("round", i));
  store.DeleteRange(KeyRange::Prefix("k1"));
  ReadViewPtr view = store->View();
  const int64_t revision = view->revision();
  store.Settle();
  store.DeleteRange(KeyRange::All());
  store.Compact(store->revision());
  for (int i = 0; i < 4; ++i) {
    store.PutMany("other", 100, "x");
    store.Settle();
  }
  EXPECT_EQ(*view->Count(KeyRange::All()), 200 - 111);
  for (int64_t at : {int64_t{202}, int64_t{500}, revision}) {
    for (const char* key : {"k7", "k150", "k99"}) {
      auto kv = view->Get(key, at);
      ASSERT_TRUE(kv.ok()) << kv.status();
      EXPECT_EQ(*kv != nullptr, at < revision || key[1] != '1') << key << " at " << at;
    }
  }
  EXPECT_TRUE(IsCompacted(store->View()->Get("k7", revision).status()));
}

TEST(MvccStoreTest, CompactedTombstonesAndHistoryGoFromTheDiskOnceNoViewNeedsThem) {
  StoreHarness store;
  std::mt19937_64 random(1);
  std::string value(500, 'v');
  for (int i = 0; i < 10; ++i) {
    for (char& c : value) c = static_cast<char>(random());
    store.PutMany("k", 300, value);
  }
  store.Settle();
  const uint64_t full = store->disk_bytes();
  store.DeleteRange(KeyRange::All());
  store.Settle();  // else the records above the bound would hold a whole file back
  store.Put("last", "1");
  store.Compact(store->revision());
  ReadViewPtr view = store->View();
  for (int i = 0; i < 6; ++i) {
    store.Put("last", "1");
    store.Settle();
  }
  view = nullptr;
  EXPECT_LT(store->disk_bytes(), full / 10);
  EXPECT_EQ(*store->View()->Count(KeyRange::All()), 1);
}

TEST(MvccStoreTest, AFlushLeavesOutWhatIsCompactedAlreadyUnlessAViewReadsIt) {
  for (const bool with_view : {false, true}) {
    SCOPED_TRACE(with_view);
    StoreHarness store;
    std::mt19937_64 random(1);
    std::string value(5000, 'v');
    for (int i = 0; i < 20; ++i) {
      for (char& c : value) c = static_cast<char>(random());
      store.PutMany("k", 10, value);  // 1 MB in all
    }
    const int64_t middle = store->revision() - 50;
    ReadViewPtr view = with_view ? store->View() : nullptr;
    store.Put("k1", "kept");
    store.Compact(store->revision());
    EXPECT_LT(store->flush_bytes(), store->unflushed_bytes() - 900'000) << "the history";

    ASSERT_EQ(store.Flush(), absl::OkStatus());
    if (with_view) {
      EXPECT_EQ(view->Get("k2", middle).value()->value.size(), 5000u);
      EXPECT_GT(store->disk_bytes(), 1'000'000u);
    } else {
      EXPECT_LT(store->disk_bytes(), 200'000u);
    }
    view = nullptr;
    store.PowerLoss();
    EXPECT_EQ(store.Value("k1"), "kept");
    EXPECT_EQ(store.Value("k2").size(), 5000u);
    EXPECT_TRUE(IsCompacted(store->View()->Get("k2", middle).status()));
    // Later history is whole.
    store.Put("k1", "new");
    EXPECT_EQ(store.Value("k1", store->revision() - 1), "kept");
    store.Settle();
    EXPECT_EQ(store.Value("k1", store->revision() - 1), "kept");
  }
}

TEST(MvccStoreTest, WhatTheCompactedRevisionItselfReplacedLeavesTheDiskButItsEventsStay) {
  for (const bool flushed_before : {false, true}) {
    SCOPED_TRACE(flushed_before);
    StoreHarness store;
    std::mt19937_64 random(1);
    std::string value(50'000, 'v');
    for (char& c : value) c = static_cast<char>(random());
    store.PutMany("k", 20, value);  // 1 MB in all
    store.DeleteRange(KeyRange::Prefix("k"));
    const int64_t deleted_at = store->revision();
    if (flushed_before) store.Settle();
    store.Compact(deleted_at);
    if (!flushed_before) {
      EXPECT_LT(store->flush_bytes(), 100'000u) << "neither the pairs nor what replaced them";
    }
    store.Settle();
    EXPECT_LT(store->disk_bytes(), 100'000u);

    const std::vector<Change> changes = store.History(deleted_at);
    ASSERT_EQ(changes.size(), 20u);
    for (const Change& change : changes) {
      EXPECT_TRUE(change.deleted);
      EXPECT_EQ(change.prev, nullptr);
    }
    store.Put("k1", "new");
    EXPECT_EQ(store.Value("k1"), "new");
    EXPECT_EQ(store->View()->Get("k1", deleted_at).value(), nullptr);
  }
}

TEST(MvccStoreTest, DbSizeFallsWithCompactionAndIsSmallWhenEmpty) {
  StoreHarness store;
  for (int i = 0; i < 20; ++i) store.Put("key", std::string(1000, 'v'));
  const int64_t with_history = store->db_size();
  EXPECT_GT(with_history, 20 * 1000);
  store.Compact(store->revision());
  EXPECT_LT(store->db_size(), 1200);
  store.Delete("key");
  store.Compact(store->revision());
  EXPECT_EQ(store->db_size(), 0);
}

TEST(MvccStoreTest, HashAndSizeDependOnTheLogAlone) {
  StoreHarness one(1), other(2);
  other.options().file_bytes = 4 << 10;
  other.Open();
  std::mt19937_64 random(5);
  for (int i = 0; i < 400; ++i) {
    const std::string key = absl::StrCat("k", random() % 30);
    const bool remove = random() % 4 == 0;
    for (StoreHarness* store : {&one, &other}) {
      if (remove) {
        store->Delete(key);
      } else {
        store->Put(key, absl::StrCat(i));
      }
    }
    if (i % 90 == 60) {
      one.Compact(one->revision() - 20);
      other.Compact(other->revision() - 20);
    }
    if (i % 30 == 7) other.Settle();
  }
  EXPECT_EQ(one->db_size(), other->db_size());
  for (int64_t back : {0, 1, 13}) {
    const HashResult a = one.Hash(one->revision() - back), b = other.Hash(one->revision() - back);
    EXPECT_EQ(a.hash, b.hash);
    EXPECT_EQ(a.compact_revision, b.compact_revision);
    EXPECT_EQ(a.revision, one->revision() - back);
  }
  other.Put("k1", "different");
  one.Put("k1", "differenT");
  EXPECT_NE(one.Hash().hash, other.Hash().hash);
}

TEST(MvccStoreTest, HistoryAtTheCompactedRevisionHasItsDeletesAndNothingBefore) {
  StoreHarness store;
  store.Put("a", "1");
  store.Put("b", "1");
  const int64_t deleted = store.DeleteRange(KeyRange::All());
  store.Put("a", "2");
  store.Compact(deleted);
  store.Settle();
  const std::vector<Change> changes = store.History(deleted);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_TRUE(changes[0].deleted && changes[1].deleted);
  EXPECT_EQ(changes[0].now->key, "a");
  EXPECT_EQ(changes[1].rev, (Revision{deleted, 1}));
  EXPECT_EQ(changes[0].prev, nullptr) << "the previous value is compacted";
  EXPECT_EQ(changes[2].now->value, "2");
  EXPECT_EQ(changes[2].now->version, 1);
  EXPECT_TRUE(IsCompacted(store->View()->History(deleted - 1).status()));
}

TEST(MvccStoreTest, AFilteredHistoryStillSaysHowFarItCame) {
  StoreHarness store;
  store.PutMany("skip", 50, "x");
  store.Put("take", "1");
  store.PutMany("skip", 50, "x");
  auto cursor = store->View()->History(1, [](std::string_view key) { return key == "take"; });
  ASSERT_TRUE(cursor.ok());
  std::vector<Change> changes;
  int64_t reached = 0;
  while (!(*cursor)->done()) {
    ASSERT_EQ((*cursor)->Next({10, 0, 0}, &changes), absl::OkStatus());
    EXPECT_GE((*cursor)->reached(), reached);
    reached = (*cursor)->reached();
  }
  EXPECT_EQ(reached, store->revision());
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].now->key, "take");
}

TEST(MvccStoreTest, ALargeRevisionIsHandedOutWholeAlthoughSlicesAreSmall) {
  StoreHarness store;
  store.PutMany("k", 500, "x");
  const int64_t revision = store.DeleteRange(KeyRange::All());
  auto cursor = store->View()->History(revision);
  ASSERT_TRUE(cursor.ok());
  std::vector<Change> changes;
  int empty_slices = 0;
  while (!(*cursor)->done()) {
    ASSERT_EQ((*cursor)->Next({20, 0, 0}, &changes), absl::OkStatus());
    if (changes.empty()) ++empty_slices;
  }
  EXPECT_EQ(changes.size(), 500u);
  EXPECT_GT(empty_slices, 20);
}

TEST(MvccStoreTest, AttachmentsFollowPutsAndDeletes) {
  StoreHarness store;
  store.Put("a", "1", 7);
  store.Put("b", "1", 7);
  store.Put("c", "1", 8);
  EXPECT_EQ(KeysOfLease(*store->View(), 7), (std::vector<std::string>{"a", "b"}));
  store.Put("a", "2", 8);
  store.Put("b", "2");
  store.Delete("c");
  EXPECT_TRUE(KeysOfLease(*store->View(), 7).empty());
  ASSERT_EQ(store.Flush(), absl::OkStatus());
  store.PowerLoss();
  EXPECT_EQ(KeysOfLease(*store->View(), 8), (std::vector<std::string>{"a"}));
}

TEST(MvccStoreTest, KeysOnlyRangesHaveNoValues) {
  StoreHarness store;
  store.Put("a", "value");
  auto cursor = store->View()->Range(KeyRange::All(), {0, true});
  std::vector<KeyValuePtr> pairs;
  ASSERT_EQ((*cursor)->Next({}, &pairs), absl::OkStatus());
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0]->value, "");
  EXPECT_EQ(pairs[0]->mod_revision, 2);
}

TEST(MvccStoreTest, RunsOnTheRealDiskToo) {
  const std::string dir = testing::TempDir() + "/keelson_mvcc_real";
  std::filesystem::remove_all(dir);
  MvccOptions options;
  options.dir = dir;
  {
    auto store = MvccStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    auto batch = (*store)->NewBatch();
    batch->BeginRequest();
    ASSERT_TRUE(batch->Put("a", "1", 0).ok());
    batch->EndRequest();
    ASSERT_TRUE(batch->Commit({raft::Term(1), raft::Index(5)}).ok());
    batch = nullptr;
    auto job = (*store)->StartFlush();
    ASSERT_TRUE(job.ok());
    ASSERT_EQ((*job)->Run(), absl::OkStatus());
    EXPECT_TRUE(MvccStore::Open(options).status().code() != absl::StatusCode::kOk) << "locked";
  }
  auto again = MvccStore::Open(options);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->applied().index, raft::Index(5));
  again->reset();
  std::filesystem::remove_all(dir);
}

TEST(MvccStoreTest, OpenViewsAreCountedUntilTheLastReaderLetsGo) {
  StoreHarness store;
  store.Open();
  store.Put("a", "1");
  ReadViewPtr first = store->View();
  const uint64_t with_one = store->open_views();
  EXPECT_GE(with_one, 1u);
  store.Put("a", "2");
  ReadViewPtr second = store->View();
  EXPECT_EQ(store->open_views(), with_one + 1);
  first = nullptr;
  EXPECT_EQ(store->open_views(), with_one);
}

}  // namespace
}  // namespace keelson::storage
