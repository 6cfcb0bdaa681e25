// The end of a member while something is under way.
#include <gtest/gtest.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(StopTest, AStopWhileALargeEntryIsAppliedAnswersItAndARestartAppliesIt) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.apply.entry_work = 20;
  NodeCluster cluster(1, options);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(cluster.Put(0, absl::StrCat("k", i), "v").ok());
  server::Node& node = cluster.node(0);
  // Jobs take longer, that of the large entry too; not so long that the leader steps down.
  cluster.member(0).SetSlowDisk(milliseconds(800));
  etcdserverpb::DeleteRangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  std::optional<absl::Status> answer;
  cluster.member(0).Call("/etcdserverpb.KV/DeleteRange", request.SerializeAsString(), {},
                         [&answer](const absl::Status& status) { answer = status; });
  ASSERT_TRUE(cluster.RunUntil([&] { return node.status().commit > node.status().applied; }));
  const raft::Index applied = node.status().applied;
  node.Stop(server::errors::Stopped());
  ASSERT_TRUE(cluster.RunUntil([&] { return answer.has_value(); }));
  EXPECT_EQ(*answer, server::errors::Stopped());
  cluster.RunFor(seconds(10));
  EXPECT_EQ(node.status().applied, applied) << "the job ends, nothing comes of it";

  cluster.member(0).Crash();
  ASSERT_TRUE(cluster.member(0).Start().ok());
  EXPECT_EQ(cluster.Get(0, "k1"), "-");
  EXPECT_TRUE(cluster.Put(0, "k1", "again").ok());
  EXPECT_TRUE(cluster.fatals().empty());
}

TEST(StopTest, ACrashWhileALargeEntryIsAppliedLosesNothing) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.apply.entry_work = 20;
  for (uint64_t random = 1; random <= 20; ++random) {
    NodeCluster cluster(1, options, random);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(cluster.Put(0, absl::StrCat("k", i), "v").ok());
    server::Node& node = cluster.node(0);
    cluster.member(0).SetSlowDisk(milliseconds(800));
    etcdserverpb::DeleteRangeRequest request;
    request.set_key("k");
    request.set_range_end("l");
    cluster.member(0).Call("/etcdserverpb.KV/DeleteRange", request.SerializeAsString(), {}, {});
    ASSERT_TRUE(cluster.RunUntil([&] { return node.status().commit > node.status().applied; }));
    cluster.member(0).Crash();
    ASSERT_TRUE(cluster.member(0).Start().ok());
    EXPECT_EQ(cluster.Get(0, "k1"), "-") << random;
    EXPECT_EQ(cluster.Get(0, "k99"), "-") << random;
  }
}

}  // namespace
}  // namespace keelson::testing
