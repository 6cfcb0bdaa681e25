// A thousand watchers over killed, partitioned and stopped members, compactions and pauses of their
// own: each one's copy is that of the store, without a change missed or given twice.
//
// KEELSON_SOAK_SECONDS: how long the storm lasts, 20 unless it says otherwise. KEELSON_SEED: which.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/client/watch_copy.h"
#include "tests/client/wire_fixture.h"
#include "tests/harness/ports.h"
#include "tests/harness/tcp_proxy.h"

namespace keelson::client {
namespace {

using keelson::testing::FindServerBinary;
using keelson::testing::MissingServerMessage;
using keelson::testing::PortLease;
using keelson::testing::TcpProxy;
using keelson::testing::TestCluster;
using keelson::testing::WaitUntil;
using keelson::testing::WatchCopy;

constexpr int kClients = 10;
constexpr int kWatchersPerClient = 100;
constexpr int kRanges = 20;
constexpr int kKeysPerRange = 20;

int FromEnvironment(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  int number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : otherwise;
}

std::string RangeName(int index) { return absl::StrCat("storm/", index, "/"); }

class WatchStormTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    for (int index = 0; index < cluster_->size(); ++index) {
      proxies_.push_back(std::make_unique<TcpProxy>(std::vector<std::pair<int, int>>{
          {ports_[index].port(), cluster_->member(index).config().client_port}}));
    }
    seed_ = FromEnvironment("KEELSON_SEED", static_cast<int>(std::random_device{}() >> 1));
    random_.seed(seed_);
    SCOPED_TRACE(absl::StrCat("KEELSON_SEED=", seed_));
  }
  void TearDown() override {
    for (const auto& copy : copies_) copy->Stop();
  }

  int Random(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  // A client of all members by way of their proxies, a different one first for each.
  std::unique_ptr<Client> NewClient(int index) {
    std::vector<std::string> endpoints;
    for (size_t i = 0; i < proxies_.size(); ++i) {
      const size_t member = (i + static_cast<size_t>(index)) % proxies_.size();
      endpoints.push_back(absl::StrCat("127.0.0.1:", ports_[member].port()));
    }
    auto client = Client::Create({.endpoints = endpoints,
                                  .timeout = absl::Seconds(10),
                                  .keepalive_timeout = absl::Seconds(1)});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  void StartWatchers() {
    for (int index = 0; index < kClients; ++index) {
      clients_.push_back(NewClient(index));
      for (int i = 0; i < kWatchersPerClient; ++i) {
        const int range = static_cast<int>(copies_.size()) % kRanges;
        // A few drop what waits instead of holding the server back.
        const auto overflow =
            i % 10 == 0 ? WatchOptions::Overflow::kResync : WatchOptions::Overflow::kHoldBack;
        copies_.push_back(std::make_shared<WatchCopy>(clients_.back()->Watch(
            {{.range = KeyRange::Prefix(RangeName(range))}},
            {.max_buffered_events = 50, .overflow = overflow, .initial_state = true})));
        copies_.back()->Start();
      }
    }
  }

  // Changes the ranges, beside the storm, until it is over.
  void Write() {
    auto client = Client::Create({.endpoints = cluster_->endpoints(), .timeout = absl::Seconds(2)});
    if (!client.ok()) return;
    std::minstd_rand random(static_cast<unsigned>(seed_) + 1);
    for (int i = 0; !over_; ++i) {
      const std::string key =
          absl::StrCat(RangeName(static_cast<int>(random() % kRanges)), random() % kKeysPerRange);
      if (random() % 4 == 0) {
        writes_ += (*client)->kv().Delete(KeyRange::Key(key)).ok() ? 1 : 0;
      } else {
        writes_ += (*client)->kv().Put(key, absl::StrCat(i)).ok() ? 1 : 0;
      }
    }
  }

  void Compact() {
    auto client = Client::Create({.endpoints = cluster_->endpoints(), .timeout = absl::Seconds(2)});
    ASSERT_TRUE(client.ok());
    const auto now = (*client)->kv().Get(KeyRange::Key("storm"));
    if (now.ok() && (*client)->kv().Compact(now->header.revision).ok()) ++compactions_;
  }

  // One thing that goes wrong, and is put right again.
  void Blow() {
    const int victim = Random(cluster_->size());
    switch (Random(6)) {
      case 0:
        cluster_->member(victim).Kill();
        Restart(victim);
        break;
      case 1:
        proxies_[victim]->Cut();
        Compact();
        // In a long storm also for longer than a connection is believed in.
        absl::SleepFor(absl::Seconds(1 + Random(seconds_ > 60 ? 12 : 3)));
        proxies_[victim]->Heal();
        break;
      case 2:
        Compact();
        proxies_[victim]->Break();
        break;
      case 3:
        cluster_->member(victim).Pause();
        absl::SleepFor(absl::Seconds(1 + Random(2)));
        cluster_->member(victim).Resume();
        break;
      case 4:
        Compact();
        break;
      default:
        PauseSomeWatchers();
    }
  }

  void Restart(int victim) {
    const absl::Status restarted = cluster_->Restart(victim, absl::Seconds(60));
    for (int index = 0; index < cluster_->size(); ++index) {
      EXPECT_TRUE(cluster_->member(index).IsRunning()) << cluster_->member(index).LogTail();
    }
    ASSERT_TRUE(restarted.ok()) << restarted << cluster_->member(victim).LogTail();
  }

  // Long enough for their buffers to overflow and for what they need to be compacted away.
  void PauseSomeWatchers() {
    const size_t first = static_cast<size_t>(Random(10));
    for (size_t i = first; i < copies_.size(); i += 10) copies_[i]->Pause();
    absl::SleepFor(absl::Seconds(2));
    Compact();
    proxies_[Random(cluster_->size())]->Break();
    for (size_t i = first; i < copies_.size(); i += 10) copies_[i]->Resume();
  }

  void ExpectNoComplaints() {
    for (const auto& copy : copies_) ASSERT_EQ(copy->Complaint(), "");
  }

  std::unique_ptr<TestCluster> cluster_;
  std::vector<PortLease> ports_ = std::vector<PortLease>(3);
  std::vector<std::unique_ptr<TcpProxy>> proxies_;  // one for each member, on these
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::shared_ptr<WatchCopy>> copies_;
  const int seconds_ = FromEnvironment("KEELSON_SOAK_SECONDS", 20);
  int seed_ = 0;
  std::minstd_rand random_;
  std::atomic<bool> over_{false};
  std::atomic<int> writes_{0};
  int compactions_ = 0;
};

TEST_F(WatchStormTest, EveryCopyIsThatOfTheStore) {
  StartWatchers();
  std::thread writer([this] { Write(); });
  const absl::Time end = absl::Now() + absl::Seconds(seconds_);
  int gusts = 0;
  for (; absl::Now() < end && !HasFatalFailure(); ++gusts) {
    Blow();
    ExpectNoComplaints();
  }
  over_ = true;
  writer.join();
  ASSERT_FALSE(HasFatalFailure());

  auto client = Client::Create({.endpoints = cluster_->endpoints(), .timeout = absl::Seconds(20)});
  ASSERT_TRUE(client.ok());
  std::vector<std::vector<KeyValue>> store;
  for (int range = 0; range < kRanges; ++range) {
    auto got = (*client)->kv().Get(KeyRange::Prefix(RangeName(range)));
    ASSERT_TRUE(got.ok()) << got.status();
    store.push_back(std::move(got->kvs));
  }
  int resyncs = 0;
  for (size_t i = 0; i < copies_.size(); ++i) {
    EXPECT_TRUE(
        WaitUntil(absl::Seconds(60), [&] { return copies_[i]->Equals(store[i % kRanges]); }))
        << "watcher " << i << ": " << copies_[i]->Complaint();
    resyncs += copies_[i]->resyncs();
  }
  ExpectNoComplaints();
  EXPECT_GT(writes_.load(), 0);
  RecordProperty("seed", seed_);
  std::printf("seed %d: %d gusts, %d compactions, %d writes, %d states given\n", seed_, gusts,
              compactions_, writes_.load(), resyncs);
}

}  // namespace
}  // namespace keelson::client
