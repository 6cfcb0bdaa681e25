// What a member says of its health, when it has some and when it has not.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "server/api/http_endpoints.h"
#include "tests/api/gateway_harness.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using server::HttpRequest;
using server::KeptReply;
using server::NodeEndpoints;
using std::chrono::seconds;

class EndpointsTest : public ::testing::Test {
 protected:
  // Status and body of a GET; "none" where there is no answer in time.
  std::string Get(size_t index, const std::string& target, const std::string& method = "GET") {
    NodeEndpoints pages(cluster_.node(index),
                        {.metrics = [] { return "metrics"; }, .debug_vars = [] { return "{}"; }});
    const auto reply = std::make_shared<KeptReply>();
    HttpRequest request;
    request.method = method;
    const size_t mark = target.find('?');
    request.path = std::string_view(target).substr(0, mark);
    if (mark != std::string::npos) request.query = std::string_view(target).substr(mark + 1);
    pages.Handle(request, reply);
    if (!cluster_.RunUntil([&] { return reply->answers > 0; })) return "none";
    healthy_ = pages.health_counts().successes;
    unhealthy_ = pages.health_counts().failures;
    return std::to_string(reply->head.status) + " " + reply->text;
  }
  void RaiseCorrupt(uint64_t member) {
    etcdserverpb::AlarmRequest alarm;
    alarm.set_action(etcdserverpb::AlarmRequest::ACTIVATE);
    alarm.set_alarm(etcdserverpb::CORRUPT);
    alarm.set_memberid(member);
    ASSERT_TRUE(cluster_.Call(0, "/etcdserverpb.Maintenance/Alarm", alarm).ok());
    ASSERT_TRUE(cluster_.WaitForRest());
  }

  NodeCluster cluster_{3};
  uint64_t healthy_ = 0;
  uint64_t unhealthy_ = 0;
};

TEST_F(EndpointsTest, AHealthyMemberPassesEveryCheck) {
  cluster_.WaitForLeader();
  EXPECT_EQ(Get(0, "/health"), "200 {\"health\":\"true\",\"reason\":\"\"}");
  EXPECT_EQ(healthy_, 1u);
  EXPECT_EQ(unhealthy_, 0u);
  EXPECT_EQ(Get(1, "/livez"), "200 ok");
  EXPECT_EQ(Get(1, "/readyz"), "200 ok");
  EXPECT_EQ(Get(1, "/livez?verbose"), "200 [+]serializable_read ok\nok");
  EXPECT_EQ(Get(1, "/readyz?verbose"),
            "200 [+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n"
            "[+]non_learner ok\nok");
  EXPECT_EQ(Get(1, "/readyz?verbose&exclude=data_corruption&exclude=non_learner&exclude=x"),
            "200 [+]serializable_read ok\n[+]linearizable_read ok\nok");
  EXPECT_EQ(Get(1, "/readyz/linearizable_read?verbose"), "200 [+]linearizable_read ok\nok");
  EXPECT_EQ(Get(1, "/livez/serializable_read"), "200 ok");
}

TEST_F(EndpointsTest, OtherPathsAndMethodsAreRefused) {
  cluster_.WaitForLeader();
  for (const char* path : {"/", "/livez/", "/livez/linearizable_read", "/readyz/nothing",
                           "/readyzx", "/healthz", "/debug"}) {
    EXPECT_TRUE(Get(0, path).starts_with("404 ")) << path;
  }
  for (const char* path : {"/health", "/livez", "/readyz", "/metrics", "/version", "/debug/vars"}) {
    EXPECT_TRUE(Get(0, path).starts_with("200 ")) << path;
    EXPECT_TRUE(Get(0, path, "HEAD").starts_with("200 ")) << path;
    for (const char* method : {"POST", "PUT", "DELETE"}) {
      EXPECT_TRUE(Get(0, path, method).starts_with("405 ")) << path;
    }
  }
  EXPECT_TRUE(server::IsMonitoringPath("/readyz/non_learner"));
  EXPECT_FALSE(server::IsMonitoringPath("/version"));
}

TEST_F(EndpointsTest, WithoutALeaderAMemberLivesButIsNotReady) {
  const size_t leader = cluster_.WaitForLeader();
  const size_t left = (leader + 1) % 3;
  cluster_.member(leader).Crash();
  cluster_.member((leader + 2) % 3).Crash();
  ASSERT_TRUE(cluster_.RunUntil([&] { return !cluster_.node(left).HasLeader(); }));
  EXPECT_EQ(Get(left, "/health"), "503 {\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}");
  EXPECT_EQ(unhealthy_, 1u);
  EXPECT_EQ(Get(left, "/health?serializable=true"), "200 {\"health\":\"true\",\"reason\":\"\"}");
  EXPECT_EQ(Get(left, "/livez"), "200 ok");
  EXPECT_EQ(Get(left, "/readyz"),
            "503 [+]data_corruption ok\n[+]serializable_read ok\n"
            "[-]linearizable_read failed: etcdserver: no leader\n[+]non_learner ok\n");
  EXPECT_EQ(Get(left, "/readyz?exclude=linearizable_read"), "200 ok");
}

TEST_F(EndpointsTest, AnAlarmOfCorruptionIsSeenByReadinessNotByLife) {
  cluster_.WaitForLeader();
  RaiseCorrupt(0);  // nobody knows whose
  EXPECT_EQ(Get(1, "/health"), "503 {\"health\":\"false\",\"reason\":\"ALARM CORRUPT\"}");
  EXPECT_EQ(Get(1, "/health?exclude=NOSPACE&exclude=CORRUPT"),
            "200 {\"health\":\"true\",\"reason\":\"\"}");
  EXPECT_EQ(Get(1, "/readyz/data_corruption"),
            "503 [-]data_corruption failed: alarm activated: CORRUPT\n");
  EXPECT_EQ(Get(1, "/readyz?exclude=data_corruption"), "200 ok");
  EXPECT_EQ(Get(1, "/livez"), "200 ok");
}

TEST_F(EndpointsTest, AMemberThatIsCorruptAloneIsNotReady) {
  cluster_.WaitForLeader();
  ASSERT_TRUE(cluster_.RunUntil([&] { return cluster_.node(1).facts().version() >= 2; }));
  RaiseCorrupt(cluster_.node(0).identity().member.value());
  EXPECT_EQ(Get(0, "/health"), "503 {\"health\":\"false\",\"reason\":\"ALARM CORRUPT\"}");
  EXPECT_EQ(Get(0, "/readyz/data_corruption"),
            "503 [-]data_corruption failed: alarm activated: CORRUPT\n");
  EXPECT_EQ(Get(1, "/health"), "200 {\"health\":\"true\",\"reason\":\"\"}");
  EXPECT_EQ(Get(1, "/readyz"), "200 ok");
}

TEST_F(EndpointsTest, ALearnerIsNotReady) {
  const size_t leader = cluster_.WaitForLeader();
  const size_t learner = (leader + 1) % 3;
  raft::ConfChange change;
  change.type = raft::ConfChangeType::kDemote;
  change.node = cluster_.node(learner).identity().member;
  bool proposed = false;
  ASSERT_TRUE(cluster_.RunUntil([&] {
    proposed = proposed || cluster_.node(leader).ChangeMembership({change}).ok();
    return cluster_.node(learner).status().is_learner;
  }));
  EXPECT_EQ(Get(learner, "/readyz/non_learner"),
            "503 [-]non_learner failed: this member is a learner\n");
  EXPECT_EQ(Get(learner, "/livez"), "200 ok");
}

TEST_F(EndpointsTest, ADiskThatHangsFailsLifeAndHealth) {
  cluster_.WaitForLeader();
  ASSERT_TRUE(cluster_.WaitForRest());
  cluster_.member(1).SetSlowDisk(std::chrono::hours(1));
  etcdserverpb::PutRequest put;
  put.set_key("a");
  cluster_.Call(0, "/etcdserverpb.KV/Put", put, seconds(1));
  ASSERT_TRUE(
      cluster_.RunUntil([&] { return cluster_.node(1).status().log_write_for > seconds(1); }));
  EXPECT_EQ(Get(1, "/livez"), "200 ok") << "slow is not stuck";
  cluster_.RunFor(seconds(6));
  EXPECT_TRUE(Get(1, "/livez").starts_with("503 [-]serializable_read failed: the disk hangs"));
  EXPECT_TRUE(Get(1, "/readyz/serializable_read").starts_with("503 "));
  EXPECT_EQ(Get(1, "/health?serializable=true"),
            "503 {\"health\":\"false\",\"reason\":\"RANGE ERROR:the disk hangs\"}");
}

}  // namespace
}  // namespace keelson::testing
