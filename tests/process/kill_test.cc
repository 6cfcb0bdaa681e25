// Real processes under kill -9: nothing acknowledged is lost, no member goes back, no watch misses
// or repeats an event.
//
// KEELSON_KILL_ROUNDS sets the number of rounds (default 5; a campaign runs 100).
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"

namespace keelson::testing {
namespace {

using client::Client;
using client::KeyRange;

constexpr int kWriters = 24;

std::unique_ptr<Client> ClientOf(const std::vector<std::string>& endpoints,
                                 bool exactly_once = true) {
  client::ClientOptions options;
  options.endpoints = endpoints;
  options.exactly_once = exactly_once;
  auto made = Client::Create(options);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// Every write that was acknowledged, by key, with its revision.
class Ledger {
 public:
  void Acknowledged(const std::string& key, int64_t revision) {
    const std::lock_guard<std::mutex> guard(mutex_);
    entries_[key] = revision;
  }
  void Unknown() { ++unknown_; }
  size_t size() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return entries_.size();
  }
  std::map<std::string, int64_t> entries() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return entries_;
  }
  int unknown() const { return unknown_; }

 private:
  std::mutex mutex_;
  std::map<std::string, int64_t> entries_;
  std::atomic<int> unknown_{0};
};

void WriteUntil(const std::atomic<bool>& stop, const std::vector<std::string>& endpoints,
                int writer, Ledger* ledger) {
  const auto client = ClientOf(endpoints);
  for (int i = 0; !stop; ++i) {
    const std::string key = absl::StrCat("ledger/", writer, "/", i);
    const auto put = client->kv().Put(key, key);
    if (put.ok()) {
      ledger->Acknowledged(key, put->header.revision);
    } else if (client::OutcomeOf(put.status()) == client::Outcome::kUnknown) {
      ledger->Unknown();
    }
  }
}

// Follows all of the ledger's keys by one member; the client resumes after each kill.
class Follower {
 public:
  explicit Follower(const std::string& endpoint)
      : client_(ClientOf({endpoint})), watcher_(client_->Watch(KeyRange::Prefix("ledger/"), 1)) {}

  void Run(const std::atomic<bool>& stop) {
    while (!stop) Take(absl::Milliseconds(100));
  }
  // Takes what comes within `timeout`; checks order and repetition.
  void Take(absl::Duration timeout) {
    const auto batch = watcher_->Next(timeout);
    if (!batch.ok()) return;
    for (const client::WatchEvent& event : batch->events) {
      EXPECT_GT(event.kv.mod_revision, last_) << "an event was repeated or out of order";
      last_ = event.kv.mod_revision;
      seen_[event.kv.key] = event.kv.mod_revision;
    }
  }
  const std::map<std::string, int64_t>& seen() const { return seen_; }

 private:
  std::unique_ptr<Client> client_;
  std::unique_ptr<client::Watcher> watcher_;
  int64_t last_ = 0;
  std::map<std::string, int64_t> seen_;
};

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 3});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
  }

  // Kills one member, or in a third of the rounds two, and brings them back.
  void Round(int round) {
    const int first = static_cast<int>(random_() % 3);
    std::vector<int> victims = {first};
    if (round % 3 == 2) victims.push_back((first + 1) % 3);
    for (const int victim : victims) {
      RememberRevision(victim);
      cluster_->member(victim).Kill();
    }
    for (const int victim : victims) ASSERT_TRUE(cluster_->member(victim).Start().ok());
    for (const int victim : victims) {
      ASSERT_TRUE(cluster_->member(victim).WaitHealthy(absl::Seconds(30)).ok())
          << cluster_->member(victim).LogTail();
      CheckNotGoneBack(victim);
    }
  }

  int64_t RevisionOf(int member) {
    const auto client = ClientOf({cluster_->member(member).endpoint()});
    client::GetOptions options;
    options.serializable = true;
    const auto got = client->kv().Get(KeyRange::Key("ledger/0/0"), options);
    return got.ok() ? got->header.revision : 0;
  }
  void RememberRevision(int member) { revisions_[member] = RevisionOf(member); }
  void CheckNotGoneBack(int member) {
    EXPECT_GE(RevisionOf(member), revisions_[member]) << "member " << member << " went back";
  }

  std::mt19937_64 random_{20261123};
  std::unique_ptr<TestCluster> cluster_;
  std::map<int, int64_t> revisions_;
};

TEST_F(KillTest, EveryAcknowledgedWriteSurvivesKillsAndEveryWatchSeesEachOnce) {
  const char* rounds_text = std::getenv("KEELSON_KILL_ROUNDS");
  const int rounds = rounds_text != nullptr ? std::atoi(rounds_text) : 5;
  Ledger ledger;
  std::atomic<bool> stop{false};
  std::vector<std::unique_ptr<Follower>> followers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    followers.push_back(std::make_unique<Follower>(cluster_->member(i).endpoint()));
    threads.emplace_back([&stop, follower = followers.back().get()] { follower->Run(stop); });
  }
  // Opened and never read.
  const auto stuck_client = ClientOf(cluster_->endpoints());
  const auto stuck = stuck_client->Watch(KeyRange::Prefix("ledger/"), 1);
  const absl::Time begin = absl::Now();
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] { WriteUntil(stop, cluster_->endpoints(), i, &ledger); });
  }
  for (int round = 0; round < rounds && !HasFailure(); ++round) Round(round);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const auto acknowledged = ledger.entries();
  RecordProperty("acknowledged", static_cast<int>(acknowledged.size()));
  std::printf("%d rounds, %zu writes acknowledged (%.0f/s), %d unknown\n", rounds,
              acknowledged.size(), static_cast<double>(acknowledged.size()) / seconds,
              ledger.unknown());
  const auto client = ClientOf(cluster_->endpoints());
  const auto all = client->kv().Get(KeyRange::Prefix("ledger/"));
  ASSERT_TRUE(all.ok()) << all.status();
  std::map<std::string, int64_t> stored;
  for (const auto& kv : all->kvs) stored[kv.key] = kv.mod_revision;
  for (const auto& [key, revision] : acknowledged) {
    EXPECT_EQ(stored[key], revision) << key << " was acknowledged and is lost or changed";
  }
  for (int i = 0; i < 3; ++i) {
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    while (followers[i]->seen().size() < stored.size() && absl::Now() < give_up) {
      followers[i]->Take(absl::Milliseconds(200));
    }
    EXPECT_EQ(followers[i]->seen(), stored) << "the watch on member " << i << " missed events";
  }
}

TEST_F(KillTest, WithTwoOfThreeGoneWritesFailSoonAndSerializableReadsGoOnEvenAfterARestartAlone) {
  const auto client = ClientOf(cluster_->endpoints());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client->kv().Put(absl::StrCat("ledger/", i), "x").ok());
  }
  // A named write is tried again until its deadline; this is of the member's own answer.
  const auto lone = ClientOf({cluster_->member(2).endpoint()}, /*exactly_once=*/false);
  ASSERT_TRUE(lone->kv().Get(KeyRange::Key("ledger/99")).ok());  // linearizable: it has them all
  cluster_->member(0).Kill();
  cluster_->member(1).Kill();
  const absl::Time begin = absl::Now();
  client::CallOptions patient;
  patient.timeout = absl::Seconds(10);
  const auto put = lone->kv().Put("ledger/late", "x", {}, patient);
  EXPECT_FALSE(put.ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4)) << put.status();
  client::GetOptions serializable;
  serializable.serializable = true;
  const auto before = lone->kv().Get(KeyRange::Prefix("ledger/"), serializable);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_GE(before->count, 100);
  cluster_->member(2).Kill();
  ASSERT_TRUE(cluster_->member(2).Start().ok());
  ASSERT_TRUE(cluster_->member(2).WaitListening(absl::Seconds(10)).ok());
  const auto after = ClientOf({cluster_->member(2).endpoint()})
                         ->kv()
                         .Get(KeyRange::Prefix("ledger/"), serializable);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_GE(after->header.revision, before->header.revision);
  EXPECT_GE(after->count, before->count);
}

}  // namespace
}  // namespace keelson::testing
