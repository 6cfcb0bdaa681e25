// Who a member is that joins, by what the members say.
#include "server/kvd/join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace keelson::server {
namespace {

using ::testing::HasSubstr;

class JoinTest : public ::testing::Test {
 protected:
  JoinTest() {
    options_.name = "m2";
    options_.data_dir = "/d";
    options_.initial_cluster = {
        {"m0", {"http://a:1"}}, {"m1", {"http://b:1"}}, {"m2", {"http://c:1", "http://c:2"}}};
    said_.cluster_id = 77;
    said_.members = {{raft::NodeId(5), 50, {"http://b:1"}},
                     {raft::NodeId(6), 0, {"http://c:2", "http://c:1"}},
                     {raft::NodeId(7), 70, {"http://a:1"}}};
  }
  std::string ErrorOf() {
    const auto found = FindOneself(options_, said_);
    EXPECT_TRUE(absl::IsFailedPrecondition(found.status())) << found.status();
    return std::string(found.status().message());
  }

  NodeOptions options_;
  ClusterMembers said_;
};

TEST_F(JoinTest, AMemberFindsItselfByItsPeerUrls) {
  const auto found = FindOneself(options_, said_);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->cluster_id, 77u);
  EXPECT_EQ(found->member, raft::NodeId(6));
}

TEST_F(JoinTest, OtherMembersThanTheFlagNamesAreRefusedInEtcdsWords) {
  said_.members[1].peer_urls = {"http://c:1"};
  EXPECT_THAT(ErrorOf(), HasSubstr("unmatched member while checking PeerURLs"));
  said_.members.pop_back();
  EXPECT_THAT(ErrorOf(), HasSubstr("member count is unequal"));
}

TEST_F(JoinTest, AMemberThatHasRunBeforeIsRefusedWithAdvice) {
  said_.members[1].incarnation = 9;
  EXPECT_THAT(ErrorOf(), HasSubstr("member 6 has already been bootstrapped"));
  EXPECT_THAT(ErrorOf(), HasSubstr("kvctl member remove 6"));
}

TEST_F(JoinTest, TheOthersAreAskedUntilOneKnows) {
  std::vector<std::string> asked;
  ClusterMembers old = said_;
  old.members.erase(old.members.begin() + 1);
  const auto answer = [&](const std::string& url) -> absl::StatusOr<ClusterMembers> {
    asked.push_back(url);
    if (url == "http://a:1") return old;
    return said_;
  };
  EXPECT_EQ(AskWhoIAm(options_, answer)->member, raft::NodeId(6));
  EXPECT_THAT(asked, ::testing::ElementsAre("http://a:1", "http://b:1"));
}

TEST_F(JoinTest, AnAnswerThatDoesNotFitGoesBeforeNoAnswer) {
  const auto none = [](const std::string&) -> absl::StatusOr<ClusterMembers> {
    return absl::UnavailableError("refused");
  };
  EXPECT_THAT(std::string(AskWhoIAm(options_, none).status().message()),
              HasSubstr("could not retrieve cluster information from the given URLs"));
  const auto one = [&none](const std::string& url) -> absl::StatusOr<ClusterMembers> {
    if (url == "http://a:1") return ClusterMembers();
    return none(url);
  };
  EXPECT_THAT(std::string(AskWhoIAm(options_, one).status().message()),
              HasSubstr("member count is unequal"));
}

}  // namespace
}  // namespace keelson::server
