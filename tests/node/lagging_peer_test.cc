// A member so far behind that it needs the state, and cannot get it yet.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::seconds;

class LaggingPeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    leader_ = cluster_.WaitForLeader();
    lagging_ = (leader_ + 1) % 3;
    ASSERT_TRUE(cluster_.Put(leader_, "first", "v").ok());
    ASSERT_TRUE(cluster_.WaitForRest());
  }
  // More than the log keeps.
  void WriteALot() {
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(cluster_.Put(leader_, absl::StrCat("k", i), std::string(1000, 'v')).ok());
    }
  }
  size_t Streams() { return cluster_.LogLines(leader_, "sending database snapshot").size(); }
  // Hands leadership over and waits until `target` has it.
  void MoveLeader(size_t target) {
    etcdserverpb::MoveLeaderRequest request;
    request.set_targetid(cluster_.member(target).id().value());
    const size_t leader = cluster_.WaitForLeader();
    ASSERT_TRUE(cluster_.Call(leader, "/etcdserverpb.Maintenance/MoveLeader", request).ok());
    ASSERT_EQ(cluster_.WaitForLeader(), target);
  }
  size_t Failures() { return cluster_.LogLines(leader_, "was not delivered").size(); }

  static server::NodeOptions SlowStreams() {
    server::NodeOptions options = NodeCluster::SmallOptions();
    options.snapshot_bytes_per_second = 100 << 10;
    options.snapshot_chunk_bytes = 8 << 10;
    return options;
  }

  NodeCluster cluster_{3, SlowStreams()};
  size_t leader_ = 0;
  size_t lagging_ = 0;
};

TEST_F(LaggingPeerTest, WhoIsDeadCostsNoCheckpointAndGetsOneWhenItIsBack) {
  cluster_.member(lagging_).Crash();
  WriteALot();
  cluster_.RunFor(seconds(30));
  EXPECT_EQ(Streams(), 0u);
  EXPECT_LE(Failures(), 3u);
  ASSERT_TRUE(cluster_.member(lagging_).Start().ok());
  ASSERT_TRUE(cluster_.WaitForRest());
  EXPECT_EQ(cluster_.Get(lagging_, "k299"), std::string(1000, 'v'));
  EXPECT_EQ(cluster_.node(leader_).counters().snapshots_sent, 1u);
  EXPECT_EQ(cluster_.node(lagging_).counters().snapshots_installed, 1u);
}

TEST_F(LaggingPeerTest, WhoIsHeardButHearsNothingIsTriedNowAndThen) {
  const raft::NodeId from = cluster_.member(leader_).id();
  const raft::NodeId to = cluster_.member(lagging_).id();
  cluster_.network().Cut(from, to);
  WriteALot();
  const size_t before = Streams();
  cluster_.RunFor(seconds(60));
  EXPECT_LE(Streams() - before, 7u) << "each is given up after ten seconds without an answer";
  cluster_.network().Restore(from, to);
  EXPECT_TRUE(cluster_.WaitForRest());
}

TEST_F(LaggingPeerTest, WhoLeadsAgainStreamsAnewInsteadOfToTheEndForNothing) {
  cluster_.member(lagging_).Crash();
  WriteALot();
  ASSERT_TRUE(cluster_.member(lagging_).Start().ok());
  ASSERT_TRUE(cluster_.RunUntil([&] { return Streams() > 0; }));
  cluster_.RunFor(std::chrono::milliseconds(100));
  const size_t other = 3 - leader_ - lagging_;
  ASSERT_NO_FATAL_FAILURE(MoveLeader(other));
  ASSERT_NO_FATAL_FAILURE(MoveLeader(leader_));
  ASSERT_TRUE(cluster_.WaitForRest());
  // Of the other one, too, if its own state had arrived before.
  EXPECT_EQ(cluster_.node(leader_).counters().snapshots_sent +
                cluster_.node(other).counters().snapshots_sent,
            1u);
  EXPECT_EQ(cluster_.node(lagging_).counters().snapshots_installed, 1u);
}

}  // namespace
}  // namespace keelson::testing
