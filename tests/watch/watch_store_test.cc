// The hub on the real store: what it reads from history is what was applied, whatever was
// compacted, flushed and dropped in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "storage/fs/faulty_fs.h"
#include "storage/mvcc/mvcc_store.h"
#include "tests/watch/fakes.h"

namespace keelson::server {
namespace {

using storage::Change;

class StoreWorld {
 public:
  explicit StoreWorld(uint64_t seed) : random_(seed), disk_([this] { return random_(); }) {
    OpenStore();
    WatchOptions options{.ring_bytes = size_t{1000} << Roll(6),
                         .batch_changes = size_t{2} << Roll(7)};
    hub_ =
        std::make_unique<WatchHub>(WatchHub::Environment{.loop = loop_,
                                                         .runner = runner_,
                                                         .random = [this] { return random_(); },
                                                         .view = [this] { return store_->View(); },
                                                         .header =
                                                             [] {
                                                               return HeaderIds{1, 2, 3};
                                                             }},
                                   options, store_->revision(), store_->compact_revision());
  }

  int64_t Roll(int64_t below) { return static_cast<int64_t>(random_() % below); }
  std::string Key() { return std::string(1, static_cast<char>('a' + Roll(6))); }

  void Write() {
    auto batch = store_->NewBatch();
    for (int64_t requests = 1 + Roll(3); requests > 0; --requests) {
      batch->BeginRequest();
      for (char key = 'a'; key < 'g'; ++key) {
        if (Roll(4) == 0) {
          ASSERT_TRUE(batch->Put(std::string(1, key), std::string(Roll(50), 'x'), 0).ok());
        } else if (Roll(6) == 0) {
          ASSERT_TRUE(batch->Delete(std::string(1, key)).ok());
        }
      }
      batch->EndRequest();
    }
    auto result = batch->Commit({raft::Term(1), store_->applied().index.Next()});
    ASSERT_TRUE(result.ok());
    hub_->Publish(result->changes, result->revision);
    applied_.insert(applied_.end(), result->changes.begin(), result->changes.end());
  }

  void Compact() {
    const int64_t above = store_->revision() - store_->compact_revision();
    if (above < 5) return;
    auto batch = store_->NewBatch();
    batch->BeginRequest();
    ASSERT_TRUE(batch->SetCompactRevision(store_->compact_revision() + 1 + Roll(above)).ok());
    batch->EndRequest();
    ASSERT_TRUE(batch->Commit({raft::Term(1), store_->applied().index.Next()}).ok());
    hub_->OnCompacted(store_->compact_revision());
  }

  // Writes everything out and drops what history may go.
  void Settle() {
    auto flush = store_->StartFlush();
    ASSERT_TRUE(flush.ok());
    if (*flush != nullptr) {
      ASSERT_TRUE((*flush)->Run().ok());
    }
    if (const auto drop = store_->StartDropHistory()) {
      ASSERT_TRUE(drop->Run().ok());
    }
    while (const auto job = store_->StartCompaction()) ASSERT_TRUE(job->Run().ok());
  }

  // A watcher from a revision that can still be had.
  void Watch() {
    auto sink = std::make_shared<FakeSink>();
    const auto stream = hub_->Open(sink, false);
    const int64_t lowest = std::max<int64_t>(store_->compact_revision(), 1);
    WatchRequestCreate request{.key = Key(),
                               .start_revision = lowest + Roll(store_->revision() - lowest + 1),
                               .prev_kv = Roll(2) == 0};
    if (Roll(2) == 0) request.range_end = std::string(1, '\0');
    hub_->Create(stream, request);
    while (Turn()) {
    }
    Check(request, sink.get());
    hub_->Close(stream);
  }

  bool Turn() { return loop_.RunTurn() || runner_.RunOne(); }

  int64_t events() const { return events_; }

 private:
  void OpenStore() {
    EXPECT_TRUE(disk_.CreateDirectories("/m").ok());
    storage::MvccOptions options;
    options.fs = &disk_;
    options.dir = "/m/db";
    options.manual_background = true;
    options.file_bytes = 16 << 10;
    options.block_bytes = 1 << 10;
    auto store = storage::MvccStore::Open(options);
    KEELSON_CHECK(store.ok(), "an empty disk takes a store");
    store_ = *std::move(store);
  }

  void Check(const WatchRequestCreate& request, FakeSink* sink) {
    ASSERT_TRUE(sink->responses.front().created());
    sink->responses.pop_front();
    std::vector<mvccpb::Event> seen;
    for (const auto& response : sink->responses) {
      ASSERT_FALSE(response.canceled()) << "from " << request.start_revision;
      seen.insert(seen.end(), response.events().begin(), response.events().end());
    }
    size_t next = 0;
    for (const Change& change : applied_) {
      if (change.rev.main < request.start_revision || change.now->key < request.key) continue;
      if (request.range_end.empty() && change.now->key != request.key) continue;
      ASSERT_LT(next, seen.size()) << "revision " << change.rev.main << " is missing";
      const mvccpb::Event& event = seen[next++];
      ASSERT_EQ(event.kv().mod_revision(), change.rev.main);
      ASSERT_EQ(event.kv().key(), change.now->key);
      ASSERT_EQ(event.kv().value(), change.now->value);
      ASSERT_EQ(event.kv().version(), change.now->version);
      ASSERT_EQ(event.kv().create_revision(), change.now->create_revision);
      ASSERT_EQ(event.type() == mvccpb::Event::DELETE, change.deleted);
      const bool previous = request.prev_kv && change.prev != nullptr;
      if (previous && change.rev.main > store_->compact_revision()) {
        ASSERT_EQ(event.prev_kv().mod_revision(), change.prev->mod_revision);
        ASSERT_EQ(event.prev_kv().value(), change.prev->value);
      }
      ++events_;
    }
    ASSERT_EQ(next, seen.size()) << "an event too many";
  }

  std::mt19937_64 random_;
  storage::FaultyFileSystem disk_;
  std::unique_ptr<storage::MvccStore> store_;
  FakeLoop loop_;
  FakeRunner runner_{&loop_};
  std::unique_ptr<WatchHub> hub_;
  std::vector<Change> applied_;
  int64_t events_ = 0;
};

TEST(WatchStore, HistoryIsWhatWasAppliedHoweverMuchIsCompactedAndDropped) {
  const char* fixed = std::getenv("KEELSON_SEED");
  const uint64_t first = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : 1;
  const uint64_t last = fixed != nullptr ? first : 6;
  int64_t events = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("replay: KEELSON_SEED=" + std::to_string(seed) + " watch_store_test");
    StoreWorld world(seed);
    for (int step = 0; step < 400; ++step) {
      const int64_t what = world.Roll(100);
      if (what < 60) {
        world.Write();
      } else if (what < 64) {
        world.Compact();
      } else if (what < 67) {
        world.Settle();
      } else if (what < 90) {
        world.Watch();
      } else {
        world.Turn();
      }
      if (::testing::Test::HasFatalFailure()) return;
    }
    events += world.events();
  }
  std::cout << "seeds " << first << ".." << last << ": " << events << " events\n";
  EXPECT_GT(events, 1000);
}

}  // namespace
}  // namespace keelson::server
