// The store as in production: one writing thread, RocksDB's own compaction thread, flush jobs and
// readers of views on threads of their own.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::storage {
namespace {

constexpr int kKeys = 500;
constexpr int kCommits = 400;
constexpr int kPutsPerCommit = 25;

// The newest view, handed from the writer to the readers.
class Published {
 public:
  void Set(ReadViewPtr view) {
    const std::lock_guard lock(mutex_);
    view_ = std::move(view);
  }
  ReadViewPtr Get() {
    const std::lock_guard lock(mutex_);
    return view_;
  }

 private:
  std::mutex mutex_;
  ReadViewPtr view_;
};

// Each commit puts the number of the commit into kPutsPerCommit keys: whoever sees revision r of a
// view finds in each key the number that belongs to its mod_revision.
void CheckView(const ReadView& view) {
  auto cursor = view.Range(KeyRange::All(), {std::max<int64_t>(view.compact_revision(), 1), false});
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  std::vector<KeyValuePtr> pairs;
  while (!(*cursor)->done()) ASSERT_TRUE((*cursor)->Next({64, 0, 0}, &pairs).ok());
  for (const KeyValuePtr& kv : pairs) {
    ASSERT_EQ(kv->value, absl::StrCat("at ", kv->mod_revision));
    ASSERT_LE(kv->mod_revision, view.revision());
  }
  auto count = view.Count(KeyRange::All());
  ASSERT_TRUE(count.ok());
  auto history = view.History(std::max<int64_t>(1, view.revision() - 60));
  if (IsCompacted(history.status())) return;
  std::vector<Change> changes;
  while (!(*history)->done()) ASSERT_TRUE((*history)->Next({16, 0, 0}, &changes).ok());
  for (const Change& change : changes) {
    ASSERT_EQ(change.now->value, absl::StrCat("at ", change.rev.main));
  }
}

class Writer {
 public:
  explicit Writer(const std::string& dir) {
    MvccOptions options;
    options.dir = dir;
    options.file_bytes = 64 << 10;
    options.compact_at_l0_files = 2;
    options.count_bucket_keys = 16;
    store_ = MvccStore::Open(options).value();
  }

  void Commit() {
    auto batch = store_->NewBatch();
    for (int i = 0; i < kPutsPerCommit; ++i) {
      batch->BeginRequest();
      const std::string key = absl::StrCat("k", random_() % kKeys);
      ASSERT_TRUE(batch->Put(key, absl::StrCat("at ", store_->revision() + 1 + i), 0).ok());
      batch->EndRequest();
    }
    ASSERT_TRUE(batch->Commit({raft::Term(1), store_->applied().index.Next()}).ok());
  }

  void Compact() {
    auto batch = store_->NewBatch();
    batch->BeginRequest();
    ASSERT_TRUE(batch->SetCompactRevision(store_->revision() - 100).ok());
    batch->EndRequest();
    ASSERT_TRUE(batch->Commit({raft::Term(1), store_->applied().index.Next()}).ok());
  }

  MvccStore& store() { return *store_; }

 private:
  std::mt19937_64 random_{1};
  std::unique_ptr<MvccStore> store_;
};

TEST(MvccThreadsTest, ReadersSeeWholeStatesWhileTheStoreIsWrittenFlushedAndCompacted) {
  const std::string dir = testing::TempDir() + "/keelson_mvcc_threads";
  std::filesystem::remove_all(dir);
  std::atomic<int> checked = 0;
  {
    Writer writer(dir);
    Published published;
    published.Set(writer.store().View());
    std::atomic<bool> stop = false;
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
      readers.emplace_back([&] {
        do {
          CheckView(*published.Get());
          ++checked;
        } while (!stop);
      });
    }
    std::thread job_thread;
    for (int i = 0; i < kCommits && !HasFailure(); ++i) {
      writer.Commit();
      published.Set(writer.store().View());
      // Ends paused: closing must not wait for what is held.
      if (i % 100 == 25) writer.store().PauseCompactions(true);
      if (i % 100 == 75 && i < 300) writer.store().PauseCompactions(false);
      if (i % 20 != 19) continue;
      if (i % 60 == 59) writer.Compact();
      if (job_thread.joinable()) job_thread.join();
      auto flush = writer.store().StartFlush();
      ASSERT_TRUE(flush.ok());
      auto drop = writer.store().StartDropHistory();
      job_thread = std::thread([flush = *std::move(flush), drop = std::move(drop)] {
        EXPECT_TRUE(flush->Run().ok());
        if (drop != nullptr) {
          EXPECT_TRUE(drop->Run().ok());
        }
      });
    }
    job_thread.join();
    stop = true;
    for (std::thread& reader : readers) reader.join();
  }
  EXPECT_GT(checked.load(), 2);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace keelson::storage
