// Locks that the server waits for: who holds one, who is next, and what is left when somebody goes.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/apply/errors.h"
#include "tests/node/claims.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using v3lockpb::LockResponse;

TEST(LockTest, IsHeldAtOnceAndAgainByTheSameLease) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const int64_t lease = Grant(cluster, 0);
  OpenCall first = Lock(cluster, 0, "name", lease);
  ASSERT_TRUE(cluster.RunUntil([&] { return first.over(); }));
  EXPECT_EQ(first.status(), absl::OkStatus());
  const auto held = first.Message<LockResponse>();
  EXPECT_EQ(held.key(), KeyOf("name", lease));
  EXPECT_EQ(held.header().revision(), 2);
  EXPECT_EQ(held.header().member_id(), cluster.member(0).id().value());
  EXPECT_GT(held.header().raft_term(), 0u);
  EXPECT_EQ(cluster.Get(0, held.key()), "");

  OpenCall again = Lock(cluster, 0, "name", lease);
  ASSERT_TRUE(cluster.RunUntil([&] { return again.over(); }));
  EXPECT_EQ(again.Message<LockResponse>().key(), held.key());
  EXPECT_EQ(again.Message<LockResponse>().header().revision(), 2) << "nothing was written";
}

TEST(LockTest, GoesFromOneToTheNextInTheOrderOfTheirKeys) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  std::vector<OpenCall> calls;
  std::vector<std::string> keys;
  for (size_t i = 0; i < 4; ++i) {
    const int64_t lease = Grant(cluster, 0);
    keys.push_back(KeyOf("name", lease));
    calls.push_back(Lock(cluster, i % 3, "name", lease));
    ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, keys.back()) != "-"; }));
  }
  for (size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(cluster.RunUntil([&] { return calls[i].over(); })) << i;
    ASSERT_EQ(calls[i].status(), absl::OkStatus());
    EXPECT_EQ(calls[i].Message<LockResponse>().key(), keys[i]);
    cluster.RunFor(seconds(1));
    if (i < 3) {
      EXPECT_FALSE(calls[i + 1].over()) << "held by one alone";
    }
    ASSERT_TRUE(Unlock(cluster, (i + 1) % 3, keys[i]).ok());
  }
  EXPECT_EQ(cluster.Get(1, keys[3]), "-");
}

TEST(LockTest, ItsHeaderIsOfWhenItWasHeld) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const int64_t first = Grant(cluster, 0);
  const int64_t second = Grant(cluster, 0);
  OpenCall holder = Lock(cluster, 0, "name", first);
  ASSERT_TRUE(cluster.RunUntil([&] { return holder.over(); }));
  OpenCall waiter = Lock(cluster, 0, "name", second);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", second)) == ""; }));
  ASSERT_TRUE(cluster.Put(0, "other", "v").ok());
  ASSERT_TRUE(Unlock(cluster, 0, KeyOf("name", first)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return waiter.over(); }));
  EXPECT_EQ(waiter.Message<LockResponse>().header().revision(), 5);
}

TEST(LockTest, AWaiterThatGivesUpLeavesNoKeyAndIsPassedOver) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  std::vector<int64_t> leases;
  std::vector<OpenCall> calls;
  for (size_t i = 0; i < 3; ++i) {
    leases.push_back(Grant(cluster, 0));
    calls.push_back(Lock(cluster, (leader + i) % 3, "name", leases[i]));
    ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", leases[i])) != "-"; }));
  }
  calls[1].Cancel();
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", leases[1])) == "-"; }));
  EXPECT_FALSE(calls[2].over());
  ASSERT_TRUE(Unlock(cluster, 0, KeyOf("name", leases[0])).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return calls[2].over(); }));
  EXPECT_EQ(calls[2].status(), absl::OkStatus());
}

TEST(LockTest, WhoGivesUpBeforeItsKeyIsThereLeavesNoneEither) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const int64_t lease = Grant(cluster, 0);
  ASSERT_TRUE(cluster.WaitForRest());
  const int64_t before = cluster.node(leader).store().revision();
  OpenCall call = Lock(cluster, leader, "name", lease);
  cluster.RunFor(std::chrono::microseconds(1));
  ASSERT_EQ(cluster.node(leader).store().revision(), before) << "its put is on its way";
  call.Cancel();
  ASSERT_TRUE(cluster.RunUntil([&] {
    return cluster.node(leader).store().revision() == before + 2;
  })) << "put, and deleted";
  EXPECT_EQ(cluster.Get(0, KeyOf("name", lease)), "-");
}

TEST(LockTest, TheEndOfAHoldersLeaseIsTheNextOnesTurn) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  const int64_t shorter = Grant(cluster, 0, 5);
  const int64_t longer = Grant(cluster, 0, 60);
  OpenCall holder = Lock(cluster, 0, "name", shorter);
  ASSERT_TRUE(cluster.RunUntil([&] { return holder.over(); }));
  const server::Instant began = cluster.world().now();
  OpenCall waiter = Lock(cluster, 1, "name", longer);
  ASSERT_TRUE(cluster.RunUntil([&] { return waiter.over(); }));
  EXPECT_EQ(waiter.status(), absl::OkStatus());
  EXPECT_GT(cluster.world().now() - began, seconds(4));
}

TEST(LockTest, AWaiterWhoseLeaseEndedIsToldWhenItsTurnComes) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  const int64_t longer = Grant(cluster, 0, 60);
  const int64_t shorter = Grant(cluster, 0, 5);
  OpenCall holder = Lock(cluster, 0, "name", longer);
  ASSERT_TRUE(cluster.RunUntil([&] { return holder.over(); }));
  OpenCall waiter = Lock(cluster, 1, "name", shorter);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", shorter)) == ""; }));
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", shorter)) == "-"; }));
  ASSERT_TRUE(Unlock(cluster, 0, KeyOf("name", longer)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return waiter.over(); }));
  EXPECT_EQ(waiter.status(), server::errors::SessionExpired());
}

TEST(LockTest, WithoutALeaseTheServerGrantsOneOfAMinute) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  OpenCall call = Lock(cluster, 0, "name", 0);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  const auto leases = cluster.node(0).lease_table().List();
  ASSERT_EQ(leases.size(), 1u);
  EXPECT_EQ(leases[0].ttl, 60);
  EXPECT_EQ(call.Message<LockResponse>().key(), KeyOf("name", leases[0].id));
  EXPECT_TRUE(
      cluster.RunUntil([&] { return cluster.node(0).lease_table().List().empty(); }, seconds(70)))
      << "nobody keeps it alive";
}

TEST(LockTest, WaitersOfAllMembersGetTheirTurnOverALostLeader) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const size_t a = (leader + 1) % 3;
  const size_t b = (leader + 2) % 3;
  const int64_t first = Grant(cluster, a);
  const int64_t second = Grant(cluster, a);
  const int64_t third = Grant(cluster, a);
  OpenCall holder = Lock(cluster, a, "name", first);
  ASSERT_TRUE(cluster.RunUntil([&] { return holder.over(); }));
  OpenCall next = Lock(cluster, a, "name", second);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(a, KeyOf("name", second)) == ""; }));
  OpenCall last = Lock(cluster, b, "name", third);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(b, KeyOf("name", third)) == ""; }));
  cluster.member(leader).Crash();
  ASSERT_TRUE(cluster.RunUntil([&] { return Unlock(cluster, a, KeyOf("name", first)).ok(); }));
  ASSERT_TRUE(cluster.RunUntil([&] { return next.over(); }));
  EXPECT_EQ(next.status(), absl::OkStatus());
  EXPECT_FALSE(last.over());
  ASSERT_TRUE(Unlock(cluster, b, KeyOf("name", second)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return last.over(); }));
  EXPECT_EQ(last.status(), absl::OkStatus());
}

TEST(LockTest, ACompactionDoesNotEndTheWait) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const int64_t first = Grant(cluster, 0);
  const int64_t second = Grant(cluster, 0);
  OpenCall holder = Lock(cluster, 0, "name", first);
  ASSERT_TRUE(cluster.RunUntil([&] { return holder.over(); }));
  OpenCall waiter = Lock(cluster, 0, "name", second);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  ASSERT_TRUE(cluster.Compact(0, 12).ok());
  cluster.RunFor(seconds(1));
  EXPECT_FALSE(waiter.over());
  ASSERT_TRUE(Unlock(cluster, 0, KeyOf("name", first)).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return waiter.over(); }));
  EXPECT_EQ(waiter.status(), absl::OkStatus());
}

TEST(LockTest, ErrorsAreUnknownWithTheTextOfTheirReason) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  OpenCall lock = Lock(cluster, 0, "name", 12345);
  ASSERT_TRUE(cluster.RunUntil([&] { return lock.over(); }));
  EXPECT_EQ(lock.status(), absl::UnknownError("etcdserver: requested lease not found"));
  EXPECT_EQ(Unlock(cluster, 0, "").status, absl::UnknownError("etcdserver: key is not provided"));
  EXPECT_TRUE(Unlock(cluster, 0, "never/held").ok());
}

TEST(LockTest, AStoppedMemberTellsItsWaiters) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  OpenCall holder = Lock(cluster, 0, "name", Grant(cluster, 0));
  const int64_t second = Grant(cluster, 0);
  OpenCall waiter = Lock(cluster, 0, "name", second);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", second)) == ""; }));
  cluster.RunFor(milliseconds(100));
  cluster.node(0).Stop(server::errors::Stopped());
  ASSERT_TRUE(cluster.RunUntil([&] { return waiter.over(); }));
  EXPECT_EQ(waiter.status(), absl::UnknownError("etcdserver: server stopped"));
}

TEST(LockTest, ALostMemberLeavesNothingOfItsCallsBehind) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  OpenCall holder = Lock(cluster, 0, "name", Grant(cluster, 0));
  const int64_t second = Grant(cluster, 0);
  OpenCall waiter = Lock(cluster, 0, "name", second);
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", second)) == ""; }));
  cluster.member(0).Crash();  // leaks are the sanitizer's to find
  ASSERT_TRUE(cluster.member(0).Start().ok());
  EXPECT_EQ(cluster.Get(0, KeyOf("name", second)), "") << "its lease ends it";
  EXPECT_FALSE(waiter.over());
}

}  // namespace
}  // namespace keelson::testing
