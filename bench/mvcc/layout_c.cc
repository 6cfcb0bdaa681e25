#include <cstdio>
#include <thread>

#include "base/check.h"
#include "bench/mvcc/layout.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::bench {

std::string KeyOf(uint64_t number) {
  char key[kKeyBytes + 1];
  std::snprintf(key, sizeof(key), "/registry/%010llu", static_cast<unsigned long long>(number));
  return key;
}

namespace {

class LayoutC : public Layout {
 public:
  explicit LayoutC(const std::string& dir) {
    storage::MvccOptions options;
    options.dir = dir;
    options.background_bytes_per_second = 0;
    auto store = storage::MvccStore::Open(options);
    KEELSON_CHECK(store.ok(), "the benchmark's directory is writable");
    store_ = *std::move(store);
    index_ = store_->applied().index.value();
  }

  void Put(const std::vector<uint64_t>& keys, const std::string& value) override {
    auto batch = store_->NewBatch();
    for (uint64_t key : keys) {
      batch->BeginRequest();
      KEELSON_CHECK(batch->Put(KeyOf(key), value, 0).ok(), "puts succeed");
      batch->EndRequest();
    }
    index_ += keys.size();
    auto result = batch->Commit({raft::Term(1), raft::Index(index_)});
    KEELSON_CHECK(result.ok(), "commits succeed");
    batch.reset();
    if (store_->unflushed_bytes() > kUnflushedCap) Flush();
  }

  bool Get(uint64_t key) override {
    auto kv = store_->View()->Get(KeyOf(key));
    return kv.ok() && *kv != nullptr;
  }

  uint64_t Range(uint64_t first, uint64_t count, int64_t revision) override {
    auto cursor = store_->View()->Range({KeyOf(first), KeyOf(first + count)}, {revision, false});
    uint64_t bytes = 0;
    std::vector<storage::KeyValuePtr> slice;
    while (!(*cursor)->done()) {
      slice.clear();
      KEELSON_CHECK((*cursor)->Next({}, &slice).ok(), "ranges succeed");
      for (const auto& kv : slice) bytes += kv->value.size();
    }
    return bytes;
  }

  uint64_t CatchUp(int64_t revision) override {
    auto cursor = store_->View()->History(revision);
    uint64_t changes = 0;
    std::vector<storage::Change> slice;
    while (!(*cursor)->done()) {
      slice.clear();
      KEELSON_CHECK((*cursor)->Next({}, &slice).ok(), "history is readable");
      changes += slice.size();
    }
    return changes;
  }

  void Compact(int64_t revision) override {
    auto batch = store_->NewBatch();
    batch->BeginRequest();
    KEELSON_CHECK(batch->SetCompactRevision(revision).ok(), "compaction succeeds");
    batch->EndRequest();
    KEELSON_CHECK(batch->Commit({raft::Term(1), raft::Index(++index_)}).ok(), "commits succeed");
    batch.reset();
    Flush();
    if (auto job = store_->StartDropHistory()) KEELSON_CHECK(job->Run().ok(), "history goes");
  }

  void Flush() override {
    auto job = store_->StartFlush();
    KEELSON_CHECK(job.ok(), "flushes start");
    if (*job == nullptr) return;
    // Beside the measured thread, as in the server and in the other layout.
    std::thread([&] { KEELSON_CHECK((*job)->Run().ok(), "flushes succeed"); }).join();
  }

  int64_t revision() const override { return store_->revision(); }
  uint64_t disk_bytes() const override { return store_->disk_bytes(); }

 private:
  static constexpr uint64_t kUnflushedCap = 32 << 20;
  std::unique_ptr<storage::MvccStore> store_;
  uint64_t index_ = 0;
};

}  // namespace

std::unique_ptr<Layout> MakeLayoutC(const std::string& dir) {
  return std::make_unique<LayoutC>(dir);
}

}  // namespace keelson::bench
