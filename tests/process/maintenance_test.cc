// Three members agree about their hash, and leadership goes where it is told to.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

using client::Client;
using client::MemberStatus;

class MaintenanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    auto client = Client::Create({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  int64_t Put(const std::string& key, const std::string& value) {
    const auto put = client_->kv().Put(key, value);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->header.revision : 0;
  }
  MemberStatus Status(int index) {
    const auto status = client_->maintenance().Status(cluster_->endpoints()[index]);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? *status : MemberStatus();
  }
  // Waits until all members have applied what one has; a follower hears of the last commit later.
  bool AllAlike() {
    return WaitUntil(absl::Seconds(10), [this] {
      std::set<uint64_t> applied;
      for (int i = 0; i < 3; ++i) applied.insert(Status(i).raft_applied_index);
      return applied.size() == 1;
    });
  }
  // The different answers of the members: hash, its revision, the compacted one.
  std::set<std::tuple<uint32_t, int64_t, int64_t>> Hashes(int64_t revision) {
    std::set<std::tuple<uint32_t, int64_t, int64_t>> answers;
    for (const std::string& endpoint : cluster_->endpoints()) {
      const auto hash = client_->maintenance().HashKv(endpoint, revision);
      EXPECT_TRUE(hash.ok()) << hash.status();
      if (hash.ok()) answers.emplace(hash->hash, hash->hash_revision, hash->compact_revision);
    }
    return answers;
  }
  int Leader() {
    for (int i = 0; i < 3; ++i) {
      if (Status(i).is_leader()) return i;
    }
    return -1;
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Client> client_;
};

TEST_F(MaintenanceTest, AllMembersHaveTheSameHashAlsoAfterACompaction) {
  int64_t last = 0;
  for (int i = 0; i < 300; ++i) last = Put(absl::StrCat("k", i % 50), absl::StrCat("v", i));
  ASSERT_TRUE(client_->kv().Delete(client::KeyRange::Key("k7")).ok());
  ASSERT_TRUE(AllAlike());
  const auto newest = Hashes(0);
  ASSERT_EQ(newest.size(), 1u);
  EXPECT_EQ(std::get<1>(*newest.begin()), last + 1);
  EXPECT_EQ(std::get<2>(*newest.begin()), -1);
  const auto older = Hashes(last - 100);
  ASSERT_EQ(older.size(), 1u);
  EXPECT_NE(std::get<0>(*older.begin()), std::get<0>(*newest.begin()));

  ASSERT_TRUE(client_->kv().Compact(last - 100).ok());
  for (const std::string& endpoint : cluster_->endpoints()) {
    EXPECT_EQ(client_->maintenance().Defragment(endpoint), absl::OkStatus());
  }
  Put("k1", "later");
  ASSERT_TRUE(AllAlike());
  for (const int64_t revision : {last - 100, last, int64_t{0}}) {
    const auto compacted = Hashes(revision);
    ASSERT_EQ(compacted.size(), 1u) << revision;
    EXPECT_EQ(std::get<2>(*compacted.begin()), last - 100);
  }
  const auto gone = client_->maintenance().HashKv(cluster_->endpoints()[0], last - 101);
  EXPECT_EQ(gone.status().message(), "etcdserver: mvcc: required revision has been compacted");
}

TEST_F(MaintenanceTest, TheLeaderMovesWhereItIsTold) {
  Put("k", "v");
  const int before = Leader();
  ASSERT_GE(before, 0);
  for (int step = 1; step <= 3; ++step) {
    const int from = (before + step - 1) % 3;
    const int to = (before + step) % 3;
    const uint64_t target = Status(to).header.member_id;
    ASSERT_EQ(client_->maintenance().MoveLeader(cluster_->endpoints()[from], target),
              absl::OkStatus());
    EXPECT_EQ(Status(from).leader, target) << "it is answered once the target leads";
    EXPECT_EQ(Leader(), to);
    Put("k", absl::StrCat("v", step));
  }
  const auto refused = client_->maintenance().MoveLeader(cluster_->endpoints()[(before + 1) % 3],
                                                         Status(before).header.member_id);
  EXPECT_EQ(refused.message(), "etcdserver: not leader");
  EXPECT_EQ(client::OutcomeOf(refused), client::Outcome::kFailed);
}

}  // namespace
}  // namespace keelson::testing
