// Schedules that the simulator found: each broke a rule once, and must not again.
#include <gtest/gtest.h>

#include <chrono>

#include "raft/config_change.h"
#include "tests/sim/cluster.h"

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Scenario : public ::testing::Test {
 protected:
  explicit Scenario(size_t members = 3) : cluster_(1, members) {}

  void RunFor(Duration time) { cluster_.world().RunUntil(cluster_.world().now() + time); }
  void CutOff(SimMember& member, bool out, bool in) {
    for (auto& other : cluster_.members()) {
      if (out) cluster_.network().Cut(member.id(), other->id());
      if (in) cluster_.network().Cut(other->id(), member.id());
    }
  }
  SimMember& Follower() {
    for (auto& member : cluster_.members()) {
      if (member.get() != cluster_.Leader()) return *member;
    }
    ADD_FAILURE() << "no follower";
    return *cluster_.members().front();
  }

  SimCluster cluster_;
};

// A removal that only a lost leader knows of may be taken back: nobody stops because of it.
TEST_F(Scenario, UncommittedRemovalStopsNobody) {
  RunFor(seconds(4));
  SimMember* const leader = cluster_.Leader();
  ASSERT_NE(leader, nullptr);
  SimMember& victim = Follower();
  CutOff(*leader, true, true);
  ASSERT_TRUE(leader->node()
                  .ChangeMembership(
                      {{{.type = raft::ConfChangeType::kRemove, .node = victim.id(), .info = {}}}})
                  .ok());
  leader->loop().Post([] {});
  RunFor(milliseconds(100));
  ASSERT_FALSE(leader->node().configuration().IsMember(victim.id()));
  cluster_.network().Restore(victim.id(), leader->id());
  cluster_.network().Restore(leader->id(), victim.id());
  // Long enough to be refused, not for others to learn of the removal and commit it.
  RunFor(milliseconds(900));
  EXPECT_TRUE(victim.up());
  EXPECT_FALSE(victim.retired());
}

// A leader that leaves is heard until its removal is committed, which takes its own copy's help.
TEST_F(Scenario, LeaderThatLeavesCommitsItsRemoval) {
  RunFor(seconds(4));
  SimMember* const leader = cluster_.Leader();
  ASSERT_NE(leader, nullptr);
  const raft::Term term = leader->node().core().term();
  ASSERT_TRUE(leader->node()
                  .ChangeMembership(
                      {{{.type = raft::ConfChangeType::kRemove, .node = leader->id(), .info = {}}}})
                  .ok());
  leader->loop().Post([] {});
  RunFor(milliseconds(20));
  EXPECT_TRUE(cluster_.ledger().membership().removed.contains(leader->id()));
  RunFor(seconds(3));
  EXPECT_TRUE(leader->retired());
  ASSERT_NE(cluster_.Leader(), nullptr);
  EXPECT_EQ(cluster_.Leader()->node().core().term(), term.Next());
}

}  // namespace
}  // namespace keelson::sim
