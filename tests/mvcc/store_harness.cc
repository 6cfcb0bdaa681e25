#include "tests/mvcc/store_harness.h"

#include "absl/strings/str_cat.h"
#include "tests/mvcc/requests.h"

namespace keelson::storage {

StoreHarness::StoreHarness(uint64_t seed, const std::string& dir)
    : random_(seed), fs_([this] { return random_(); }) {
  EXPECT_EQ(fs_.CreateDirectories(ParentDirectory(dir)), absl::OkStatus());
  EXPECT_EQ(fs_.SyncDirectory("/"), absl::OkStatus());
  options_.fs = &fs_;
  options_.dir = dir;
  options_.manual_background = true;
  options_.file_bytes = 16 << 10;
  options_.block_bytes = 1 << 10;
  options_.count_bucket_keys = 32;
  Open();
}

void StoreHarness::Open() {
  store_.reset();
  auto store = MvccStore::Open(options_);
  EXPECT_TRUE(store.ok()) << store.status();
  if (store.ok()) store_ = *std::move(store);
}

void StoreHarness::PowerLoss(PowerLossMode mode) {
  if (!fs_.power_is_cut()) fs_.CutPowerAfter(0);
  store_.reset();
  fs_.PowerLoss(mode);
  Open();
}

template <typename Act>
int64_t StoreHarness::Request(Act act) {
  auto batch = store_->NewBatch();
  batch->BeginRequest();
  act(*batch);
  batch->EndRequest();
  auto result = batch->Commit({raft::Term(1), store_->applied().index.Next()});
  EXPECT_TRUE(result.ok()) << result.status();
  return store_->revision();
}

int64_t StoreHarness::Put(const std::string& key, const std::string& value, int64_t lease) {
  return Request([&](ApplyBatch& batch) { EXPECT_TRUE(batch.Put(key, value, lease).ok()); });
}

int64_t StoreHarness::Delete(const std::string& key) {
  return Request([&](ApplyBatch& batch) { EXPECT_TRUE(batch.Delete(key).ok()); });
}

int64_t StoreHarness::DeleteRange(const KeyRange& range) {
  return Request([&](ApplyBatch& batch) { EXPECT_TRUE(batch.DeleteRange(range).ok()); });
}

int64_t StoreHarness::Compact(int64_t revision) {
  return Request(
      [&](ApplyBatch& batch) { EXPECT_EQ(batch.SetCompactRevision(revision), absl::OkStatus()); });
}

int64_t StoreHarness::PutMany(const std::string& prefix, int count, const std::string& value) {
  auto batch = store_->NewBatch();
  for (int i = 0; i < count; ++i) {
    batch->BeginRequest();
    EXPECT_TRUE(batch->Put(absl::StrCat(prefix, i), value, 0).ok());
    batch->EndRequest();
  }
  auto result = batch->Commit({raft::Term(1), store_->applied().index.Next()});
  EXPECT_TRUE(result.ok()) << result.status();
  return store_->revision();
}

absl::Status StoreHarness::Flush() {
  auto job = store_->StartFlush();
  if (!job.ok()) return job.status();
  return *job == nullptr ? absl::OkStatus() : (*job)->Run();
}

void StoreHarness::Settle() {
  EXPECT_EQ(Flush(), absl::OkStatus());
  if (auto job = store_->StartDropHistory()) {
    EXPECT_EQ(job->Run(), absl::OkStatus());
  }
  while (auto job = store_->StartCompaction()) EXPECT_EQ(job->Run(), absl::OkStatus());
}

std::string StoreHarness::Value(const std::string& key, int64_t revision) {
  auto kv = store_->View()->Get(key, revision);
  EXPECT_TRUE(kv.ok()) << kv.status();
  return kv.ok() && *kv ? (*kv)->value : "-";
}

std::vector<Change> StoreHarness::History(int64_t from) {
  auto cursor = store_->View()->History(from);
  EXPECT_TRUE(cursor.ok()) << cursor.status();
  if (!cursor.ok()) return {};
  return ReadAll(**cursor, 3);
}

HashResult StoreHarness::Hash(int64_t revision) {
  auto hash = store_->View()->HashKv(revision);
  EXPECT_TRUE(hash.ok()) << hash.status();
  return hash.ok() ? Finish(**hash) : HashResult{};
}

}  // namespace keelson::storage
