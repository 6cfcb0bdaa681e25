// Whose data directory it is.
#include "server/node/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "storage/fs/faulty_fs.h"

namespace keelson::server {
namespace {

using ::testing::HasSubstr;

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() {
    options_.name = "m1";
    options_.data_dir = "/d";
    options_.initial_cluster = {{"m1", {"http://a:1"}}, {"m2", {"http://b:1"}}};
  }
  absl::StatusOr<Identity> Open() {
    return OpenIdentity(fs_, options_, [this] { return random_(); });
  }
  std::string ErrorOf() { return std::string(Open().status().message()); }

  std::mt19937_64 random_{1};
  storage::FaultyFileSystem fs_{[this] { return random_(); }};
  NodeOptions options_;
};

TEST_F(IdentityTest, AFreshDirectoryGetsOneAndKeepsIt) {
  const auto made = Open();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->member, MemberIdOf({"http://a:1"}, options_.initial_cluster_token));
  EXPECT_EQ(made->initial_configuration.voters.size(), 2u);
  EXPECT_NE(made->incarnation, 0u);
  fs_.PowerLoss();
  const auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->incarnation, made->incarnation);
  EXPECT_EQ(again->cluster_id, made->cluster_id);
  EXPECT_EQ(again->initial_configuration.voters, made->initial_configuration.voters);
}

TEST_F(IdentityTest, AWipedDirectoryIsAnotherIncarnationOfTheSameMember) {
  const auto first = Open();
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(fs_.RemoveAll("/d").ok());
  const auto second = Open();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->member, first->member);
  EXPECT_NE(second->incarnation, first->incarnation);
}

TEST_F(IdentityTest, IdsDependOnUrlsAndTokenNotOnTheirOrder) {
  EXPECT_EQ(MemberIdOf({"http://a:1", "http://b:1"}, "t"),
            MemberIdOf({"http://b:1", "http://a:1"}, "t"));
  EXPECT_NE(MemberIdOf({"http://a:1"}, "t"), MemberIdOf({"http://a:2"}, "t"));
  EXPECT_NE(MemberIdOf({"http://a:1"}, "t"), MemberIdOf({"http://a:1"}, "u"));
  EXPECT_NE(ClusterIdOf(options_.initial_cluster, "t"), ClusterIdOf(options_.initial_cluster, "u"));
}

TEST_F(IdentityTest, AMemberThatJoinsStartsWithoutAConfiguration) {
  options_.initial_cluster_existing = true;
  EXPECT_THAT(ErrorOf(), HasSubstr("no member of the running cluster told who this one is"));
  options_.joined = NodeOptions::Joined{77, raft::NodeId(8)};
  const auto made = Open();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->cluster_id, 77u);
  EXPECT_EQ(made->member, raft::NodeId(8));
  EXPECT_TRUE(made->initial_configuration.members.empty());
  options_.joined.reset();
  options_.initial_cluster_existing = false;
  const auto again = Open();
  ASSERT_TRUE(again.ok()) << "who has joined needs no flags for it any more: " << again.status();
  EXPECT_EQ(again->cluster_id, 77u);
}

TEST_F(IdentityTest, AnotherMembersOrClustersDirectoryIsRefusedWithBothNames) {
  ASSERT_TRUE(Open().ok());
  options_.name = "m2";
  EXPECT_THAT(ErrorOf(), HasSubstr("--data-dir /d belongs to member \"m1\", not \"m2\""));
  options_.name = "m1";
  options_.initial_cluster_token = "another";
  EXPECT_THAT(ErrorOf(), HasSubstr("--data-dir /d belongs to cluster "));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
  options_.initial_cluster_existing = true;
  EXPECT_TRUE(Open().ok()) << "who joined names today's members";
}

TEST_F(IdentityTest, NoNewMemberBeginsOnWhatAnotherServerOrALostIdentityLeft) {
  const auto write = [this](const std::string& dir, const std::string& name) {
    ASSERT_TRUE(storage::CreateDirectoriesDurably(fs_, dir).ok());
    ASSERT_TRUE(storage::WriteFileDurably(fs_, storage::JoinPath(dir, name), "x").ok());
  };
  write("/d/member/snap", "db");
  EXPECT_THAT(ErrorOf(), HasSubstr("--data-dir /d holds data of etcd"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
  ASSERT_TRUE(fs_.RemoveAll("/d").ok());
  write("/d/member/wal", "0000000000000001.wal");
  EXPECT_THAT(ErrorOf(), HasSubstr("/d/member/identity is missing"));
  ASSERT_TRUE(fs_.RemoveAll("/d").ok());
  // A disk's own directory, or one that was made for the log, is nobody's data.
  write("/d/lost+found", "x");
  ASSERT_TRUE(storage::CreateDirectoriesDurably(fs_, "/d/member/wal").ok());
  EXPECT_TRUE(Open().ok());
}

TEST_F(IdentityTest, AMemberThatItsClusterDoesNotNameIsAnError) {
  options_.name = "m9";
  EXPECT_THAT(ErrorOf(), HasSubstr("no \"m9\" among its names"));
  EXPECT_TRUE(absl::IsInvalidArgument(Open().status()));
}

TEST_F(IdentityTest, EachDamagedByteIsNoticed) {
  ASSERT_TRUE(Open().ok());
  const auto bytes = storage::ReadFile(fs_, "/d/member/identity", 1 << 20);
  ASSERT_TRUE(bytes.ok());
  for (size_t i = 0; i < bytes->size(); ++i) {
    std::string damaged = *bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    ASSERT_TRUE(storage::WriteFileDurably(fs_, "/d/member/identity", damaged).ok());
    EXPECT_TRUE(absl::IsDataLoss(Open().status())) << i;
  }
  ASSERT_TRUE(storage::WriteFileDurably(fs_, "/d/member/identity", "abc").ok());
  EXPECT_THAT(ErrorOf(), HasSubstr("too short"));
}

}  // namespace
}  // namespace keelson::server
