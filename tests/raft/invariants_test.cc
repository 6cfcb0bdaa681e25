// The invariants notice what they are for: each broken field of a good view is named.
#include "raft/invariants.h"

#include <gtest/gtest.h>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {
namespace {

class Invariants : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_.Elect(1);
    cluster_.Write(1, "a");
    leader_ = cluster_.core(1).View();
    follower_ = cluster_.core(2).View();
  }
  Cluster cluster_{{1, 2, 3}};
  StateView leader_;
  StateView follower_;
};

TEST_F(Invariants, HoldOfAHealthyCluster) {
  EXPECT_TRUE(CheckState(leader_).ok());
  EXPECT_TRUE(CheckState(follower_).ok());
  EXPECT_TRUE(CheckTransition(leader_, leader_).ok());
}

TEST_F(Invariants, NameABrokenState) {
  const auto broken = [&](auto change) {
    StateView view = leader_;
    change(view);
    return !CheckState(view).ok();
  };
  EXPECT_TRUE(broken([](StateView& v) { v.hard.commit = v.last.index.Next(); }));
  EXPECT_TRUE(broken([](StateView& v) { v.handed_out = v.hard.commit.Next(); }));
  EXPECT_TRUE(broken([](StateView& v) { v.durable = Index(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.hard.vote = NodeId(2); }));
  EXPECT_TRUE(broken([](StateView& v) { v.leader = NodeId(2); }));
  EXPECT_TRUE(broken([](StateView& v) { v.last.term = Term(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.last.term = v.hard.term.Next(); }));
  EXPECT_TRUE(broken([](StateView& v) { v.durable_hard.term = Term(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.tail.pop_back(); }));
  EXPECT_TRUE(broken([](StateView& v) { v.tail[0].index = Index(9); }));
  EXPECT_TRUE(broken([](StateView& v) { v.peers[0].match = v.peers[0].next; }));
  EXPECT_TRUE(broken([](StateView& v) { v.peers[0].next = v.last.index + 2; }));
  EXPECT_TRUE(broken([](StateView& v) { v.peers.pop_back(); }));
  EXPECT_TRUE(broken([](StateView& v) { v.role = RoleKind::kFollower; }));
  EXPECT_TRUE(broken([](StateView& v) { v.configuration.learners.insert(NodeId(2)); }));
}

TEST_F(Invariants, NameABrokenChange) {
  const auto broken = [&](auto change) {
    StateView after = leader_;
    change(after);
    return !CheckTransition(leader_, after).ok();
  };
  EXPECT_TRUE(broken([](StateView& v) { v.hard.term = Term(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.hard.commit = Index(1); }));
  EXPECT_TRUE(broken([](StateView& v) { v.hard.vote = NodeId(3); }));
  EXPECT_TRUE(broken([](StateView& v) { v.leader = NodeId(3); }));
  EXPECT_TRUE(broken([](StateView& v) { v.applied = Index(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.tail[0].term = Term(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.peers[0].match = Index(0); }));
  EXPECT_TRUE(broken([](StateView& v) { v.last.index = Index(1); }));
  StateView candidate = follower_;
  candidate.role = RoleKind::kLeader;
  EXPECT_FALSE(CheckTransition(follower_, candidate).ok()) << "a leader nobody voted for";
}

}  // namespace
}  // namespace keelson::raft::testing
