// Members that come, are promoted, move and go, by the calls of the Cluster service; on simulated
// time and network.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using namespace etcdserverpb;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace errors = server::errors;

constexpr const char* kCluster = "/etcdserverpb.Cluster/";

class MembershipTest : public ::testing::Test {
 protected:
  template <typename Response>
  absl::Status Call(size_t index, const std::string& method,
                    const google::protobuf::Message& request, Response* response) {
    const Outcome outcome = cluster_->Call(index, absl::StrCat(kCluster, method), request);
    if (outcome.ok() && !response->ParseFromString(outcome.bytes)) ADD_FAILURE() << "no answer";
    return outcome.status;
  }
  absl::Status Add(size_t index, const std::string& url, bool learner) {
    MemberAddRequest request;
    request.add_peerurls(url);
    request.set_islearner(learner);
    return Call(index, "MemberAdd", request, &added_);
  }
  absl::Status Remove(size_t index, uint64_t id) {
    MemberRemoveRequest request;
    request.set_id(id);
    return Call(index, "MemberRemove", request, &removed_);
  }
  absl::Status Promote(size_t index, uint64_t id) {
    MemberPromoteRequest request;
    request.set_id(id);
    return Call(index, "MemberPromote", request, &promoted_);
  }
  absl::Status Update(size_t index, uint64_t id, const std::string& url) {
    MemberUpdateRequest request;
    request.set_id(id);
    request.add_peerurls(url);
    return Call(index, "MemberUpdate", request, &updated_);
  }
  // Again while the learner is not in sync.
  absl::Status PromoteInTime(size_t index, uint64_t id) {
    absl::Status status = Promote(index, id);
    for (int i = 0; i < 100 && status == errors::LearnerNotReady(); ++i) {
      cluster_->RunFor(milliseconds(100));
      status = Promote(index, id);
    }
    return status;
  }
  void Make(size_t members, const server::NodeOptions& options = NodeCluster::SmallOptions()) {
    cluster_ = std::make_unique<NodeCluster>(members, options);
    leader_ = cluster_->WaitForLeader();
    for (size_t i = 0; i < members; ++i) {
      ASSERT_TRUE(cluster_->Put(i, absl::StrCat("k", i), "v").ok());
    }
    ASSERT_TRUE(cluster_->WaitForRest());
    follower_ = (leader_ + 1) % members;
  }
  uint64_t IdOf(size_t index) { return cluster_->member(index).id().value(); }

  std::unique_ptr<NodeCluster> cluster_;
  size_t leader_ = 0;
  size_t follower_ = 0;
  MemberAddResponse added_;
  MemberRemoveResponse removed_;
  MemberPromoteResponse promoted_;
  MemberUpdateResponse updated_;
};

TEST_F(MembershipTest, ALearnerIsAddedByAFollowerJoinsIsPromotedAndVotes) {
  Make(3);
  ASSERT_EQ(Add(follower_, "http://node:9", /*learner=*/true), absl::OkStatus());
  EXPECT_EQ(added_.members_size(), 4);
  EXPECT_NE(added_.member().id(), 0u);
  EXPECT_TRUE(added_.member().islearner());
  EXPECT_TRUE(added_.member().name().empty()) << "it has not started";
  EXPECT_EQ(added_.header().member_id(), IdOf(follower_));
  const uint64_t id = added_.member().id();
  EXPECT_EQ(Promote(follower_, id), errors::LearnerNotReady());
  EXPECT_EQ(Add(leader_, "http://node:9", false), errors::PeerUrlsExist());
  EXPECT_EQ(Add(leader_, "http://node:10", true), errors::TooManyLearners());

  const size_t joined = cluster_->Join(raft::NodeId(id), "http://node:9");
  ASSERT_EQ(PromoteInTime(follower_, id), absl::OkStatus());
  ASSERT_EQ(promoted_.members_size(), 4);
  for (const Member& member : promoted_.members()) EXPECT_FALSE(member.islearner());
  EXPECT_EQ(Promote(follower_, id), errors::MemberNotLearner());
  EXPECT_EQ(cluster_->Get(joined, "k0"), "v");
  ASSERT_TRUE(cluster_->Put(joined, "k", "w").ok());
  // Its vote counts: of four, three go on.
  cluster_->member(follower_).Crash();
  EXPECT_TRUE(cluster_->Put(joined, "k", "x").ok());
}

TEST_F(MembershipTest, ARemovedFollowerStopsWithAReasonAndTheOthersGoOn) {
  Make(3);
  ASSERT_EQ(Remove(leader_, IdOf(follower_)), absl::OkStatus());
  EXPECT_EQ(removed_.members_size(), 2);
  EXPECT_TRUE(cluster_->RunUntil([this] { return !cluster_->fatals().empty(); }));
  EXPECT_THAT(cluster_->fatals(),
              ElementsAre(HasSubstr("this member has been removed from the cluster")));
  EXPECT_TRUE(cluster_->Put(leader_, "k", "w").ok());
  EXPECT_EQ(Remove(leader_, IdOf(follower_)), errors::MemberNotFound());
}

TEST_F(MembershipTest, ALeaderRemovesItselfAnswersAndStops) {
  Make(3);
  ASSERT_EQ(Remove(leader_, IdOf(leader_)), absl::OkStatus());
  EXPECT_EQ(removed_.members_size(), 2);
  EXPECT_TRUE(cluster_->RunUntil([this] { return !cluster_->fatals().empty(); }));
  EXPECT_TRUE(cluster_->Put(follower_, "k", "w").ok());
}

TEST_F(MembershipTest, AMemberMovesToOtherUrls) {
  Make(3);
  EXPECT_EQ(Update(follower_, IdOf(follower_), "http://node:0,"), errors::BadMemberUrls());
  EXPECT_EQ(Update(follower_, 4711, "http://node:7"), errors::MemberNotFound());
  const size_t other = follower_ == 1 ? 2 : 1;  // a port 0 would be no URL
  EXPECT_EQ(Update(follower_, IdOf(follower_), absl::StrCat("http://node:", other)),
            errors::PeerUrlsExist());
  ASSERT_EQ(Update(follower_, IdOf(follower_), "http://node:7"), absl::OkStatus());
  ASSERT_EQ(updated_.members_size(), 3);
  int found = 0;
  for (const Member& member : updated_.members()) {
    if (member.id() != IdOf(follower_)) continue;
    EXPECT_THAT(member.peerurls(), ElementsAre("http://node:7"));
    EXPECT_EQ(member.name(), cluster_->member(follower_).name()) << "the rest stays";
    ++found;
  }
  EXPECT_EQ(found, 1);
}

TEST_F(MembershipTest, NothingIsChangedThatWouldBreakTheQuorum) {
  Make(3);
  const size_t down = (leader_ + 2) % 3;
  cluster_->member(down).Crash();
  cluster_->RunFor(seconds(1));
  EXPECT_EQ(Add(leader_, "http://node:9", false), errors::UnhealthyCluster());
  EXPECT_EQ(Remove(leader_, IdOf(follower_)), errors::UnhealthyCluster());
  EXPECT_EQ(Remove(leader_, IdOf(down)), absl::OkStatus()) << "it is no part of what works";
  ASSERT_EQ(Add(leader_, "http://node:9", false), absl::OkStatus());
  EXPECT_EQ(Add(leader_, "http://node:10", false), errors::NotEnoughStartedMembers());
}

TEST_F(MembershipTest, ALearnerIsAddedAndPromotedWhileAMemberIsDown) {
  Make(3);
  const size_t down = (leader_ + 2) % 3;
  cluster_->member(down).Crash();
  cluster_->RunFor(seconds(1));
  ASSERT_EQ(Add(follower_, "http://node:9", /*learner=*/true), absl::OkStatus());
  const size_t joined = cluster_->Join(raft::NodeId(added_.member().id()), "http://node:9");
  ASSERT_EQ(PromoteInTime(follower_, added_.member().id()), absl::OkStatus());
  EXPECT_TRUE(cluster_->Put(joined, "k", "w").ok());
  ASSERT_EQ(Remove(leader_, IdOf(down)), absl::OkStatus());
  EXPECT_TRUE(cluster_->Put(joined, "k", "x").ok());
}

TEST_F(MembershipTest, ALearnerWithAutoPromoteVotesOnceItHasCaughtUp) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.auto_promote = true;
  Make(3, options);
  ASSERT_EQ(Add(leader_, "http://node:9", /*learner=*/true), absl::OkStatus());
  const raft::NodeId id(added_.member().id());
  cluster_->RunFor(seconds(3));
  EXPECT_TRUE(cluster_->node(leader_).configuration().IsLearner(id)) << "it has not started";
  cluster_->Join(id, "http://node:9");
  EXPECT_TRUE(
      cluster_->RunUntil([&] { return cluster_->node(follower_).configuration().IsVoter(id); }));
}

TEST_F(MembershipTest, AnotherDirectoryUnderAnOldIdStopsWithAdvice) {
  Make(3);
  cluster_->RunFor(seconds(1));
  cluster_->member(follower_).Crash();
  cluster_->member(follower_).Wipe();
  ASSERT_TRUE(cluster_->member(follower_).Start().ok());
  EXPECT_TRUE(cluster_->RunUntil([this] { return !cluster_->fatals().empty(); }));
  EXPECT_THAT(cluster_->fatals(), ElementsAre(HasSubstr("kvctl member remove")));
}

TEST_F(MembershipTest, AClusterOfOneGrowsAndItsLastVoterStays) {
  Make(1);
  EXPECT_EQ(Remove(0, IdOf(0)), errors::NotEnoughStartedMembers());
  ASSERT_EQ(Add(0, "http://node:9", false), absl::OkStatus()) << "before the second has started";
  EXPECT_EQ(added_.members_size(), 2);
  cluster_->RunFor(seconds(5));
  const size_t joined = cluster_->Join(raft::NodeId(added_.member().id()), "http://node:9");
  ASSERT_TRUE(cluster_->RunUntil([&] { return cluster_->Put(0, "k", "w").ok(); }));
  EXPECT_EQ(cluster_->Get(joined, "k"), "w");
}

TEST_F(MembershipTest, ASecondVoterIsTherePastARestartOfTheFirst) {
  Make(1);
  ASSERT_EQ(Add(0, "http://node:9", false), absl::OkStatus());
  cluster_->member(0).PowerLoss();
  ASSERT_TRUE(cluster_->member(0).Start().ok());
  EXPECT_TRUE(cluster_->node(0).configuration().IsVoter(raft::NodeId(added_.member().id())));
  cluster_->Join(raft::NodeId(added_.member().id()), "http://node:9");
  EXPECT_TRUE(cluster_->RunUntil([&] { return cluster_->Put(0, "k", "w").ok(); }));
}

TEST_F(MembershipTest, WithoutALeaderAChangeFailsAsOtherWritesDo) {
  Make(3);
  cluster_->member(leader_).Crash();
  cluster_->member((leader_ + 2) % 3).Crash();
  ASSERT_TRUE(cluster_->RunUntil([&] { return !cluster_->node(follower_).HasLeader(); }));
  EXPECT_EQ(Add(follower_, "http://node:9", true), errors::NoLeader());
}

}  // namespace
}  // namespace keelson::testing
