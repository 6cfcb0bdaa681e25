// Members that join and leave a cluster of real processes while it takes writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/load_writer.h"

namespace keelson::testing {
namespace {

using client::Client;
using ::testing::HasSubstr;

class MembershipProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
  }
  void Start(int members) {
    auto started = TestCluster::Start({.members = members});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    client_ = ClientOf(cluster_->endpoints());
  }
  uint64_t IdOf(int index) {
    const auto status = client_->maintenance().Status(cluster_->member(index).endpoint());
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() ? status->header.member_id : 0;
  }
  // A change is refused for a moment where members have just connected, or a learner catches up.
  template <typename Change>
  absl::Status InTime(const Change& change) {
    absl::Status status;
    WaitUntil(absl::Seconds(20), [&] {
      status = change().status();
      return status.ok();
    });
    return status;
  }
  // Waits for the end of a process.
  bool Ended(ServerProcess& member) {
    return WaitUntil(absl::Seconds(20), [&] { return !member.IsRunning(); });
  }
  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<Client> client_;
};

TEST_F(MembershipProcessTest, AFourthJoinsAsALearnerIsPromotedAndOneLeavesWhileWritesGoOn) {
  ASSERT_NO_FATAL_FAILURE(Start(3));
  ServerProcess& fourth = cluster_->PrepareJoiner();
  LoadWriter writer(cluster_->endpoints());
  ASSERT_TRUE(writer.GoesOn());

  client::MemberAddResult added;
  ASSERT_EQ(InTime([&] {
              auto result = client_->cluster().Add({fourth.peer_url()}, {.learner = true});
              if (result.ok()) added = *result;
              return result;
            }),
            absl::OkStatus());
  EXPECT_EQ(added.members.size(), 4u);
  ASSERT_EQ(fourth.Start(), absl::OkStatus());
  ASSERT_EQ(fourth.WaitListening(absl::Seconds(20)), absl::OkStatus());
  EXPECT_TRUE(writer.GoesOn());
  ASSERT_EQ(InTime([&] { return client_->cluster().Promote(added.member.id); }), absl::OkStatus());
  EXPECT_TRUE(writer.GoesOn());
  ASSERT_EQ(fourth.WaitHealthy(absl::Seconds(20)), absl::OkStatus());

  ASSERT_EQ(InTime([&] { return client_->cluster().Remove(IdOf(0)); }), absl::OkStatus());
  EXPECT_TRUE(writer.GoesOn());
  ASSERT_TRUE(Ended(cluster_->member(0)));
  EXPECT_THAT(cluster_->member(0).LogTail(),
              HasSubstr("this member has been removed from the cluster"));
  // It knows that also after a restart of its process.
  ASSERT_EQ(cluster_->member(0).Start(), absl::OkStatus());
  EXPECT_TRUE(Ended(cluster_->member(0)));

  // Of the three that are left one may fail, also the one that joined before.
  cluster_->member(1).Kill();
  EXPECT_TRUE(writer.GoesOn());
  ASSERT_EQ(cluster_->Restart(1), absl::OkStatus());
  fourth.Kill();
  EXPECT_TRUE(writer.GoesOn());
  fourth.mutable_config().initial_cluster_state = "new";
  ASSERT_EQ(cluster_->Restart(3), absl::OkStatus()) << "its directory says who it is";
  writer.Stop();
  writer.ExpectAllAt({cluster_->member(1).endpoint(), cluster_->member(2).endpoint(),
                      cluster_->member(3).endpoint()});
}

TEST_F(MembershipProcessTest, WhoWasNotAddedOrHasLostItsDirectoryIsRefusedWithAdvice) {
  ASSERT_NO_FATAL_FAILURE(Start(1));
  ServerProcess& second = cluster_->PrepareJoiner();
  ASSERT_EQ(second.Start(), absl::OkStatus());
  ASSERT_TRUE(Ended(second));
  EXPECT_THAT(second.LogTail(), HasSubstr("member count is unequal"));

  const auto added = client_->cluster().Add({second.peer_url()});
  ASSERT_TRUE(added.ok()) << added.status();
  ASSERT_EQ(second.Start(), absl::OkStatus());
  ASSERT_EQ(second.WaitHealthy(absl::Seconds(20)), absl::OkStatus()) << second.LogTail();
  ASSERT_TRUE(client_->kv().Put("w/a", "1").ok());
  EXPECT_EQ(WrittenKeysAt(second.endpoint()).size(), 1u);

  // Once the cluster knows its directory, another one is not taken for it.
  second.Kill();
  std::filesystem::remove_all(second.config().data_dir);
  ASSERT_EQ(second.Start(), absl::OkStatus());
  ASSERT_TRUE(Ended(second)) << second.LogTail();
  EXPECT_THAT(second.LogTail(), HasSubstr("has already been bootstrapped"));
}

}  // namespace
}  // namespace keelson::testing
