// Named writes against real processes whose leader is killed again and again: each is sent until a
// member says what became of it, many twice at once, many once more after their answer. None is
// applied twice, no two answers differ, and none that was refused is there.
//
// KEELSON_NAMED_WRITES sets the number of writes (default 1000; a campaign runs 10000).
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.grpc.pb.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

constexpr int kWriters = 16;

struct Answer {
  grpc::Status status;
  std::string outcome;  // empty: it says nothing of the write
  std::string position;
  int64_t revision = 0;
};

struct Counts {
  std::atomic<int> sent{0}, settled{0}, unknown_tries{0}, repeated{0}, refused{0}, too_old{0};
  std::atomic<bool> given_up{false};  // nothing more will be settled
};

// One client of all members. Not thread-safe.
class Writer {
 public:
  Writer(const std::vector<std::string>& endpoints, int number, Counts* counts)
      : number_(number), random_(static_cast<uint64_t>(number)), counts_(*counts) {
    for (const std::string& endpoint : endpoints) {
      const auto channel = grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials());
      stubs_.push_back(etcdserverpb::KV::NewStub(channel));
    }
  }

  void Run(int writes) {
    for (int i = 0; i < writes; ++i) Write(absl::StrCat("named/", number_, "/", i));
  }

  // Key and revision of each write that was acknowledged; keys of those that were refused.
  std::vector<std::pair<std::string, int64_t>> acknowledged;
  std::vector<std::string> refused;

 private:
  void Write(const std::string& key) {
    std::string id = absl::StrCat(position_, "-", key);
    for (bool first_try = true; !counts_.given_up; first_try = false) {
      Answer answer = SendOneOrTwo(id, key);
      if (answer.outcome.empty()) {
        ++counts_.unknown_tries;
        continue;
      }
      position_ = answer.position;
      if (answer.outcome == "too-old") {
        ++counts_.too_old;
        EXPECT_TRUE(first_try) << key << " is unknown for good";
        if (!first_try) return;
        id = absl::StrCat(position_, "-", key);
        continue;
      }
      return Settled(id, key, answer);
    }
  }

  void Settled(const std::string& id, const std::string& key, const Answer& answer) {
    ++counts_.settled;
    if (answer.status.ok()) {
      acknowledged.emplace_back(key, answer.revision);
    } else {
      refused.push_back(key);
      ++counts_.refused;
    }
    if (random_() % 4 != 0) return;
    const Answer again = Send(random_() % stubs_.size(), id, key);
    if (!again.outcome.empty()) ExpectSame(key, answer, again);
  }

  void ExpectSame(const std::string& key, const Answer& a, const Answer& b) {
    if (a.outcome == "too-old" || b.outcome == "too-old") return;
    EXPECT_EQ(a.status.error_code(), b.status.error_code()) << key;
    EXPECT_EQ(a.revision, b.revision) << key;
  }

  // To a member, or to two at the same time.
  Answer SendOneOrTwo(const std::string& id, const std::string& key) {
    const size_t to = random_() % stubs_.size();
    if (random_() % 4 != 0) return Send(to, id, key);
    Answer other;
    std::thread besides([&, too = (to + 1) % stubs_.size()] { other = Send(too, id, key); });
    Answer answer = Send(to, id, key);
    besides.join();
    if (answer.outcome.empty()) return other;
    if (!other.outcome.empty()) ExpectSame(key, answer, other);
    return answer;
  }

  Answer Send(size_t to, const std::string& id, const std::string& key) {
    ++counts_.sent;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(400));
    context.AddMetadata("keelson-request-id", id);
    etcdserverpb::PutRequest request;
    request.set_key(key);
    request.set_value(key);
    etcdserverpb::PutResponse response;
    Answer answer;
    answer.status = stubs_[to]->Put(&context, request, &response);
    for (const auto* metadata :
         {&context.GetServerInitialMetadata(), &context.GetServerTrailingMetadata()}) {
      for (const auto& [name, value] : *metadata) {
        const std::string text(value.data(), value.size());
        if (name == "keelson-request-outcome") answer.outcome = text;
        if (name == "keelson-request-position") answer.position = text;
      }
    }
    if (answer.outcome == "repeated") ++counts_.repeated;
    answer.revision = response.header().revision();
    return answer;
  }

  const int number_;
  std::mt19937_64 random_;
  Counts& counts_;
  std::vector<std::unique_ptr<etcdserverpb::KV::Stub>> stubs_;
  std::string position_ = "0";
};

class NamedWritesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 3});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
  }

  // The member that leads, by what the members say; -1: nobody does now.
  int Leader() {
    for (int i = 0; i < cluster_->size(); ++i) {
      const auto channel =
          grpc::CreateChannel(cluster_->member(i).endpoint(), grpc::InsecureChannelCredentials());
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
      etcdserverpb::StatusResponse status;
      const auto stub = etcdserverpb::Maintenance::NewStub(channel);
      if (!stub->Status(&context, etcdserverpb::StatusRequest(), &status).ok()) continue;
      if (status.leader() != 0 && status.leader() == status.header().member_id()) return i;
    }
    return -1;
  }

  // A member that nobody has killed and that is gone is a failure, which names it.
  bool AllRun() {
    for (int i = 0; i < cluster_->size(); ++i) {
      ServerProcess& member = cluster_->member(i);
      if (member.IsRunning()) continue;
      ADD_FAILURE() << member.config().name << " has ended by itself:\n" << member.LogTail();
      return false;
    }
    return true;
  }

  // Kills the leader, if there is one, and starts it again; whether all run.
  bool KillLeader(int* kills) {
    const int leader = Leader();
    if (leader < 0) return AllRun();
    cluster_->member(leader).Kill();
    ++*kills;
    const absl::Status started = cluster_->Restart(leader);
    EXPECT_TRUE(started.ok()) << started << cluster_->member(leader).LogTail();
    return started.ok();
  }

  std::vector<mvccpb::KeyValue> Stored() {
    const auto channel =
        grpc::CreateChannel(cluster_->member(0).endpoint(), grpc::InsecureChannelCredentials());
    const auto stub = etcdserverpb::KV::NewStub(channel);
    etcdserverpb::RangeRequest request;
    request.set_key("named/");
    request.set_range_end("named0");
    etcdserverpb::RangeResponse response;
    grpc::Status status;
    // Channels share connections: one of before the last kill may break only now.
    WaitUntil(absl::Seconds(30), [&] {
      grpc::ClientContext context;
      context.set_wait_for_ready(true);
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
      status = stub->Range(&context, request, &response);
      return status.ok() || !AllRun();
    });
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.kvs().begin(), response.kvs().end()};
  }

  std::unique_ptr<TestCluster> cluster_;
};

TEST_F(NamedWritesTest, EachIsAppliedOnceOverKillsOfTheLeader) {
  const char* text = std::getenv("KEELSON_NAMED_WRITES");
  const int writes = text != nullptr ? std::atoi(text) : 1000;
  Counts counts;
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::thread> threads;
  std::atomic<int> running{kWriters};
  for (int i = 0; i < kWriters; ++i) {
    writers.push_back(std::make_unique<Writer>(cluster_->endpoints(), i, &counts));
    threads.emplace_back([&running, writes, writer = writers.back().get()] {
      writer->Run(writes / kWriters);
      --running;
    });
  }
  int kills = 0;
  // As soon as a share of the writes was answered since the last kill.
  while (running > 0 && !HasFailure()) {
    const int settled = counts.settled;
    WaitUntil(absl::Seconds(30),
              [&] { return !AllRun() || running == 0 || counts.settled >= settled + writes / 40; });
    if (HasFailure() || !KillLeader(&kills)) counts.given_up = true;
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_FALSE(counts.given_up) << "writes are open";
  std::printf(
      "%d writes settled in %d calls, %d kills: %d calls told nothing, %d repeated, "
      "%d refused, %d too old\n",
      counts.settled.load(), counts.sent.load(), kills, counts.unknown_tries.load(),
      counts.repeated.load(), counts.refused.load(), counts.too_old.load());
  EXPECT_GE(kills, 5);
  EXPECT_GT(counts.repeated, 0);
  std::map<std::string, mvccpb::KeyValue> stored;
  for (mvccpb::KeyValue& kv : Stored()) stored[kv.key()] = std::move(kv);
  size_t acknowledged = 0;
  for (const auto& writer : writers) {
    acknowledged += writer->acknowledged.size();
    for (const auto& [key, revision] : writer->acknowledged) {
      ASSERT_TRUE(stored.contains(key)) << key << " was acknowledged and is lost";
      EXPECT_EQ(stored[key].version(), 1) << key << " was applied twice";
      EXPECT_EQ(stored[key].mod_revision(), revision) << key;
    }
    for (const std::string& key : writer->refused) {
      EXPECT_FALSE(stored.contains(key)) << key << " was reported failed and applied";
    }
  }
  EXPECT_EQ(stored.size(), acknowledged);
}

}  // namespace
}  // namespace keelson::testing
