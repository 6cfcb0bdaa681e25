#include "server/kvd/initial_cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const auto members = ParseInitialCluster(text);
  EXPECT_TRUE(absl::IsInvalidArgument(members.status())) << text;
  return std::string(members.status().message());
}

TEST(InitialClusterTest, AMemberMayHaveSeveralUrls) {
  const auto members = ParseInitialCluster("a=http://h:1,b=http://h:2,a=http://h:3");
  ASSERT_TRUE(members.ok()) << members.status();
  ASSERT_EQ(members->size(), 2u);
  EXPECT_THAT(members->at("a"), ElementsAre("http://h:1", "http://h:3"));
  EXPECT_THAT(members->at("b"), ElementsAre("http://h:2"));
}

TEST(InitialClusterTest, ErrorsNameThePartThatIsWrong) {
  EXPECT_EQ(ErrorOf("a=http://h:1,http://h:2"),
            "--initial-cluster: \"http://h:2\" is not NAME=PEER-URL");
  EXPECT_EQ(ErrorOf("=http://h:1"), "--initial-cluster: \"=http://h:1\" is not NAME=PEER-URL");
  EXPECT_EQ(ErrorOf("a=http://h:1,b=http://h:1"),
            "--initial-cluster: http://h:1 stands there twice");
  EXPECT_THAT(ErrorOf("a=h:1"), HasSubstr("--initial-cluster: URL \"h:1\" must begin with"));
}

TEST(InitialClusterTest, TheMemberItselfMustBeThereWithTheUrlsThatItAdvertises) {
  KvdFlags flags;
  flags.name = "m1";
  flags.initial_cluster = "m2=http://h:1";
  EXPECT_THAT(std::string(NodeOptionsOf(flags).status().message()),
              HasSubstr("doesn't name this member, \"m1\""));
  flags.initial_cluster = "m1=http://h:1,m2=http://h:2";
  flags.initial_advertise_peer_urls = "http://h:9";
  EXPECT_THAT(std::string(NodeOptionsOf(flags).status().message()),
              HasSubstr("m1=http://h:1 but --initial-advertise-peer-urls is http://h:9"));
  flags.initial_advertise_peer_urls = "http://h:1";
  EXPECT_TRUE(NodeOptionsOf(flags).ok());
}

TEST(InitialClusterTest, FlagsBecomeTheOptionsOfANode) {
  KvdFlags flags;
  flags.name = "m1";
  flags.data_dir = "/d";
  flags.initial_cluster = "m1=http://localhost:2380";
  flags.initial_cluster_state = "existing";
  flags.quota_backend_bytes = -1;
  flags.heartbeat_interval = 50;
  flags.election_timeout = 500;
  flags.advertise_client_urls = "http://a:1,http://b:2";
  const auto options = NodeOptionsOf(flags);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->initial_cluster_existing);
  EXPECT_EQ(options->quota_bytes, -1);
  EXPECT_EQ(options->heartbeat, std::chrono::milliseconds(50));
  EXPECT_EQ(options->election_timeout, std::chrono::milliseconds(500));
  EXPECT_THAT(options->client_urls, ElementsAre("http://a:1", "http://b:2"));
  EXPECT_EQ(options->watch_progress_interval, std::chrono::minutes(10));
  flags.quota_backend_bytes = 0;
  EXPECT_EQ(NodeOptionsOf(flags)->quota_bytes, int64_t{2} << 30);
  flags.watch_progress_notify_interval = std::chrono::seconds(5);
  EXPECT_EQ(NodeOptionsOf(flags)->watch_progress_interval, std::chrono::seconds(5));
  flags.watch_progress_notify_interval = std::chrono::seconds(0);
  EXPECT_EQ(NodeOptionsOf(flags)->watch_progress_interval, std::chrono::minutes(10));
}

TEST(AutoCompactionTest, RetentionIsATimeAnHourCountOrANumberOfRevisions) {
  using Mode = AutoCompaction::Mode;
  EXPECT_EQ(ParseAutoCompaction("periodic", "0")->mode, Mode::kOff);
  EXPECT_EQ(ParseAutoCompaction("periodic", "0s")->mode, Mode::kOff);
  EXPECT_EQ(ParseAutoCompaction("periodic", "8")->period, std::chrono::hours(8));
  EXPECT_EQ(ParseAutoCompaction("periodic", "5m")->period, std::chrono::minutes(5));
  EXPECT_EQ(ParseAutoCompaction("periodic", "5m")->mode, Mode::kPeriodic);
  EXPECT_EQ(ParseAutoCompaction("revision", "0")->mode, Mode::kOff);
  EXPECT_EQ(ParseAutoCompaction("revision", "1000")->revisions, 1000);
  EXPECT_EQ(ParseAutoCompaction("revision", "1000")->mode, Mode::kRevision);
}

TEST(AutoCompactionTest, ARetentionThatDoesNotGoWithTheModeIsNamed) {
  for (const char* retention : {"-1", "soon", "", "-5m", "1ms", "inf"}) {
    EXPECT_FALSE(ParseAutoCompaction("periodic", retention).ok()) << retention;
  }
  for (const char* retention : {"-1", "5m", ""}) {
    EXPECT_FALSE(ParseAutoCompaction("revision", retention).ok()) << retention;
  }
  EXPECT_EQ(ParseAutoCompaction("revision", "5m").status().message(),
            "--auto-compaction-retention: \"5m\" under --auto-compaction-mode=revision: want a "
            "number of revisions; 0 = off");
}

}  // namespace
}  // namespace keelson::server
