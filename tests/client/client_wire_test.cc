// The library against a real server: every call once, with its options and its failures.
#include <string>
#include <thread>

#include "tests/client/wire_fixture.h"

namespace keelson::client {
namespace {

using ClientWireTest = keelson::testing::SingleMemberTest;

TEST_F(ClientWireTest, APutIsReadBackWithItsRevisions) {
  const auto first = client_->kv().Put(Key("a"), "one");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = client_->kv().Put(Key("a"), "two", {.prev_kv = true});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->header.revision, first->header.revision + 1);
  ASSERT_TRUE(second->prev_kv.has_value());
  EXPECT_EQ(second->prev_kv->value, "one");

  const auto got = client_->kv().Get(KeyRange::Key(Key("a")));
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->kvs.size(), 1u);
  EXPECT_EQ(got->count, 1);
  EXPECT_EQ(got->kvs[0].value, "two");
  EXPECT_EQ(got->kvs[0].create_revision, first->header.revision);
  EXPECT_EQ(got->kvs[0].mod_revision, second->header.revision);
  EXPECT_EQ(got->kvs[0].version, 2);

  const auto old = client_->kv().Get(KeyRange::Key(Key("a")), {.revision = first->header.revision});
  ASSERT_TRUE(old.ok()) << old.status();
  EXPECT_EQ(old->kvs.at(0).value, "one");
}

TEST_F(ClientWireTest, BytesOfAnyValueSurviveTheWay) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  ASSERT_TRUE(client_->kv().Put(Key(all), all).ok());
  const auto got = client_->kv().Get(KeyRange::Key(Key(all)), {.serializable = true});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->kvs.at(0).value, all);
  EXPECT_EQ(got->kvs.at(0).key, Key(all));
}

TEST_F(ClientWireTest, RangesTakeLimitsOrdersAndFilters) {
  int64_t revision = 0;
  for (const char* name : {"b", "a", "c"}) {
    const auto put = client_->kv().Put(Key(name), std::string("v") + name);
    ASSERT_TRUE(put.ok()) << put.status();
    revision = put->header.revision;
  }
  const KeyRange range = KeyRange::Prefix(prefix_);
  const auto limited = client_->kv().Get(
      range, {.limit = 2, .order = SortOrder::kDescending, .sort_by = SortTarget::kCreateRevision});
  ASSERT_TRUE(limited.ok()) << limited.status();
  ASSERT_EQ(limited->kvs.size(), 2u);
  EXPECT_EQ(limited->kvs[0].key, Key("c"));
  EXPECT_EQ(limited->kvs[1].key, Key("a"));
  EXPECT_TRUE(limited->more);
  EXPECT_EQ(limited->count, 3);

  const auto counted = client_->kv().Get(range, {.count_only = true});
  ASSERT_TRUE(counted.ok()) << counted.status();
  EXPECT_EQ(counted->count, 3);
  EXPECT_TRUE(counted->kvs.empty());

  const auto keys = client_->kv().Get(range, {.keys_only = true, .min_mod_revision = revision});
  ASSERT_TRUE(keys.ok()) << keys.status();
  ASSERT_EQ(keys->kvs.size(), 1u);
  EXPECT_EQ(keys->kvs[0].value, "");
}

TEST_F(ClientWireTest, DeleteGivesWhatItDeleted) {
  for (const char* name : {"a", "b"}) ASSERT_TRUE(client_->kv().Put(Key(name), name).ok());
  const auto deleted = client_->kv().Delete(KeyRange::Prefix(prefix_), {.prev_kv = true});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->deleted, 2);
  ASSERT_EQ(deleted->prev_kvs.size(), 2u);
  EXPECT_EQ(deleted->prev_kvs[1].value, "b");
  EXPECT_EQ(client_->kv().Delete(KeyRange::Prefix(prefix_))->deleted, 0);
}

TEST_F(ClientWireTest, ATransactionRunsTheBranchItsComparesChoose) {
  Txn txn;
  txn.If(Compare::Version(Key("a")).Equals(0))
      .Then(Op::Put(Key("a"), "1"))
      .Then(Op::Get(KeyRange::Key(Key("a"))))
      .Then(Op::Nested(Txn()
                           .If(Compare::Value(Key("b")).Equals("x"))
                           .Then(Op::Delete(KeyRange::Key(Key("b"))))
                           .Else(Op::Put(Key("b"), "fresh"))))
      .Else(Op::Delete(KeyRange::Key(Key("a")), {.prev_kv = true}));
  const auto first = client_->kv().Commit(txn);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->succeeded);
  ASSERT_EQ(first->responses.size(), 3u);
  EXPECT_EQ(std::get<GetResult>(first->responses[1]).kvs.at(0).value, "1");
  const auto& nested = *std::get<std::shared_ptr<const TxnResult>>(first->responses[2]);
  EXPECT_FALSE(nested.succeeded);
  EXPECT_EQ(nested.responses.size(), 1u);

  const auto second = client_->kv().Commit(txn);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->succeeded);
  EXPECT_EQ(std::get<DeleteResult>(second->responses.at(0)).prev_kvs.at(0).value, "1");
}

TEST_F(ClientWireTest, ARefusedWriteSurelyFailed) {
  const auto put = client_->kv().Put("", "x");
  EXPECT_EQ(put.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(put.status().message(), "etcdserver: key is not provided");
  EXPECT_EQ(OutcomeOf(put.status()), Outcome::kFailed);
  const auto leased = client_->kv().Put(Key("a"), "x", {.lease = 12345});
  EXPECT_EQ(leased.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OutcomeOf(leased.status()), Outcome::kFailed);
}

TEST_F(ClientWireTest, ACompactedRevisionIsOutOfRange) {
  const auto first = client_->kv().Put(Key("a"), "1");
  const auto second = client_->kv().Put(Key("a"), "2");
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(client_->kv().Compact(second->header.revision, {.physical = true}).ok());
  const auto old = client_->kv().Get(KeyRange::Key(Key("a")), {.revision = first->header.revision});
  EXPECT_EQ(old.status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(ClientWireTest, AWatchDeliversHistoryAndThenWhatHappens) {
  const auto first = client_->kv().Put(Key("a"), "1");
  ASSERT_TRUE(first.ok());
  const auto watcher = client_->Watch(
      {{.range = KeyRange::Prefix(prefix_), .start_revision = first->header.revision}},
      {.prev_kv = true});
  ASSERT_TRUE(watcher->WaitReady(absl::Seconds(5)).ok());
  ASSERT_TRUE(client_->kv().Put(Key("a"), "2").ok());
  ASSERT_TRUE(client_->kv().Delete(KeyRange::Key(Key("a"))).ok());

  std::vector<WatchEvent> events;
  while (events.size() < 3) {
    auto batch = watcher->Next(absl::Seconds(5));
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (WatchEvent& event : batch->events) events.push_back(std::move(event));
  }
  EXPECT_TRUE(events[0].is_create());
  EXPECT_EQ(events[1].prev_kv->value, "1");
  EXPECT_EQ(events[2].type, WatchEvent::Type::kDelete);
  EXPECT_EQ(events[2].prev_kv->value, "2");
  EXPECT_EQ(watcher->Next(absl::Milliseconds(20)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ClientWireTest, OneWatcherFollowsSeveralTargets) {
  const auto watcher = client_->Watch(
      {{.range = KeyRange::Key(Key("x"))}, {.range = KeyRange::Prefix(Key("dir/"))}});
  ASSERT_TRUE(watcher->WaitReady(absl::Seconds(5)).ok());
  ASSERT_TRUE(client_->kv().Put(Key("x"), "1").ok());
  ASSERT_TRUE(client_->kv().Put(Key("other"), "2").ok());
  ASSERT_TRUE(client_->kv().Put(Key("dir/y"), "3").ok());
  std::vector<std::string> seen(2);
  for (int i = 0; i < 2; ++i) {
    const auto batch = watcher->Next(absl::Seconds(5));
    ASSERT_TRUE(batch.ok()) << batch.status();
    seen.at(batch->target) = batch->events.at(0).kv.key;
  }
  EXPECT_EQ(seen[0], Key("x"));
  EXPECT_EQ(seen[1], Key("dir/y"));
}

TEST_F(ClientWireTest, AWatchFromACompactedRevisionEndsAndSaysWhereToResume) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client_->kv().Put(Key("a"), "x").ok());
  const int64_t now = client_->kv().Get(KeyRange::Key(Key("a")))->header.revision;
  ASSERT_TRUE(client_->kv().Compact(now).ok());
  const auto watcher = client_->Watch(KeyRange::Prefix(prefix_), now - 1);
  EXPECT_EQ(watcher->Next(absl::Seconds(5)).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(watcher->compact_revision(), now);
}

TEST_F(ClientWireTest, AProgressMarkCanBeAskedFor) {
  const auto watcher = client_->Watch(KeyRange::Prefix(prefix_));
  const auto ready = watcher->WaitReady(absl::Seconds(5));
  ASSERT_TRUE(ready.ok()) << ready.status();
  watcher->RequestProgress();
  const auto mark = watcher->Next(absl::Seconds(5));
  ASSERT_TRUE(mark.ok()) << mark.status();
  EXPECT_TRUE(mark->is_progress());
  EXPECT_EQ(mark->target, WatchBatch::kAllTargets);
  EXPECT_GE(mark->header.revision, *ready);
}

TEST_F(ClientWireTest, ALeaseTakesItsKeysWithIt) {
  const auto lease = client_->leases().Grant(60);
  ASSERT_TRUE(lease.ok()) << lease.status();
  ASSERT_TRUE(client_->kv().Put(Key("a"), "x", {.lease = lease->id}).ok());
  const auto ttl = client_->leases().TimeToLive(lease->id, {.keys = true});
  ASSERT_TRUE(ttl.ok()) << ttl.status();
  EXPECT_EQ(ttl->granted_ttl, 60);
  EXPECT_EQ(ttl->keys, std::vector<std::string>{Key("a")});
  const auto renewed = client_->leases().RenewOnce(lease->id);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->ttl, 60);
  ASSERT_TRUE(client_->leases().Revoke(lease->id).ok());
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(Key("a")))->count, 0);
  EXPECT_EQ(client_->leases().Revoke(lease->id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client_->leases().TimeToLive(lease->id)->ttl, -1);
}

TEST_F(ClientWireTest, AKeeperLearnsOfARevocation) {
  const auto lease = client_->leases().Grant(2);
  ASSERT_TRUE(lease.ok()) << lease.status();
  std::atomic<int> renewals = 0;
  const auto keeper = client_->leases().KeepAlive(
      *lease, {.on_renewed = [&renewals](const LeaseRenewResult&) { ++renewals; }});
  EXPECT_FALSE(keeper->WaitLost(absl::Seconds(3))) << keeper->Lost();
  EXPECT_GE(renewals.load(), 3);
  EXPECT_EQ(client_->leases().TimeToLive(lease->id)->granted_ttl, lease->ttl);
  ASSERT_TRUE(client_->leases().Revoke(lease->id).ok());
  ASSERT_TRUE(keeper->WaitLost(absl::Seconds(3)));
  EXPECT_EQ(keeper->Lost().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(keeper->Remaining(), absl::ZeroDuration());
}

TEST_F(ClientWireTest, StatusMembersHealthAndAlarmsAreAnswered) {
  const std::string endpoint = cluster_->endpoints()[0];
  const auto status = client_->maintenance().Status(endpoint);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_TRUE(status->is_leader());
  EXPECT_FALSE(status->version.empty());
  const auto members = client_->cluster().List();
  ASSERT_TRUE(members.ok()) << members.status();
  ASSERT_EQ(members->members.size(), 1u);
  EXPECT_EQ(members->members[0].client_urls.at(0), "http://" + endpoint);
  EXPECT_TRUE(client_->maintenance().Health(endpoint).healthy);
  const auto alarms = client_->maintenance().Alarms();
  ASSERT_TRUE(alarms.ok()) << alarms.status();
  EXPECT_TRUE(alarms->alarms.empty());
}

TEST_F(ClientWireTest, ManyThreadsShareOneClient) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < 25; ++i) {
        const std::string key = Key(std::to_string(thread) + "/" + std::to_string(i));
        EXPECT_TRUE(client_->kv().Put(key, "x").ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client_->kv().Get(KeyRange::Prefix(prefix_), {.count_only = true})->count, 200);
}

TEST_F(ClientWireTest, AClientMayGoInTheMiddleOfEverything) {
  for (int round = 0; round < 50; ++round) {
    auto client = Client::Create({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    const auto watcher = (*client)->Watch(KeyRange::Prefix(prefix_));
    const auto keeper = (*client)->leases().KeepAlive(12345);
    const Kv kv = (*client)->kv();
    if (round % 2 == 0) client->reset();
    EXPECT_TRUE(kv.Put(Key("a"), "x").ok());
    if (round % 3 == 0) watcher->Cancel();
  }
}

}  // namespace
}  // namespace keelson::client
