// What clients are told where the cluster is at fault: no leader, lost answers, too much to do. On
// simulated time, so that it says after how long.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "server/apply/errors.h"
#include "server/node/proposals.h"
#include "server/node/reads.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using server::Instant;
using server::Proposals;
using server::Reads;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kHasLeader{INT64_MAX};

// --- one proposal, one read: which text after how long ---

class ProposalTextsTest : public ::testing::Test {
 protected:
  // A proposal that was taken as `sent`.
  void Propose(Proposals::Sent sent) {
    const uint64_t sequence = proposals_.NextSequence();
    proposals_.Add(
        sequence, std::make_shared<const std::string>("x"),
        [this](server::ApplyResult result) { answer_ = result.status; }, Instant{0});
    const auto take = [sent](uint64_t, const Proposals::Payload&) {
      Proposals::Attempt attempt;
      attempt.sent = sent;
      attempt.id = {raft::Term(1), raft::Index(1)};
      attempt.leader = raft::NodeId(2);
      attempt.refusal = server::errors::TooManyRequests();
      return attempt;
    };
    proposals_.SendWaiting(take, Instant{0});
  }
  // The answer once `age` has passed; OK while there is none.
  absl::Status At(server::Duration age, Instant leaderless_since = kHasLeader) {
    proposals_.Expire(Instant{0} + age, leaderless_since);
    return answer_;
  }

  Proposals proposals_{Proposals::Limits{}};
  absl::Status answer_;
};

TEST_F(ProposalTextsTest, WhatNobodyTookFailsForWantOfALeader) {
  Propose(Proposals::Sent::kNotNow);
  EXPECT_EQ(At(milliseconds(3000), Instant{0}), absl::OkStatus());
  EXPECT_EQ(At(milliseconds(3001), Instant{0}), server::errors::NoLeader());
}

TEST_F(ProposalTextsTest, WhatWasTakenAndNeverAppliedTimesOut) {
  Propose(Proposals::Sent::kAppended);
  EXPECT_EQ(At(seconds(7)), absl::OkStatus());
  EXPECT_EQ(At(milliseconds(7001)), server::errors::TimedOut());
}

TEST_F(ProposalTextsTest, WhatWasTakenByALeaderThatFailedTimesOutByThatName) {
  Propose(Proposals::Sent::kAppended);
  EXPECT_EQ(At(milliseconds(1500), Instant{0}), absl::OkStatus());
  EXPECT_EQ(At(milliseconds(1501), Instant{0}), server::errors::TimedOutLeaderFailed());
}

TEST_F(ProposalTextsTest, WhatWasForwardedOverALostConnectionTimesOutByThatName) {
  Propose(Proposals::Sent::kForwarded);
  proposals_.ConnectionLost(raft::NodeId(3));
  proposals_.ConnectionLost(raft::NodeId(2));
  EXPECT_EQ(At(seconds(7)), absl::OkStatus());
  EXPECT_EQ(At(milliseconds(7001)), server::errors::TimedOutConnectionLost());
}

TEST_F(ProposalTextsTest, ALostConnectionToAnotherMemberChangesNothing) {
  Propose(Proposals::Sent::kForwarded);
  proposals_.ConnectionLost(raft::NodeId(3));
  EXPECT_EQ(At(milliseconds(7001)), server::errors::TimedOut());
}

TEST_F(ProposalTextsTest, ARefusalIsToldAtOnce) {
  Propose(Proposals::Sent::kRefused);
  EXPECT_EQ(answer_, server::errors::TooManyRequests());
}

TEST_F(ProposalTextsTest, AStoppingServerSaysSo) {
  Propose(Proposals::Sent::kAppended);
  proposals_.FailAll(server::errors::Stopped());
  EXPECT_EQ(answer_, server::errors::Stopped());
}

TEST(ReadTextsTest, AReadFailsForWantOfALeaderOrTimesOut) {
  absl::Status answer;
  Reads leaderless{Reads::Limits{}};
  leaderless.Add([&answer](absl::Status status) { answer = std::move(status); }, Instant{0});
  leaderless.Expire(Instant{0} + milliseconds(3001), false);
  EXPECT_EQ(answer, server::errors::NoLeader());
  Reads unconfirmed{Reads::Limits{}};
  unconfirmed.Add([&answer](absl::Status status) { answer = std::move(status); }, Instant{0});
  answer = absl::OkStatus();
  unconfirmed.Expire(Instant{0} + seconds(7), true);
  EXPECT_EQ(answer, absl::OkStatus());
  unconfirmed.Expire(Instant{0} + milliseconds(7001), true);
  EXPECT_EQ(answer, server::errors::TimedOut());
}

// --- whole members ---

TEST(ClusterTextsTest, WithoutALeaderWritesAndReadsFailWithinFourSecondsAndSerializableOnesGoOn) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(leader, "k", "v").ok());
  ASSERT_TRUE(cluster.WaitForRest());
  const size_t left = (leader + 1) % 3;
  cluster.member(leader).Crash();
  cluster.member((leader + 2) % 3).Crash();
  ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.node(left).HasLeader(); }));
  const Outcome put = cluster.Put(left, "k", "w");
  EXPECT_EQ(put.status, server::errors::NoLeader());
  EXPECT_LT(put.took, seconds(4));
  EXPECT_EQ(cluster.Get(left, "k"), "!" + server::errors::NoLeader().ToString());
  EXPECT_EQ(cluster.Get(left, "k", /*serializable=*/true), "v");
  etcdserverpb::LeaseTimeToLiveRequest question;
  question.set_id(1);
  EXPECT_EQ(cluster.Call(left, "/etcdserverpb.Lease/LeaseTimeToLive", question).status,
            server::errors::NoLeader());
}

TEST(ClusterTextsTest, AWriteWhoseLeaderDiesUnderItIsUnknownByName) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(leader, "k", "u").ok());
  // The leader appends, but nobody hears of it, nor it of them.
  for (size_t i = 0; i < 3; ++i) {
    if (i == leader) continue;
    cluster.network().Cut(cluster.member(leader).id(), cluster.member(i).id());
    cluster.network().Cut(cluster.member(i).id(), cluster.member(leader).id());
  }
  const Outcome put = cluster.Put(leader, "k", "v");
  EXPECT_EQ(put.status, server::errors::TimedOutLeaderFailed());
}

TEST(ClusterTextsTest, TooManyWaitingWritesAreRefused) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.max_pending_writes = 0;
  NodeCluster cluster(1, options);
  cluster.WaitForLeader();
  EXPECT_EQ(cluster.Put(0, "k", "v").status, server::errors::TooManyRequests());
}

TEST(ClusterTextsTest, ARequestAboveTheLimitIsTooLarge) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.max_request_bytes = 1000;
  NodeCluster cluster(1, options);
  cluster.WaitForLeader();
  EXPECT_EQ(cluster.Put(0, "k", std::string(1000, 'v')).status, server::errors::RequestTooLarge());
  EXPECT_TRUE(cluster.Put(0, "k", std::string(900, 'v')).ok());
}

}  // namespace
}  // namespace keelson::testing
