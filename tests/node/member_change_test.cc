// The leader's checks of a change of the membership, case by case.
#include "server/node/member_change.h"

#include <gtest/gtest.h>

#include <set>

namespace keelson::server {
namespace {

using Kind = MemberChange::Kind;
using raft::NodeId;

// Members 1 to `voters`, then learners; member 1 is asked.
class Members {
 public:
  explicit Members(uint64_t voters, uint64_t learners = 0) {
    for (uint64_t i = 1; i <= voters + learners; ++i) {
      const NodeId id(i);
      (i <= voters ? now_.voters : now_.learners).insert(id);
      now_.members[id].peer_urls = {"http://m:" + std::to_string(i)};
      started_.insert(id);
      connected_.insert(id);
    }
  }
  Members& NotStarted(uint64_t id) {
    started_.erase(NodeId(id));
    connected_.erase(NodeId(id));
    return *this;
  }
  Members& Down(uint64_t id) {
    connected_.erase(NodeId(id));
    return *this;
  }
  Members& Rules(MemberRules rules) {
    rules_ = rules;
    return *this;
  }
  MemberOutcome Check(Kind kind, uint64_t member, const std::string& url = "") {
    MemberChange change{kind, NodeId(member), {}};
    if (!url.empty()) change.peer_urls = {url};
    return CheckMemberChange(
        change, {rules_, now_, NodeId(1), [this](NodeId id) { return started_.contains(id); },
                 [this](NodeId id) { return connected_.contains(id); }});
  }
  MemberOutcome Add(Kind kind, const std::string& url = "http://m:9") {
    return Check(kind, 0, url);
  }

 private:
  MemberRules rules_;
  raft::Configuration now_;
  std::set<NodeId> started_;
  std::set<NodeId> connected_;
};

TEST(MemberChangeTest, AVoterIsAddedWhereThoseThatHaveStartedAreAQuorumWithIt) {
  EXPECT_EQ(Members(3).Add(Kind::kAddVoter), MemberOutcome::kBegun);
  EXPECT_EQ(Members(1).Add(Kind::kAddVoter), MemberOutcome::kBegun) << "1 of 2, by exception";
  EXPECT_EQ(Members(2).NotStarted(2).Add(Kind::kAddVoter), MemberOutcome::kNotEnoughStarted);
  EXPECT_EQ(Members(4).NotStarted(3).NotStarted(4).Add(Kind::kAddVoter),
            MemberOutcome::kNotEnoughStarted);
  EXPECT_EQ(Members(4).NotStarted(4).Add(Kind::kAddVoter), MemberOutcome::kBegun) << "3 of 5";
}

TEST(MemberChangeTest, AMemberIsAddedWhereTheOthersGoOnWithoutIt) {
  EXPECT_EQ(Members(3).Down(2).Add(Kind::kAddVoter), MemberOutcome::kUnhealthy) << "2 of 4";
  EXPECT_EQ(Members(3).Down(2).Add(Kind::kAddLearner), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3).Down(2).Down(3).Add(Kind::kAddLearner), MemberOutcome::kUnhealthy);
  EXPECT_EQ(Members(3).Down(1).Add(Kind::kAddLearner), MemberOutcome::kBegun) << "itself";
  EXPECT_EQ(Members(5).Down(2).Add(Kind::kAddVoter), MemberOutcome::kBegun) << "4 of 6";
  EXPECT_EQ(Members(5).Down(2).Down(3).Add(Kind::kAddVoter), MemberOutcome::kUnhealthy);
  EXPECT_EQ(Members(5).Down(2).Down(3).Add(Kind::kAddLearner), MemberOutcome::kBegun);
}

TEST(MemberChangeTest, WithoutStrictnessOnlyTheImpossibleIsRefused) {
  const MemberRules loose{.strict = false, .max_learners = 2};
  EXPECT_EQ(Members(3).Down(2).Rules(loose).Add(Kind::kAddVoter), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3).NotStarted(2).NotStarted(3).Rules(loose).Check(Kind::kRemove, 1),
            MemberOutcome::kBegun);
  EXPECT_EQ(Members(1).Rules(loose).Check(Kind::kRemove, 1), MemberOutcome::kNotEnoughStarted);
  EXPECT_EQ(Members(3, 1).Rules(loose).Add(Kind::kAddLearner), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3, 2).Rules(loose).Add(Kind::kAddLearner), MemberOutcome::kTooManyLearners);
  EXPECT_EQ(Members(3).Rules(loose).Add(Kind::kAddVoter, "http://m:2"), MemberOutcome::kUrlsInUse);
}

TEST(MemberChangeTest, UrlsBelongToOneMemberAndLearnersAreFew) {
  EXPECT_EQ(Members(3).Add(Kind::kAddVoter, "http://m:2"), MemberOutcome::kUrlsInUse);
  EXPECT_EQ(Members(3, 1).Add(Kind::kAddLearner), MemberOutcome::kTooManyLearners);
  EXPECT_EQ(Members(3, 1).Add(Kind::kAddVoter), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3).Check(Kind::kUpdate, 2, "http://m:3"), MemberOutcome::kUrlsInUse);
  EXPECT_EQ(Members(3).Check(Kind::kUpdate, 2, "http://m:2"), MemberOutcome::kBegun);
  EXPECT_EQ(Members(64).Add(Kind::kAddVoter, "http://m:99"), MemberOutcome::kTooManyMembers);
}

TEST(MemberChangeTest, AVoterIsRemovedWhereTheRestWorks) {
  EXPECT_EQ(Members(3).Check(Kind::kRemove, 2), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3).Check(Kind::kRemove, 1), MemberOutcome::kBegun);
  EXPECT_EQ(Members(2).Check(Kind::kRemove, 1), MemberOutcome::kBegun);
  EXPECT_EQ(Members(1).Check(Kind::kRemove, 1), MemberOutcome::kNotEnoughStarted);
  EXPECT_EQ(Members(3).Down(3).Check(Kind::kRemove, 3), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3).Down(3).Check(Kind::kRemove, 2), MemberOutcome::kUnhealthy);
  EXPECT_EQ(Members(3).Down(3).Check(Kind::kRemove, 1), MemberOutcome::kUnhealthy);
  EXPECT_EQ(Members(3).NotStarted(3).Check(Kind::kRemove, 2), MemberOutcome::kNotEnoughStarted);
  EXPECT_EQ(Members(1, 1).Check(Kind::kRemove, 2), MemberOutcome::kBegun) << "a learner";
}

TEST(MemberChangeTest, OnlyALearnerIsPromoted) {
  EXPECT_EQ(Members(3, 1).Check(Kind::kPromote, 4), MemberOutcome::kBegun);
  EXPECT_EQ(Members(3, 1).Check(Kind::kPromote, 2), MemberOutcome::kNotLearner);
  EXPECT_EQ(Members(4, 1).NotStarted(3).NotStarted(4).Check(Kind::kPromote, 5),
            MemberOutcome::kBegun);
  EXPECT_EQ(Members(4, 1).NotStarted(2).NotStarted(3).NotStarted(4).Check(Kind::kPromote, 5),
            MemberOutcome::kNotEnoughStarted);
}

TEST(MemberChangeTest, WhoIsNotThereIsNotFound) {
  for (const Kind kind : {Kind::kPromote, Kind::kRemove, Kind::kUpdate}) {
    EXPECT_EQ(Members(3).Check(kind, 7), MemberOutcome::kNotFound);
  }
}

TEST(MemberChangeTest, WhatWasNotSeenToHappenIsToldByItsEffect) {
  raft::Configuration now;
  now.voters = {NodeId(1)};
  now.learners = {NodeId(2)};
  now.removed = {NodeId(3)};
  now.members[NodeId(1)].peer_urls = {"http://m:1"};
  now.members[NodeId(2)] = {};
  const auto shows = [&now](Kind kind, uint64_t id, const std::string& url = "") {
    return ShowsIn({kind, NodeId(id), {url}}, NodeId(id), now);
  };
  EXPECT_TRUE(shows(Kind::kAddLearner, 2));
  EXPECT_TRUE(shows(Kind::kAddLearner, 3)) << "added, and removed since";
  EXPECT_FALSE(shows(Kind::kAddVoter, 4));
  EXPECT_TRUE(shows(Kind::kRemove, 3));
  EXPECT_FALSE(shows(Kind::kRemove, 1));
  EXPECT_TRUE(shows(Kind::kPromote, 1));
  EXPECT_FALSE(shows(Kind::kPromote, 2));
  EXPECT_TRUE(shows(Kind::kUpdate, 1, "http://m:1"));
  EXPECT_FALSE(shows(Kind::kUpdate, 1, "http://m:2"));
}

TEST(MemberChangeTest, PeerUrlsAreThoseThatCanBeDialled) {
  EXPECT_TRUE(ArePeerUrls({"http://10.0.0.1:2380", "http://[::1]:2380"}));
  for (const std::string bad :
       {"", "10.0.0.1:2380", "https://a:1", "http://a", "http://a:", "http://a:0", "http://a:65536",
        "http://:1", "http://a:1/x", "http://a b:1", "http://u@a:1", "http://a,b:1"}) {
    EXPECT_FALSE(ArePeerUrls({bad})) << bad;
  }
  EXPECT_FALSE(ArePeerUrls({}));
  EXPECT_FALSE(ArePeerUrls({"http://a:1", "http://a:1"}));
}

}  // namespace
}  // namespace keelson::server
