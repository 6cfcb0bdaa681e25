// The count index beside a plain database: exact counts, bounded reading, saved and loaded.
#include "storage/mvcc/count_index.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "rocksdb/write_batch.h"
#include "storage/mvcc/codec.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::storage {
namespace {

constexpr int64_t kBucket = 20;

class CountIndexTest : public testing::Test {
 protected:
  CountIndexTest() : index_(kBucket) {
    store_.Close();
    auto db = RocksDb::Open(store_.options(), /*read_only=*/false);
    EXPECT_TRUE(db.ok()) << db.status();
    db_ = *std::move(db);
  }

  void Set(const std::string& key, bool exists) {
    if (keys_.contains(key) == exists) return;
    Version version;
    version.mod = {++revision_, 0};
    if (exists) version.kv = std::make_shared<KeyValue>(KeyValue{key, "v", 1, revision_, 1, 0});
    std::string bytes;
    EncodeVersion(version, &bytes);
    rocksdb::WriteBatch batch;
    batch.Put(db_->family(kLatest), key, bytes);
    ASSERT_EQ(db_->Write(&batch), absl::OkStatus());
    index_.Add(key, exists ? 1 : -1, revision_);
    records_.insert(key);
    if (exists) {
      keys_.insert(key);
    } else {
      keys_.erase(key);
    }
    ASSERT_EQ(index_.Balance(*db_, 8), absl::OkStatus());
  }

  void Check(CountIndex& index, const KeyRange& range) {
    const auto table = index.Publish();
    int64_t expected = 0;
    for (const std::string& key : keys_) expected += range.Contains(key) ? 1 : 0;
    auto count = CountKeys(*db_, {}, *table, range);
    ASSERT_TRUE(count.ok()) << count.status();
    EXPECT_EQ(*count, expected);
    int64_t read = 0;
    for (const KeyRange& part : table->PlanCount(range).to_read) {
      for (const std::string& key : records_) read += part.Contains(key) ? 1 : 0;
    }
    // Buckets grow past their limit only while their split is under way.
    EXPECT_LE(read, 2 * 2 * kBucket);
  }

  void CheckSome(CountIndex& index) {
    Check(index, KeyRange::All());
    for (int i = 0; i < 5; ++i) Check(index, {RandomKey(), RandomKey()});
    Check(index, KeyRange::From(RandomKey()));
    Check(index, KeyRange::Prefix("1"));
  }

  std::string RandomKey() { return absl::StrCat(random_() % 3000); }

  std::mt19937_64 random_{11};
  StoreHarness store_;
  std::shared_ptr<RocksDb> db_;
  CountIndex index_;
  std::set<std::string> keys_;
  std::set<std::string> records_;  // tombstones too: nothing removes them here
  int64_t revision_ = 1;
};

TEST_F(CountIndexTest, CountsStayExactAndCheapWhileKeysComeAndGo) {
  for (int i = 0; i < 3000; ++i) {
    Set(RandomKey(), random_() % 100 < (i < 2000 ? 80u : 15u));
    if (i % 100 == 0) CheckSome(index_);
  }
  CheckSome(index_);
  EXPECT_EQ(index_.total(), static_cast<int64_t>(keys_.size()));
}

TEST_F(CountIndexTest, KeysInAscendingOrderAreSplitToo) {
  for (int i = 0; i < 1000; ++i) Set(absl::StrCat(100000 + i), true);
  EXPECT_GE(index_.buckets(), 1000u / (2 * kBucket));
  CheckSome(index_);
  for (int i = 0; i < 1000; ++i) Set(absl::StrCat(100000 + i), false);
  CheckSome(index_);
  rocksdb::WriteBatch batch;
  index_.Save(*db_, 1, revision_ - 1, &batch);
  EXPECT_GE(index_.buckets(), 2u) << "tombstones may still be there";
  index_.Save(*db_, 1, revision_, &batch);
  EXPECT_EQ(index_.buckets(), 1u) << "empty buckets are joined";
}

TEST_F(CountIndexTest, ASavedIndexIsLoadedAndOneOfAnotherStateIsCountedAnew) {
  for (int i = 0; i < 500; ++i) Set(RandomKey(), true);
  for (uint64_t applied : {7, 8, 9}) {
    for (int i = 0; i < 100; ++i) Set(RandomKey(), random_() % 2 == 0);
    rocksdb::WriteBatch batch;
    index_.Save(*db_, applied, -1, &batch);
    ASSERT_EQ(db_->Write(&batch), absl::OkStatus());
    CountIndex loaded(kBucket);
    ASSERT_EQ(loaded.Load(*db_, applied, revision_), absl::OkStatus());
    EXPECT_EQ(loaded.rebuilds(), 0u);
    EXPECT_EQ(loaded.buckets(), index_.buckets());
    CheckSome(loaded);
    CountIndex rebuilt(kBucket);
    ASSERT_EQ(rebuilt.Load(*db_, applied + 100, revision_), absl::OkStatus());
    EXPECT_EQ(rebuilt.rebuilds(), 1u);
    CheckSome(rebuilt);
  }
}

}  // namespace
}  // namespace keelson::storage
