// Random writes, compactions, installs, slow readers, cancels and comings and goings against a
// model: every watcher's events are exactly those of the history that match it, from its start on,
// in order, each once, none of a revision apart; and progress is never ahead of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using Response = etcdserverpb::WatchResponse;

struct Totals {
  int64_t events = 0;
  int64_t compacted = 0;
  int64_t progress = 0;
  int64_t caught_up_from_history = 0;
  int64_t blocked = 0;
};

class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed) {
    WatchOptions options{.ring_bytes = size_t{500} << Roll(8),
                         .progress_interval = std::chrono::milliseconds(500),
                         .fragment_bytes = size_t{200} << Roll(10),
                         .batch_bytes = size_t{300} << Roll(8),
                         .batch_changes = size_t{1} << Roll(8),
                         .group_watchers = size_t{1} << Roll(6),
                         .groups = static_cast<size_t>(1 + Roll(4)),
                         .units_per_turn = size_t{4} << Roll(8)};
    hub_ =
        std::make_unique<WatchHub>(WatchHub::Environment{.loop = loop_,
                                                         .runner = runner_,
                                                         .random = [this] { return random_(); },
                                                         .view = [this] { return store_.View(); },
                                                         .header =
                                                             [] {
                                                               return HeaderIds{1, 2, 3};
                                                             }},
                                   options, store_.revision(), store_.compacted());
  }

  void Step() {
    const int64_t what = Roll(100);
    if (what < 30) {
      Write();
    } else if (what < 38) {
      CreateWatcher();
    } else if (what < 40) {
      CancelWatcher();
    } else if (what < 41 && streams_.size() < 12) {
      OpenStream();
    } else if (what < 42) {
      CloseStream();
    } else if (what < 50) {
      TurnTap();
    } else if (what < 51) {
      CompactOrInstall();
    } else if (what < 55 && !streams_.empty()) {
      hub_->RequestProgress(Pick().id);
    } else if (what < 56) {
      loop_.Pass(std::chrono::milliseconds(300));
    } else if (what < 70) {
      runner_.RunOne();
    } else if (what < 85) {
      loop_.RunTurn();
    } else {
      hub_->Deliver();
    }
    ReadAll();
  }

  // Lets everybody read, and checks that nobody is left behind.
  void Finish() {
    for (auto& stream : streams_) Unstick(*stream);
    hub_->Deliver();
    while (loop_.RunTurn() || runner_.RunOne()) {
    }
    ReadAll();
    for (auto& stream : streams_) {
      for (auto& [id, watcher] : stream->watchers) {
        ASSERT_EQ(ExpectedFrom(watcher, watcher.next), 0) << "events are missing at the end";
      }
    }
    EXPECT_EQ(hub_->counters().slow_watchers, 0u);
    totals_.caught_up_from_history = store_.opened();
  }

  const Totals& totals() const { return totals_; }

 private:
  struct ModelWatcher {
    storage::KeyRange range;
    bool no_put = false;
    bool no_delete = false;
    bool previous = false;
    int64_t next = 0;       // the first revision it has yet to get
    bool fragment = false;  // a fragment came and the rest is to follow
    size_t position = 0;    // in the history: the first change that was not looked at
  };
  struct ModelStream {
    std::shared_ptr<FakeSink> sink = std::make_shared<FakeSink>();
    WatchHub::StreamId id = 0;
    std::map<int64_t, ModelWatcher> watchers;
  };

  int64_t Roll(int64_t below) { return static_cast<int64_t>(random_() % below); }
  ModelStream& Pick() { return *streams_[Roll(streams_.size())]; }
  std::string Key() { return std::string(1, static_cast<char>('a' + Roll(8))); }

  void Write() {
    std::vector<storage::Change> batch;
    for (int64_t n = 1 + Roll(4); n > 0; --n) {
      std::map<std::string, FakeStore::Op> ops;
      for (int64_t m = 1 + Roll(3); m > 0; --m) {
        const std::string key = Key();
        ops[key] = {.key = key, .value = std::string(Roll(60), 'x')};
        if (Roll(4) == 0) ops[key].value = std::nullopt;
      }
      std::vector<FakeStore::Op> list;
      for (auto& [key, op] : ops) list.push_back(op);
      for (auto& change : store_.Apply(list)) batch.push_back(change);
    }
    if (in_install_) return;
    hub_->Publish(batch, store_.revision());
  }

  void OpenStream() {
    streams_.push_back(std::make_unique<ModelStream>());
    streams_.back()->id = hub_->Open(streams_.back()->sink, false);
  }

  void CloseStream() {
    if (streams_.empty()) return;
    const size_t victim = Roll(streams_.size());
    hub_->Close(streams_[victim]->id);
    streams_.erase(streams_.begin() + static_cast<int64_t>(victim));
  }

  void CreateWatcher() {
    if (streams_.empty()) OpenStream();
    ModelStream& stream = Pick();
    WatchRequestCreate request{.key = Key()};
    if (Roll(2) == 0) request.range_end = std::string(1, static_cast<char>(request.key[0] + 2));
    if (Roll(6) == 0) request.range_end = std::string(1, '\0');
    if (Roll(3) != 0) {
      // Mostly around what is still there.
      const int64_t from = std::max<int64_t>(store_.compacted() - 2, 1);
      request.start_revision = from + Roll(store_.revision() - from + 5);
    }
    request.watch_id = ++last_id_;
    request.progress_notify = Roll(2) == 0;
    request.no_put = Roll(8) == 0;
    request.no_delete = Roll(8) == 0;
    request.prev_kv = Roll(3) == 0;
    request.fragment = Roll(4) == 0;
    ModelWatcher watcher{.range = {.begin = request.key, .end = request.range_end},
                         .no_put = request.no_put,
                         .no_delete = request.no_delete,
                         .previous = request.prev_kv,
                         .next = request.start_revision};
    if (request.range_end.empty()) watcher.range.end = request.key + '\0';
    if (request.range_end[0] == '\0' && !request.range_end.empty()) watcher.range.end = {};
    if (watcher.next == 0) watcher.next = store_.revision() + 1;
    stream.watchers[request.watch_id] = watcher;
    hub_->Create(stream.id, request);
  }

  void CancelWatcher() {
    if (streams_.empty()) return;
    ModelStream& stream = Pick();
    if (stream.watchers.empty()) return;
    // Its answer ends the model's watcher, after whatever was sent before.
    hub_->Cancel(stream.id, stream.watchers.begin()->first);
  }

  void TurnTap() {
    if (streams_.empty()) return;
    ModelStream& stream = Pick();
    if (Roll(2) == 0) {
      stream.sink->Stick(Roll(2000));
      ++totals_.blocked;
    } else {
      Unstick(stream);
    }
  }

  void Unstick(ModelStream& stream) {
    stream.sink->Unstick();
    hub_->OnWritable(stream.id);
  }

  void CompactOrInstall() {
    const int64_t span = store_.revision() - store_.compacted();
    if (Roll(3) != 0) {
      if (span < 10) return;
      store_.Compact(store_.compacted() + 1 + Roll(Roll(3) == 0 ? span : span / 2));
      hub_->OnCompacted(store_.compacted());
      return;
    }
    in_install_ = true;
    for (int64_t n = Roll(20); n > 0; --n) Write();
    in_install_ = false;
    if (Roll(2) == 0) {
      store_.Compact(store_.compacted() + Roll(store_.revision() - store_.compacted() + 1));
    }
    hub_->ResetStore(store_.revision(), store_.compacted());
  }

  bool Wants(const ModelWatcher& watcher, const storage::Change& change) const {
    const std::string& key = change.now->key;
    if (key < watcher.range.begin || (watcher.range.end && key >= *watcher.range.end)) return false;
    return change.deleted ? !watcher.no_delete : !watcher.no_put;
  }

  // How many events of the history at or after `from` the watcher should still get.
  int64_t ExpectedFrom(const ModelWatcher& watcher, int64_t from) const {
    int64_t count = 0;
    for (size_t i = watcher.position; i < store_.history().size(); ++i) {
      const storage::Change& change = store_.history()[i];
      count += change.rev.main >= from && Wants(watcher, change);
    }
    return count;
  }

  void ReadAll() {
    for (auto& stream : streams_) {
      for (const Response& response : std::exchange(stream->sink->responses, {})) {
        Read(*stream, response);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }

  void Read(ModelStream& stream, const Response& response) {
    if (response.created()) return;
    if (response.watch_id() == -1) {
      ++totals_.progress;
      for (const auto& [id, watcher] : stream.watchers) ExpectNothingBelow(watcher, response);
      return;
    }
    const auto found = stream.watchers.find(response.watch_id());
    ASSERT_NE(found, stream.watchers.end()) << "a response for a watcher that is not there";
    ModelWatcher& watcher = found->second;
    if (response.canceled()) {
      if (response.compact_revision() != 0) {
        ++totals_.compacted;
        ASSERT_EQ(response.compact_revision(), store_.compacted());
        ASSERT_LT(watcher.next, store_.compacted()) << "cancelled without need";
      }
      stream.watchers.erase(found);
      return;
    }
    if (response.events_size() == 0) {
      ++totals_.progress;
      ExpectNothingBelow(watcher, response);
      return;
    }
    for (const auto& event : response.events()) Take(&watcher, event);
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_GE(response.header().revision(),
              response.events(response.events_size() - 1).kv().mod_revision());
    if (!response.fragment()) ExpectWholeRevision(&watcher, response);
  }

  // Progress up to a revision says that nothing up to it is still to come, and it never goes back.
  void ExpectNothingBelow(const ModelWatcher& watcher, const Response& response) {
    ASSERT_GE(response.header().revision(), watcher.next - 1);
    for (size_t i = watcher.position; i < store_.history().size(); ++i) {
      const storage::Change& change = store_.history()[i];
      if (change.rev.main > response.header().revision()) break;
      ASSERT_FALSE(change.rev.main >= watcher.next && Wants(watcher, change))
          << "progress " << response.header().revision() << " is ahead of " << change.rev.main;
    }
  }

  void Take(ModelWatcher* watcher, const mvccpb::Event& event) {
    const auto& history = store_.history();
    while (watcher->position < history.size() &&
           (history[watcher->position].rev.main < watcher->next ||
            !Wants(*watcher, history[watcher->position]))) {
      ++watcher->position;
    }
    ASSERT_LT(watcher->position, history.size()) << "an event that never happened";
    const storage::Change& change = history[watcher->position++];
    ASSERT_EQ(event.kv().mod_revision(), change.rev.main) << "missed, repeated or out of order";
    ASSERT_EQ(event.kv().key(), change.now->key);
    ASSERT_EQ(event.type() == mvccpb::Event::DELETE, change.deleted);
    ASSERT_EQ(event.kv().value(), change.now->value);
    if (!watcher->previous || change.prev == nullptr) {
      ASSERT_FALSE(event.has_prev_kv());
    } else if (change.rev.main > store_.compacted()) {
      ASSERT_EQ(event.prev_kv().mod_revision(), change.prev->mod_revision);
    }
    ++totals_.events;
  }

  void ExpectWholeRevision(ModelWatcher* watcher, const Response& response) {
    const int64_t last = response.events(response.events_size() - 1).kv().mod_revision();
    for (size_t i = watcher->position; i < store_.history().size(); ++i) {
      const storage::Change& change = store_.history()[i];
      if (change.rev.main > last) break;
      ASSERT_FALSE(Wants(*watcher, change)) << "revision " << last << " was split";
    }
    watcher->next = last + 1;
  }

  std::mt19937_64 random_;
  FakeLoop loop_;
  FakeRunner runner_{&loop_};
  FakeStore store_;
  std::unique_ptr<WatchHub> hub_;
  std::vector<std::unique_ptr<ModelStream>> streams_;
  int64_t last_id_ = 0;
  bool in_install_ = false;
  Totals totals_;
};

TEST(WatchModel, EveryWatcherGetsExactlyItsPartOfTheHistory) {
  const char* fixed = std::getenv("KEELSON_SEED");
  const uint64_t first = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : 1;
  const uint64_t last = fixed != nullptr ? first : 150;
  Totals totals;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("replay: KEELSON_SEED=" + std::to_string(seed) + " watch_model_test");
    Model model(seed);
    for (int i = 0; i < 2000 && !::testing::Test::HasFailure(); ++i) model.Step();
    if (!::testing::Test::HasFailure()) model.Finish();
    if (::testing::Test::HasFailure()) return;
    totals.events += model.totals().events;
    totals.compacted += model.totals().compacted;
    totals.progress += model.totals().progress;
    totals.caught_up_from_history += model.totals().caught_up_from_history;
    totals.blocked += model.totals().blocked;
  }
  std::cout << "seeds " << first << ".." << last << ": " << totals.events << " events, "
            << totals.compacted << " compacted cancels, " << totals.progress << " progress, "
            << totals.caught_up_from_history << " history reads, " << totals.blocked
            << " blocked readers\n";
  EXPECT_GT(totals.events, 0);
  if (fixed == nullptr) {
    EXPECT_GT(totals.compacted, 100);
    EXPECT_GT(totals.progress, 100);
    EXPECT_GT(totals.caught_up_from_history, 100);
  }
}

}  // namespace
}  // namespace keelson::server
