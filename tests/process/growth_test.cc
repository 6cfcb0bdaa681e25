// A cluster that grows from one member to five, shrinks to three and has one replaced, while it
// takes writes all the time: none that was acknowledged is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "client/keelson/client.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/load_writer.h"

namespace keelson::testing {
namespace {

class GrowthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 1, .extra_flags = {"--auto-promote"}});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    for (int i = 1; i < 5; ++i) cluster_->PrepareJoiner();
    client_ = ClientOf(cluster_->endpoints());
  }

  // The id under which the cluster knows a member by its peer URL; 0 if it does not.
  uint64_t IdOf(int index, bool voter = false) {
    const auto list = client_->cluster().List();
    if (!list.ok()) return 0;
    for (const client::Member& member : list->members) {
      const auto& urls = member.peer_urls;
      const bool found =
          std::find(urls.begin(), urls.end(), cluster_->member(index).peer_url()) != urls.end();
      if (found && !(voter && member.is_learner)) return member.id;
    }
    return 0;
  }

  // Adds one as a learner that becomes a voter by itself; `members` are those with it.
  void Join(int index, const std::vector<int>& members) {
    SCOPED_TRACE(index);
    ServerProcess& joiner = cluster_->member(index);
    ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] {
      return client_->cluster().Add({joiner.peer_url()}, {.learner = true}).ok() ||
             IdOf(index) != 0;
    }));
    joiner.mutable_config().initial_cluster = cluster_->InitialClusterOf(members);
    joiner.mutable_config().initial_cluster_state = "existing";
    ASSERT_EQ(joiner.Start(), absl::OkStatus());
    ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return IdOf(index, true) != 0; }))
        << joiner.LogTail();
    ASSERT_EQ(joiner.WaitHealthy(absl::Seconds(20)), absl::OkStatus());
    EXPECT_TRUE(writer_->GoesOn());
  }

  void Leave(int index) {
    SCOPED_TRACE(index);
    const uint64_t id = IdOf(index);
    ASSERT_NE(id, 0u);
    ASSERT_TRUE(WaitUntil(absl::Seconds(20),
                          [&] { return client_->cluster().Remove(id).ok() || IdOf(index) == 0; }));
    ServerProcess& member = cluster_->member(index);
    ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return !member.IsRunning(); }));
    EXPECT_NE(member.LogTail().find("add it as a new one (kvctl member add)"), std::string::npos)
        << member.LogTail();
    EXPECT_TRUE(writer_->GoesOn());
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<LoadWriter> writer_;
};

TEST_F(GrowthTest, FromOneToFiveToThreeAndAReplacementUnderLoadLoseNothing) {
  writer_ = std::make_unique<LoadWriter>(cluster_->endpoints());
  ASSERT_TRUE(writer_->GoesOn());
  ASSERT_NO_FATAL_FAILURE(Join(1, {0, 1}));
  ASSERT_NO_FATAL_FAILURE(Join(2, {0, 1, 2}));
  ASSERT_NO_FATAL_FAILURE(Join(3, {0, 1, 2, 3}));
  ASSERT_NO_FATAL_FAILURE(Join(4, {0, 1, 2, 3, 4}));
  ASSERT_NO_FATAL_FAILURE(Leave(0));
  ASSERT_NO_FATAL_FAILURE(Leave(1));
  // The replacement has the name and the URLs of the one that it replaces, and an id of its own.
  const uint64_t replaced = IdOf(2);
  ASSERT_NO_FATAL_FAILURE(Leave(2));
  std::filesystem::remove_all(cluster_->member(2).config().data_dir);
  ASSERT_NO_FATAL_FAILURE(Join(2, {2, 3, 4}));
  EXPECT_NE(IdOf(2), replaced);

  writer_->Stop();
  writer_->ExpectAllAt({cluster_->member(2).endpoint(), cluster_->member(3).endpoint(),
                        cluster_->member(4).endpoint()});
  std::cout << writer_->keys().size() << " writes acknowledged, none lost; longest gap "
            << writer_->longest_gap() << "\n";
  EXPECT_LT(writer_->longest_gap(), absl::Seconds(5));
}

}  // namespace
}  // namespace keelson::testing
