// Elections that the server waits for, and the stream that tells who leads.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "server/apply/errors.h"
#include "tests/node/claims.h"

namespace keelson::testing {
namespace {

using std::chrono::seconds;
using v3electionpb::CampaignResponse;
using v3electionpb::LeaderKey;
using v3electionpb::LeaderResponse;

Outcome Proclaim(NodeCluster& cluster, const LeaderKey& leader, const std::string& value) {
  v3electionpb::ProclaimRequest request;
  *request.mutable_leader() = leader;
  request.set_value(value);
  return cluster.Call(0, "/v3electionpb.Election/Proclaim", request);
}

Outcome Resign(NodeCluster& cluster, const LeaderKey& leader) {
  v3electionpb::ResignRequest request;
  *request.mutable_leader() = leader;
  return cluster.Call(0, "/v3electionpb.Election/Resign", request);
}

LeaderKey Win(NodeCluster& cluster, const std::string& name, int64_t lease,
              const std::string& value) {
  OpenCall call = Campaign(cluster, 0, name, lease, value);
  EXPECT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  EXPECT_TRUE(call.over() && call.status().ok());
  return call.Message<CampaignResponse>().leader();
}

std::vector<std::string> ValuesOf(const OpenCall& observer) {
  std::vector<std::string> values;
  for (size_t i = 0; i < observer.messages(); ++i) {
    values.push_back(observer.Message<LeaderResponse>(i).kv().value());
  }
  return values;
}

using Values = std::vector<std::string>;

TEST(ElectionTest, TheFirstLeadsAndTheSecondOnceItResigns) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "election: no leader");
  const int64_t first = Grant(cluster, 0);
  const int64_t second = Grant(cluster, 0);
  OpenCall winner = Campaign(cluster, 0, "name", first, "one");
  ASSERT_TRUE(cluster.RunUntil([&] { return winner.over(); }));
  const auto won = winner.Message<CampaignResponse>();
  EXPECT_EQ(won.leader().name(), "name");
  EXPECT_EQ(won.leader().key(), KeyOf("name", first));
  EXPECT_EQ(won.leader().rev(), 2);
  EXPECT_EQ(won.leader().lease(), first);
  EXPECT_EQ(won.header().revision(), 2);
  OpenCall next = Campaign(cluster, 1, "name", second, "two");
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", second)) == "two"; }));
  EXPECT_EQ(LeaderOf(cluster, 2, "name"), "one");
  EXPECT_FALSE(next.over());
  ASSERT_TRUE(Resign(cluster, won.leader()).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return next.over(); }));
  EXPECT_EQ(next.Message<CampaignResponse>().leader().rev(), 3);
  EXPECT_EQ(LeaderOf(cluster, 2, "name"), "two");
}

TEST(ElectionTest, TheSameLeaseAgainChangesItsValue) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const int64_t lease = Grant(cluster, 0);
  const LeaderKey first = Win(cluster, "name", lease, "one");
  const LeaderKey again = Win(cluster, "name", lease, "two");
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "two");
  Win(cluster, "name", lease, "two");
  EXPECT_EQ(cluster.node(0).store().revision(), 3) << "nothing to change, nothing written";
}

TEST(ElectionTest, OnlyALeaderProclaimsAndResigns) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const LeaderKey leader = Win(cluster, "name", Grant(cluster, 0), "one");
  ASSERT_TRUE(Proclaim(cluster, leader, "two").ok());
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "two");
  LeaderKey without_lease = leader;
  without_lease.clear_lease();
  ASSERT_TRUE(Proclaim(cluster, without_lease, "three").ok());
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "three");
  LeaderKey older = leader;
  older.set_rev(leader.rev() - 1);
  EXPECT_EQ(Proclaim(cluster, older, "four").status, server::errors::ElectionNotLeader());
  EXPECT_TRUE(Resign(cluster, older).ok());
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "three") << "it was another one's leadership";
  ASSERT_TRUE(Resign(cluster, leader).ok());
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "election: no leader");
  EXPECT_EQ(Proclaim(cluster, leader, "five").status, server::errors::ElectionNotLeader());
  EXPECT_TRUE(Resign(cluster, leader).ok());
}

TEST(ElectionTest, TheLeaderFieldMustBeThere) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const absl::Status missing = absl::UnknownError("\"leader\" field must be provided");
  EXPECT_EQ(
      cluster.Call(0, "/v3electionpb.Election/Proclaim", v3electionpb::ProclaimRequest()).status,
      missing);
  EXPECT_EQ(cluster.Call(0, "/v3electionpb.Election/Resign", v3electionpb::ResignRequest()).status,
            missing);
}

TEST(ElectionTest, ACandidateWhoseLeaseEndedDoesNotWin) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const LeaderKey leader = Win(cluster, "name", Grant(cluster, 0), "one");
  const int64_t shorter = Grant(cluster, 0, 5);
  OpenCall candidate = Campaign(cluster, 0, "name", shorter, "two");
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", shorter)) == "two"; }));
  ASSERT_TRUE(Revoke(cluster, 0, shorter).ok());
  ASSERT_TRUE(Resign(cluster, leader).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return candidate.over(); }));
  EXPECT_EQ(candidate.status(), server::errors::ElectionNotLeader());
}

TEST(ElectionTest, ACandidateThatGivesUpIsNone) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const LeaderKey leader = Win(cluster, "name", Grant(cluster, 0), "one");
  const int64_t lease = Grant(cluster, 0);
  OpenCall candidate = Campaign(cluster, 0, "name", lease, "two");
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", lease)) == "two"; }));
  candidate.Cancel();
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", lease)) == "-"; }));
  ASSERT_TRUE(Resign(cluster, leader).ok());
  EXPECT_EQ(LeaderOf(cluster, 0, "name"), "election: no leader");
}

TEST(ObserveTest, TellsTheLeaderEachValueAndEachNextLeader) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  OpenCall observer = Observe(cluster, 1, "name");
  cluster.RunFor(seconds(1));
  EXPECT_EQ(observer.messages(), 0u) << "nobody leads";
  const LeaderKey first = Win(cluster, "name", Grant(cluster, 0), "one");
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 1; }));
  EXPECT_EQ(observer.Message<LeaderResponse>().header().revision(), first.rev());
  EXPECT_EQ(observer.Message<LeaderResponse>().kv().key(), first.key());
  const int64_t second = Grant(cluster, 0);
  OpenCall next = Campaign(cluster, 0, "name", second, "two");
  ASSERT_TRUE(cluster.RunUntil([&] { return cluster.Get(0, KeyOf("name", second)) == "two"; }));
  for (const char* value : {"one-b", "one-c"}) {
    ASSERT_TRUE(Proclaim(cluster, first, value).ok());
  }
  ASSERT_TRUE(Resign(cluster, first).ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 4 && next.over(); }));
  EXPECT_EQ(ValuesOf(observer), (Values{"one", "one-b", "one-c", "two"}));
  ASSERT_TRUE(Resign(cluster, next.Message<CampaignResponse>().leader()).ok());
  Win(cluster, "name", Grant(cluster, 0), "three");
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 5; }));
  EXPECT_EQ(ValuesOf(observer).back(), "three");
  EXPECT_FALSE(observer.over());
  observer.Cancel();
  cluster.RunFor(seconds(1));
  EXPECT_EQ(cluster.node(1).watches().counters().streams, 0u);
}

TEST(ObserveTest, BeginsWithTheLeaderThatThereIs) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Win(cluster, "name", Grant(cluster, 0), "one");
  ASSERT_TRUE(cluster.Put(0, "other", "v").ok());
  OpenCall observer = Observe(cluster, 0, "name");
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 1; }));
  EXPECT_EQ(observer.Message<LeaderResponse>().header().revision(), 3) << "the store's";
  EXPECT_EQ(observer.Message<LeaderResponse>().kv().mod_revision(), 2);
}

TEST(ObserveTest, LeavesNoValueOutForASlowClient) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const LeaderKey leader = Win(cluster, "name", Grant(cluster, 0), "one");
  OpenCall observer = Observe(cluster, 0, "name");
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 1; }));
  observer.call().SetStuck(true);
  const std::string large(100 << 10, 'v');
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(Proclaim(cluster, leader, absl::StrCat(i, large)).ok());
  }
  cluster.RunFor(seconds(1));
  EXPECT_LT(observer.messages(), 30u) << "they wait in the history";
  observer.call().SetStuck(false);
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 41; }));
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(observer.Message<LeaderResponse>(i + 1).kv().value(), absl::StrCat(i, large));
  }
}

TEST(ObserveTest, GoesOnOverALostLeaderOfTheCluster) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const size_t other = (leader + 1) % 3;
  OpenCall observer = Observe(cluster, other, "name");
  const LeaderKey first = Win(cluster, "name", Grant(cluster, 0), "one");
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 1; }));
  cluster.member(leader).Crash();
  cluster.WaitForLeader();
  v3electionpb::ProclaimRequest proclaim;
  *proclaim.mutable_leader() = first;
  proclaim.set_value("two");
  ASSERT_TRUE(cluster.RunUntil(
      [&] { return cluster.Call(other, "/v3electionpb.Election/Proclaim", proclaim).ok(); }));
  ASSERT_TRUE(cluster.RunUntil([&] { return observer.messages() == 2; }));
  EXPECT_EQ(ValuesOf(observer), (Values{"one", "two"}));
}

}  // namespace
}  // namespace keelson::testing
