// Schedules that the simulator found: each broke a rule once, and must not again.
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "proto/etcd/rpc.pb.h"
#include "raft/config_change.h"
#include "tests/sim/clients.h"
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
  SimMember& OtherThan(const std::set<SimMember*>& these) {
    for (auto& member : cluster_.members()) {
      if (!these.contains(member.get())) return *member;
    }
    ADD_FAILURE() << "no other member";
    return *cluster_.members().front();
  }
  SimMember& Follower() { return OtherThan({cluster_.Leader()}); }

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

// A first member loses its disk before all could learn which one it was, and the leader is gone:
// the third can't tell the empty disk from the lost one. Nothing was committed by it so far.
TEST_F(Scenario, DiskLostBeforeItIsKnownTakesNothingCommittedWithIt) {
  SimMember* leader = nullptr;
  SimMember* unaware = nullptr;
  cluster_.OnMoment([&](Moment moment, SimMember& member) {
    if (moment != Moment::kElected || leader != nullptr) return;
    leader = &member;
    unaware = &OtherThan({leader});
    cluster_.world().After(Duration(0), [&] {
      cluster_.network().Cut(leader->id(), unaware->id());
      cluster_.network().Cut(unaware->id(), leader->id());
    });
  });
  while (leader == nullptr) RunFor(milliseconds(1));
  RunFor(milliseconds(300));
  SimMember& lost = OtherThan({leader, unaware});
  ASSERT_GT(lost.node().core().last().index, raft::Index()) << "it has heard of the reign";
  EXPECT_EQ(leader->node().core().commit(), raft::Index());

  leader->Crash();
  lost.Crash();
  lost.Wipe();
  cluster_.network().Restore(leader->id(), unaware->id());
  cluster_.network().Restore(unaware->id(), leader->id());
  cluster_.StartLater(lost, milliseconds(10));
  RunFor(seconds(8));
  ASSERT_NE(cluster_.Leader(), nullptr) << "two empty members are a new cluster's majority";
  EXPECT_GT(cluster_.Leader()->node().core().commit(), raft::Index());
  cluster_.StartLater(*leader, milliseconds(10));
  RunFor(seconds(4));
  EXPECT_EQ(leader->node().core().commit(), cluster_.Leader()->node().core().commit());
}

// A new leader gives a lease that the log knows no less of its full time again from when it times
// leases on, and no more: the simulator's last check of leases counts from there.
TEST_F(Scenario, LeaseHasItsTimeFromTheNewLeaderOn) {
  RunFor(seconds(4));
  SimMember* const first = cluster_.Leader();
  ASSERT_NE(first, nullptr);
  etcdserverpb::LeaseGrantRequest request;
  request.set_id(7);
  request.set_ttl(LeaseClient::kLongestTtl.count());
  first->Call("/etcdserverpb.Lease/LeaseGrant", request.SerializeAsString(), nullptr, nullptr);
  const Instant before = cluster_.leases_timed_since();
  RunFor(milliseconds(500));
  ASSERT_TRUE(first->node().lease_table().Contains(7));
  EXPECT_EQ(cluster_.leases_timed_since(), before) << "one reign, one beginning";
  first->Crash();
  while (cluster_.leases_timed_since() == before) RunFor(milliseconds(1));

  const Instant since = cluster_.leases_timed_since();
  SimMember* const second = cluster_.Leader();
  ASSERT_NE(second, nullptr);
  cluster_.world().RunUntil(since + LeaseClient::kLongestTtl);
  EXPECT_TRUE(second->node().lease_table().Contains(7));
  cluster_.world().RunUntil(since + LeaseClient::kEndsWithin);
  EXPECT_FALSE(second->node().lease_table().Contains(7));
  EXPECT_EQ(cluster_.leases_timed_since(), since);
}

}  // namespace
}  // namespace keelson::sim
