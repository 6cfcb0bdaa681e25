// When a member begins to serve, and with whom it works together.
#include <gtest/gtest.h>

#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool Serves(NodeCluster& cluster, size_t index) {
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_serializable(true);
  return cluster.member(index).Call("/etcdserverpb.KV/Range", request.SerializeAsString(), {},
                                    {}) != nullptr;
}

uint32_t ClusterVersion(NodeCluster& cluster, size_t index) {
  return cluster.node(index).facts().version();
}

TEST(StartTest, AFreshMemberServesOnceTheClusterHasHeardItsClientUrls) {
  NodeCluster cluster(3, NodeCluster::SmallOptions(), 1, /*running=*/1);
  cluster.RunFor(seconds(5));
  EXPECT_FALSE(Serves(cluster, 0)) << "there is no cluster yet";
  ASSERT_TRUE(cluster.member(1).Start().ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return Serves(cluster, 1); }));
  const auto* facts = cluster.node(1).facts().FindMember(cluster.member(1).id().value());
  ASSERT_NE(facts, nullptr);
  EXPECT_EQ(facts->client_urls, std::vector<std::string>{"http://client:1"});
  EXPECT_TRUE(cluster.RunUntil([&] { return Serves(cluster, 0); }));
}

TEST(StartTest, AMemberRestartedAloneServesAtOnce) {
  NodeCluster cluster(3);
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  ASSERT_TRUE(cluster.WaitForRest());
  for (size_t i = 0; i < 3; ++i) cluster.member(i).Crash();
  ASSERT_TRUE(cluster.member(2).Start().ok());
  EXPECT_TRUE(cluster.RunUntil([&] { return Serves(cluster, 2); }, milliseconds(5)));
  EXPECT_EQ(cluster.Get(2, "k", /*serializable=*/true), "v");
  EXPECT_EQ(cluster.node(2).core().leader(), raft::NodeId());
}

TEST(StartTest, WhoHasLostItsCommitIndexSaysWhatThatMeans) {
  NodeCluster cluster(1);
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  const std::string warning = "the commit index may be older than what this member answered";
  cluster.member(0).Crash();
  ASSERT_TRUE(cluster.member(0).Start().ok());
  EXPECT_TRUE(cluster.LogLines(0, warning).empty());
  cluster.member(0).Crash();
  ASSERT_TRUE(cluster.member(0).disk().RemoveAll("/m0/member/wal/commit").ok());
  ASSERT_TRUE(cluster.member(0).Start().ok());
  EXPECT_EQ(cluster.LogLines(0, warning).size(), 1u);
  EXPECT_EQ(cluster.Get(0, "k"), "v");
}

TEST(StartTest, TheClusterVersionRisesToWhatAllMembersRead) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.entry_version = 2;
  NodeCluster cluster(3, options, 1, /*running=*/2);
  ASSERT_TRUE(cluster.RunUntil([&] { return ClusterVersion(cluster, 0) == 1; }))
      << "the member that has said nothing reads the first version";
  cluster.member(2).SetEntryVersion(1);
  ASSERT_TRUE(cluster.member(2).Start().ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return Serves(cluster, 2); }));
  cluster.RunFor(seconds(2));
  EXPECT_EQ(ClusterVersion(cluster, 0), 1u);

  cluster.member(2).Crash();
  cluster.member(2).SetEntryVersion(2);
  ASSERT_TRUE(cluster.member(2).Start().ok());
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(cluster.RunUntil([&] { return ClusterVersion(cluster, i) == 2; })) << i;
  }
  EXPECT_TRUE(cluster.fatals().empty());
}

TEST(StartTest, AMemberOfAnOlderVersionThanTheClustersDoesNotStartAndSaysWhatToDo) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.entry_version = 2;
  NodeCluster cluster(3, options);
  ASSERT_TRUE(
      cluster.RunUntil([&] { return cluster.member(2).up() && ClusterVersion(cluster, 2) == 2; }));
  ASSERT_TRUE(cluster.WaitForRest());
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  cluster.member(2).Crash();
  cluster.member(2).SetEntryVersion(1);
  // Whether the store or only the log tells: the member stops before it applies anything.
  absl::Status status = cluster.member(2).Start();
  if (status.ok()) {
    ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.fatals().empty(); }));
    status = absl::UnimplementedError(cluster.fatals().front());
  }
  EXPECT_NE(status.message().find("upgrade kvd on this member"), std::string::npos) << status;
}

TEST(StartTest, AMemberThatMissedTheRiseIsRefusedByTheOthers) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.entry_version = 2;
  NodeCluster cluster(3, options);
  ASSERT_TRUE(cluster.WaitForRest());
  ASSERT_TRUE(cluster.RunUntil(
      [&] { return ClusterVersion(cluster, 0) == 2 && ClusterVersion(cluster, 1) == 2; }));
  cluster.member(2).Crash();
  cluster.member(2).Wipe();
  cluster.member(2).SetEntryVersion(1);
  ASSERT_TRUE(cluster.member(2).Start().ok());
  cluster.RunFor(seconds(3));
  EXPECT_EQ(cluster.node(2).status().commit, raft::Index(0)) << "nobody sends it anything";
  EXPECT_TRUE(cluster.Put(0, "k", "v").ok());
}

}  // namespace
}  // namespace keelson::testing
