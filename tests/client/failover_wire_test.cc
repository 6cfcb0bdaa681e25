// The library against three real members of which some are killed or paused.
#include <csignal>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_format.h"
#include "client/keelson/range_reader.h"
#include "tests/client/wire_fixture.h"

namespace keelson::client {
namespace {

using keelson::testing::FindServerBinary;
using keelson::testing::MissingServerMessage;
using keelson::testing::TestCluster;

class FailoverWireTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    // Early pings, so that a paused member is noticed within the test's patience.
    auto client = Client::Create({.endpoints = cluster_->endpoints(),
                                  .timeout = absl::Seconds(20),
                                  .keepalive_time = absl::Seconds(6),
                                  .keepalive_timeout = absl::Seconds(1)});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  // Puts until one surely happened; gives its revision.
  int64_t PutUntilDone(const std::string& key, const std::string& value) {
    while (true) {
      const auto put = client_->kv().Put(key, value);
      if (put.ok()) return put->header.revision;
      EXPECT_NE(OutcomeOf(put.status()), Outcome::kDone);
    }
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Client> client_;
};

// Takes what the watcher has for key "k" until the value `last` came; appends revisions and values.
void Collect(Watcher& watcher, const std::string& last, std::vector<int64_t>& revisions) {
  while (true) {
    const auto batch = watcher.Next(absl::Seconds(30));
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (const WatchEvent& event : batch->events) {
      revisions.push_back(event.kv.mod_revision);
      if (event.kv.value == last) return;
    }
  }
}

TEST_F(FailoverWireTest, ReadsAndWritesGoOnWhenTheMemberInUseIsKilled) {
  ASSERT_TRUE(client_->kv().Put("k", "before").ok());
  cluster_->member(0).Kill();
  const auto read = client_->kv().Get(KeyRange::Key("k"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->kvs.at(0).value, "before");
  PutUntilDone("k", "after");
  EXPECT_EQ(client_->kv().Get(KeyRange::Key("k"))->kvs.at(0).value, "after");
}

TEST_F(FailoverWireTest, ARangeGoesOnAtItsRevisionWhenTheMemberThatSendsItIsKilled) {
  // More than is read ahead and in flight.
  constexpr int kKeys = 20'000;
  const auto key = [](int i) { return absl::StrFormat("big/%05d", i); };
  for (int i = 0; i < kKeys; i += 100) {
    Txn batch;
    for (int j = i; j < i + 100; ++j) batch.Then(Op::Put(key(j), std::string(1000, 'x')));
    ASSERT_TRUE(client_->kv().Commit(batch).ok());
  }
  RangeReader reader(client_->kv(), KeyRange::Prefix("big/"));
  int next = 0;
  while (!reader.done()) {
    const auto page = reader.Next();
    ASSERT_TRUE(page.ok()) << page.status();
    for (const KeyValue& kv : *page) {
      ASSERT_EQ(kv.key, key(next));
      ASSERT_EQ(kv.value.size(), 1000u);
      ++next;
    }
    if (next >= 1000 && cluster_->member(0).IsRunning()) {
      cluster_->member(0).Kill();
      PutUntilDone(key(kKeys - 1), "changed meanwhile");
    }
  }
  EXPECT_EQ(next, kKeys);
}

TEST_F(FailoverWireTest, AReadLeavesAPausedMemberForAnother) {
  ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  cluster_->member(0).Pause();
  const auto read = client_->kv().Get(KeyRange::Key("k"), {}, {.timeout = absl::Seconds(12)});
  EXPECT_TRUE(read.ok()) << read.status();
  cluster_->member(0).Resume();
}

// Of a write with a name another member tells what became of it.
TEST_F(FailoverWireTest, AWriteWithoutANameToAPausedMemberEndsUnknown) {
  const auto client = Client::Create({.endpoints = cluster_->endpoints(), .exactly_once = false});
  ASSERT_TRUE((*client)->kv().Put("k", "v").ok());
  cluster_->member(0).Pause();
  const auto put = (*client)->kv().Put("k", "w", {}, {.timeout = absl::Milliseconds(500)});
  EXPECT_EQ(OutcomeOf(put.status()), Outcome::kUnknown) << put.status();
  cluster_->member(0).Resume();
}

TEST_F(FailoverWireTest, AWriteToACompletelyDeadClusterSurelyFailed) {
  ASSERT_TRUE(client_->kv().Put("k", "v").ok());
  for (int index = 0; index < cluster_->size(); ++index) cluster_->member(index).Kill();
  const auto read = client_->kv().Get(KeyRange::Key("k"), {}, {.timeout = absl::Seconds(1)});
  EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable);
  const auto put = client_->kv().Put("k", "w", {}, {.timeout = absl::Seconds(1)});
  EXPECT_EQ(put.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(OutcomeOf(put.status()), Outcome::kFailed) << put.status();
}

TEST_F(FailoverWireTest, AWatchMissesAndRepeatsNothingOverKills) {
  auto watcher = client_->Watch(KeyRange::Key("k"));
  const auto ready = watcher->WaitReady(absl::Seconds(10));
  ASSERT_TRUE(ready.ok()) << ready.status();
  std::vector<int64_t> seen;
  for (int round = 0; round < 3; ++round) {
    const int victim = round % cluster_->size();
    for (int i = 0; i < 20; ++i) PutUntilDone("k", "x");
    cluster_->member(victim).Kill();
    for (int i = 0; i < 20; ++i) PutUntilDone("k", "y");
    const std::string last = "end of round " + std::to_string(round);
    PutUntilDone("k", last);
    ASSERT_NO_FATAL_FAILURE(Collect(*watcher, last, seen));
    ASSERT_TRUE(cluster_->Restart(victim).ok());
  }
  // Only this test writes, and only to this key: the revisions must be without a gap.
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.front(), *ready + 1);
  for (size_t i = 1; i < seen.size(); ++i) ASSERT_EQ(seen[i], seen[i - 1] + 1);
}

TEST_F(FailoverWireTest, AWatchLeavesAPausedMember) {
  std::atomic<int> interruptions = 0;
  auto watcher = client_->Watch(
      {{.range = KeyRange::Key("k")}},
      {.on_interrupted = [&interruptions](const absl::Status&) { ++interruptions; }});
  ASSERT_TRUE(watcher->WaitReady(absl::Seconds(10)).ok());
  cluster_->member(0).Pause();
  auto other = Client::Create({.endpoints = {cluster_->endpoints()[1], cluster_->endpoints()[2]},
                               .timeout = absl::Seconds(20)});
  ASSERT_TRUE(other.ok());
  while (!(*other)->kv().Put("k", "v").ok()) {
  }
  const auto batch = watcher->Next(absl::Seconds(30));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->events.at(0).kv.value, "v");
  EXPECT_GE(interruptions.load(), 1);
  cluster_->member(0).Resume();
}

TEST_F(FailoverWireTest, AClientThatAsksForTheMembersOutlivesTheOnlyOneItWasToldOf) {
  auto client = Client::Create({.endpoints = {cluster_->endpoints()[0]},
                                .timeout = absl::Seconds(20),
                                .sync_interval = absl::Seconds(1),
                                .preference = ClientOptions::Preference::kNearest,
                                .probe_interval = absl::Seconds(1)});
  ASSERT_TRUE(client.ok()) << client.status();
  ASSERT_TRUE(keelson::testing::WaitUntil(absl::Seconds(10), [&] {
    int looked_at = 0;
    for (const EndpointState& state : (*client)->Endpoints()) looked_at += state.latency ? 1 : 0;
    return looked_at == 3;
  }));
  cluster_->member(0).Kill();
  const auto read = (*client)->kv().Get(KeyRange::Key("k"));
  EXPECT_TRUE(read.ok()) << read.status();
}

TEST_F(FailoverWireTest, AKeptLeaseSurvivesTheDeathOfTheMemberInUse) {
  const auto lease = client_->leases().Grant(6);
  ASSERT_TRUE(lease.ok()) << lease.status();
  std::atomic<int> renewals = 0;
  const auto keeper = client_->leases().KeepAlive(
      *lease, {.on_renewed = [&renewals](const LeaseRenewResult&) { ++renewals; }});
  ASSERT_TRUE(client_->kv().Put("leased", "v", {.lease = lease->id}).ok());
  ASSERT_TRUE(keelson::testing::WaitUntil(absl::Seconds(5), [&] { return renewals > 0; }));
  cluster_->member(0).Kill();
  EXPECT_FALSE(keeper->WaitLost(absl::Seconds(9))) << keeper->Lost();
  EXPECT_EQ(client_->kv().Get(KeyRange::Key("leased"))->count, 1);
}

TEST_F(FailoverWireTest, AKeeperReportsTheLossBeforeTheClusterCanExpireTheLease) {
  const auto lease = client_->leases().Grant(5);
  ASSERT_TRUE(lease.ok()) << lease.status();
  const auto keeper = client_->leases().KeepAlive(*lease);
  ASSERT_TRUE(client_->kv().Put("leased", "v", {.lease = lease->id}).ok());
  for (int index = 0; index < 3; ++index) cluster_->member(index).Pause();
  ASSERT_TRUE(keeper->WaitLost(absl::Seconds(6)));
  EXPECT_EQ(keeper->Lost().code(), absl::StatusCode::kDeadlineExceeded);
  for (int index = 0; index < 3; ++index) cluster_->member(index).Resume();
}

}  // namespace
}  // namespace keelson::client
