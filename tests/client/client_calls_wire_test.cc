// The library against a real server: calls in flight, the age of answers, views and sessions.
#include <algorithm>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "client/keelson/range_reader.h"
#include "client/keelson/stm.h"
#include "tests/client/wire_fixture.h"

namespace keelson::client {
namespace {

class ClientCallsWireTest : public keelson::testing::SingleMemberTest {};

TEST_F(ClientCallsWireTest, CallsOverlapAndAreAnsweredOnTheClientsThread) {
  std::vector<Future<PutResult>> puts;
  for (int i = 0; i < 200; ++i) {
    puts.push_back(client_->kv().PutAsync(Key(std::to_string(i)), "x"));
  }
  for (Future<PutResult>& put : puts) {
    const auto result = put.Get();
    ASSERT_TRUE(result.ok()) << result.status();
  }
  std::promise<std::thread::id> told;
  client_->kv().GetAsync(KeyRange::Prefix(prefix_)).Then([&told](absl::StatusOr<GetResult> got) {
    EXPECT_EQ(got->kvs.size(), 200u);
    told.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(told.get_future().get(), std::this_thread::get_id());
}

Future<std::string> Swap(Kv kv, std::string one, std::string other) {
  const auto first = co_await kv.GetAsync(KeyRange::Key(one));
  if (!first.ok()) co_return first.status();
  const auto second = co_await kv.GetAsync(KeyRange::Key(other));
  if (!second.ok()) co_return second.status();
  Txn txn;
  txn.Then(Op::Put(one, second->kvs.at(0).value));
  txn.Then(Op::Put(other, first->kvs.at(0).value));
  const auto done = co_await kv.CommitAsync(txn);
  if (!done.ok()) co_return done.status();
  co_return first->kvs.at(0).value;
}

TEST_F(ClientCallsWireTest, ACoroutineMakesSeveralCalls) {
  ASSERT_TRUE(client_->kv().Put(Key("a"), "1").ok());
  ASSERT_TRUE(client_->kv().Put(Key("b"), "2").ok());
  EXPECT_EQ(*Swap(client_->kv(), Key("a"), Key("b")).Get(), "1");
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("a")))->kvs.at(0).value, "2");
}

TEST_F(ClientCallsWireTest, ACallThatIsCancelledEndsAtOnce) {
  ASSERT_TRUE(client_->kv().Put(Key("a"), "1").ok());
  // Waits at kvd for a revision that never comes, and is asked for again at etcd.
  auto read = client_->kv().GetAsync(
      KeyRange::Key(Key("a")), {},
      {.timeout = absl::Seconds(60), .read = {.min_revision = int64_t{1} << 40}});
  EXPECT_FALSE(read.IsReady());
  read.Cancel();
  EXPECT_EQ(read.Get(absl::Seconds(20)).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(ClientCallsWireTest, AnswersSayHowFreshTheyAre) {
  const auto put = client_->kv().Put(Key("a"), "1");
  ASSERT_TRUE(put.ok()) << put.status();
  const auto fresh = client_->kv().Get(KeyRange::Key(Key("a")));
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_TRUE(fresh->freshness.linearizable && fresh->freshness.quorum);
  EXPECT_GE(fresh->freshness.revision, put->header.revision);
  EXPECT_LT(*fresh->freshness.age, absl::Seconds(5));

  const auto stale = client_->kv().Get(KeyRange::Key(Key("a")), {.serializable = true});
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_FALSE(stale->freshness.linearizable);
  const auto young = client_->kv().Get(KeyRange::Key(Key("a")), {.serializable = true},
                                       {.read = {.max_age = absl::Seconds(20)}});
  if (stale->freshness.age.has_value()) {
    EXPECT_TRUE(stale->freshness.quorum);
    EXPECT_TRUE(young.ok()) << young.status();
  } else {
    // etcd does not say, so nothing can be promised.
    EXPECT_FALSE(stale->freshness.quorum);
    EXPECT_EQ(young.status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

TEST_F(ClientCallsWireTest, AViewUnderAPrefixSeesNothingElse) {
  const auto view = client_->WithPrefix(prefix_)->WithPrefix("in/");
  ASSERT_TRUE(client_->kv().Put(Key("out"), "x").ok());
  const auto watcher = view->Watch(KeyRange::All());
  ASSERT_TRUE(watcher->WaitReady(absl::Seconds(5)).ok());
  const auto lease = view->leases().Grant(60);
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_TRUE(view->kv().Put("a", "1", {.lease = lease->id}).ok());
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("in/a")))->kvs.at(0).value, "1");
  const auto all = view->kv().Get(KeyRange::All());
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->kvs.size(), 1u);
  EXPECT_EQ(all->kvs[0].key, "a");
  const auto batch = watcher->Next(absl::Seconds(5));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->events.at(0).kv.key, "a");
  EXPECT_EQ(view->leases().TimeToLive(lease->id, {.keys = true})->keys,
            std::vector<std::string>{"a"});
  EXPECT_EQ(view->kv().Delete(KeyRange::All())->deleted, 1);
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("out")))->count, 1);
}

TEST_F(ClientCallsWireTest, ASessionReadsItsOwnWritesWithStaleReads) {
  const auto session = client_->WithSession();
  for (int i = 0; i < 50; ++i) {
    const auto put = session->kv().Put(Key("a"), std::to_string(i));
    ASSERT_TRUE(put.ok()) << put.status();
    const auto got = session->kv().Get(KeyRange::Key(Key("a")), {.serializable = true});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->kvs.at(0).value, std::to_string(i));
  }
}

TEST_F(ClientCallsWireTest, ARangeIsReadPageByPageAtOneRevision) {
  for (int i = 0; i < 100; ++i) {
    Txn batch;
    for (int j = 0; j < 25; ++j) {
      batch.Then(Op::Put(Key(absl::StrFormat("%04d", i * 25 + j)), std::string(100, 'x')));
    }
    ASSERT_TRUE(client_->kv().Commit(batch).ok());
  }
  RangeReader reader(client_->kv(), KeyRange::Prefix(prefix_), {.max_page_pairs = 700});
  std::vector<std::string> keys;
  int pages = 0;
  while (true) {
    const auto page = reader.Next();
    ASSERT_TRUE(page.ok()) << page.status();
    if (page->empty()) break;
    EXPECT_LE(page->size(), 700u);
    for (const KeyValue& kv : *page) keys.push_back(kv.key);
    // Changes in the middle are not seen.
    ASSERT_TRUE(client_->kv().Put(Key("zz" + std::to_string(++pages)), "new").ok());
  }
  ASSERT_EQ(keys.size(), 2500u);
  EXPECT_EQ(keys.back(), Key("2499"));
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_GE(pages, 4);
}

TEST_F(ClientCallsWireTest, OptimisticTransactionsLoseNoUpdate) {
  ASSERT_TRUE(client_->kv().Put(Key("from"), "1000").ok());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([this] {
      for (int i = 0; i < 25; ++i) {
        const auto moved =
            RunStm(client_->kv(),
                   [this](Stm& stm) {
                     const auto from = stm.Get(Key("from"));
                     if (!from.ok()) return from.status();
                     const auto to = stm.Get(Key("to"));
                     if (!to.ok()) return to.status();
                     stm.Put(Key("from"), std::to_string(std::stoi(from->value()) - 1));
                     stm.Put(Key("to"), std::to_string(std::stoi(to->value_or("0")) + 1));
                     return absl::OkStatus();
                   },
                   {.timeout = absl::Seconds(60)});
        EXPECT_TRUE(moved.ok()) << moved.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("from")))->kvs.at(0).value, "900");
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("to")))->kvs.at(0).value, "100");
}

TEST_F(ClientCallsWireTest, AnOptimisticTransactionSeesOneSnapshotAndItsOwnWrites) {
  ASSERT_TRUE(client_->kv().Put(Key("a"), "1").ok());
  ASSERT_TRUE(client_->kv().Put(Key("b"), "1").ok());
  int tries = 0;
  const auto done = RunStm(client_->kv(), [&](Stm& stm) {
    EXPECT_EQ(stm.Get(Key("a"))->value(), tries == 0 ? "1" : "2");
    // Somebody else changes both in the middle of the first try.
    if (++tries == 1) {
      EXPECT_TRUE(client_->kv().Put(Key("a"), "2").ok());
      EXPECT_TRUE(client_->kv().Put(Key("b"), "2").ok());
    }
    EXPECT_EQ(stm.Get(Key("b"))->value(), tries == 1 ? "1" : "2");
    EXPECT_EQ(stm.Get(Key("none"))->has_value(), false);
    stm.Put(Key("c"), "x");
    stm.Put(Key("c"), "y");
    EXPECT_EQ(stm.Get(Key("c"))->value(), "y");
    stm.Delete(Key("a"));
    EXPECT_EQ(stm.Get(Key("a"))->has_value(), false);
    return absl::OkStatus();
  });
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("c")))->kvs.at(0).value, "y");
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("a")))->count, 0);

  const auto refused =
      RunStm(client_->kv(), [](Stm&) { return absl::NotFoundError("no such account"); });
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OutcomeOf(refused.status()), Outcome::kFailed);
}

TEST_F(ClientCallsWireTest, AWatchThatLosesItsPlaceToACompactionBeginsAnew) {
  const auto first = client_->kv().Put(Key("a"), "1");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(client_->kv().Put(Key("a"), "2").ok());
  const auto last = client_->kv().Put(Key("b"), "3");
  ASSERT_TRUE(last.ok()) << last.status();
  ASSERT_TRUE(client_->kv().Compact(last->header.revision).ok());
  const auto watcher = client_->Watch(
      {{.range = KeyRange::Prefix(prefix_), .start_revision = first->header.revision}},
      {.resync = true});
  std::vector<std::string> told;
  while (told.empty() || told.back() != "+c") {
    if (told.size() == 4) {
      ASSERT_TRUE(client_->kv().Put(Key("c"), "4").ok());
    }
    const auto batch = watcher->Next(absl::Seconds(10));
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (batch->kind == WatchBatch::Kind::kResyncBegin) told.push_back("begin");
    for (const WatchEvent& event : batch->events) {
      told.push_back("+" + event.kv.key.substr(prefix_.size()));
    }
    if (batch->kind == WatchBatch::Kind::kResyncEnd) told.push_back("end");
  }
  EXPECT_EQ(told, (std::vector<std::string>{"begin", "+a", "+b", "end", "+c"}));
}

}  // namespace
}  // namespace keelson::client
