// Two of three members are lost for good: the third goes on alone with its data, and grows again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/load_writer.h"

namespace keelson::testing {
namespace {

using ::testing::HasSubstr;

class ForceNewClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 3});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    client_ = ClientOf({last().endpoint()});
  }
  ServerProcess& last() { return cluster_->member(2); }
  bool Ended(ServerProcess& member) {
    return WaitUntil(absl::Seconds(20), [&] { return !member.IsRunning(); });
  }
  void Put(int from, int to) {
    for (int i = from; i < to; ++i) {
      ASSERT_TRUE(client_->kv().Put(absl::StrCat("w/", i), "v").ok());
    }
  }
  uint64_t ClusterId() {
    const auto list = client_->cluster().List({.linearizable = false});
    EXPECT_TRUE(list.ok()) << list.status();
    return list.ok() ? list->header.cluster_id : 0;
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ForceNewClusterTest, TheLastMemberGoesOnWithItsDataAndTheClusterGrowsAgain) {
  ASSERT_NO_FATAL_FAILURE(Put(0, 200));
  const uint64_t cluster_id = ClusterId();
  for (int i = 0; i < 3; ++i) cluster_->member(i).Kill();

  last().mutable_config().extra_flags = {"--force-new-cluster"};
  ASSERT_EQ(cluster_->Restart(2), absl::OkStatus()) << last().LogTail();
  EXPECT_EQ(WrittenKeysAt(last().endpoint()).size(), 200u);
  EXPECT_EQ(ClusterId(), cluster_id);
  const auto alone = client_->cluster().List();
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->members.size(), 1u);
  ASSERT_NO_FATAL_FAILURE(Put(200, 300));

  // From then on without the flag, whatever --initial-cluster says.
  last().Kill();
  last().mutable_config().extra_flags = {};
  last().mutable_config().initial_cluster = cluster_->InitialClusterOf({2});
  ASSERT_EQ(cluster_->Restart(2), absl::OkStatus()) << last().LogTail();
  EXPECT_EQ(WrittenKeysAt(last().endpoint()).size(), 300u);

  // One of the others, should it come back, is no member any more.
  ASSERT_EQ(cluster_->member(0).Start(), absl::OkStatus());
  ASSERT_TRUE(Ended(cluster_->member(0)));
  EXPECT_THAT(cluster_->member(0).LogTail(), HasSubstr("has been removed from the cluster"));

  ServerProcess& joiner = cluster_->PrepareJoiner();
  joiner.mutable_config().initial_cluster = cluster_->InitialClusterOf({2, 3});
  ASSERT_TRUE(client_->cluster().Add({joiner.peer_url()}).ok());
  ASSERT_EQ(joiner.Start(), absl::OkStatus());
  ASSERT_EQ(joiner.WaitHealthy(absl::Seconds(20)), absl::OkStatus()) << joiner.LogTail();
  ASSERT_NO_FATAL_FAILURE(Put(300, 310));
  EXPECT_EQ(WrittenKeysAt(joiner.endpoint()).size(), 310u);
}

TEST_F(ForceNewClusterTest, WithoutDataThereIsNothingToGoOnWith) {
  last().Kill();
  std::filesystem::remove_all(last().config().data_dir);
  last().mutable_config().extra_flags = {"--force-new-cluster"};
  ASSERT_EQ(last().Start(), absl::OkStatus());
  ASSERT_TRUE(Ended(last()));
  EXPECT_THAT(last().LogTail(), HasSubstr("is empty, there is nothing to go on with"));
}

}  // namespace
}  // namespace keelson::testing
