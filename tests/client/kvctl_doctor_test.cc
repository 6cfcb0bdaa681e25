// What kvctl's doctor finds in what members say, and how it reads their metrics.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "client/kvctl/doctor.h"
#include "client/kvctl/metrics.h"

namespace keelson::kvctl {
namespace {

using Level = Finding::Level;

MemberFacts Healthy(uint64_t id, const std::string& name) {
  MemberFacts facts{.member = {.id = id, .name = name}, .endpoint = name + ":2379"};
  facts.status = client::MemberStatus{.header = {.member_id = id, .revision = 7},
                                      .version = "3.6.0",
                                      .db_size = 100,
                                      .db_size_quota = 1000,
                                      .leader = 1,
                                      .raft_index = 90,
                                      .raft_term = 2,
                                      .raft_applied_index = 90};
  facts.health = {
      .endpoint = facts.endpoint, .healthy = true, .took = absl::Milliseconds(2), .error = ""};
  facts.metrics = Metrics::Parse(
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.002\"} 100\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 100\n"
      "etcd_disk_wal_fsync_duration_seconds_count 100\n"
      "etcd_server_leader_changes_seen_total 1\n");
  facts.clock_ahead = absl::ZeroDuration();
  return facts;
}

std::vector<MemberFacts> Three() { return {Healthy(1, "m1"), Healthy(2, "m2"), Healthy(3, "m3")}; }

void Down(MemberFacts& facts) {
  facts.status.reset();
  facts.metrics.reset();
  facts.error = "no member could be reached";
}

// The finding of that check that is worst.
Finding Of(const std::vector<Finding>& findings, const std::string& check) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const Finding& one) { return one.check == check; });
  EXPECT_NE(found, findings.end()) << check;
  return found == findings.end() ? Finding{} : *found;
}

TEST(DoctorTest, AHealthyClusterHasNoComplaint) {
  const std::vector<Finding> findings = Diagnose(Three(), {});
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.level, Level::kOk) << finding.check << ": " << finding.evidence;
    EXPECT_EQ(finding.advice, "");
  }
  EXPECT_EQ(Of(findings, "leader").evidence, "m1 leads, all agree");
  EXPECT_EQ(Of(findings, "quorum").evidence, "3 of 3 voters answer, 2 are a majority");
}

TEST(DoctorTest, OneThatTakesConnectionsAndIsSilentIsNotAskedWhetherItRuns) {
  std::vector<MemberFacts> members = Three();
  Down(members[1]);
  EXPECT_NE(Of(Diagnose(members, {}), "reach").advice.find("is it running"), std::string::npos);
  for (const char* error : {"no answer from h:1 within 2s: Deadline Exceeded",
                            "connection attempt timed out before receiving SETTINGS frame"}) {
    members[1].error = error;
    EXPECT_NE(Of(Diagnose(members, {}), "reach").advice.find("it hangs"), std::string::npos);
  }
}

TEST(DoctorTest, OneDownIsAWarningForTheQuorumAndTwoAreItsEnd) {
  std::vector<MemberFacts> members = Three();
  Down(members[1]);
  std::vector<Finding> findings = Diagnose(members, {});
  EXPECT_EQ(Of(findings, "reach").level, Level::kFailure);
  EXPECT_EQ(Of(findings, "reach").member, "m2");
  EXPECT_EQ(Of(findings, "quorum").level, Level::kWarning);
  Down(members[2]);
  members[0].status->leader = 0;
  members[0].health.healthy = false;
  findings = Diagnose(members, {});
  EXPECT_EQ(Of(findings, "quorum").level, Level::kFailure);
  EXPECT_EQ(Of(findings, "leader").level, Level::kFailure);
  EXPECT_EQ(Of(findings, "read").level, Level::kFailure);
}

TEST(DoctorTest, ASlowDiskIsNamedWithItsTimes) {
  std::vector<MemberFacts> members = Three();
  members[2].metrics = Metrics::Parse(
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.016\"} 90\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.256\"} 99\n"
      "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 100\n"
      "etcd_disk_wal_fsync_duration_seconds_count 100\n");
  const Finding found = Of(Diagnose(members, {}), "disk");
  EXPECT_EQ(found.level, Level::kFailure);
  EXPECT_EQ(found.member, "m3");
  EXPECT_EQ(found.evidence, "1 % of the syncs of its log take over 128 ms");
}

TEST(DoctorTest, LagQuotaAlarmsVersionsClocksAndElectionsAreFound) {
  std::vector<MemberFacts> members = Three();
  members[0].status->raft_applied_index = 30000;
  members[1].status->raft_applied_index = 29000;
  members[2].status->db_size = 900;
  members[2].status->version = "3.5.0";
  members[2].clock_ahead = absl::Seconds(-90);
  members[2].metrics = Metrics::Parse("etcd_server_leader_changes_seen_total 40\n");
  const std::vector<Finding> findings =
      Diagnose(members, {{.member_id = 2, .type = client::AlarmType::kNoSpace}});
  EXPECT_EQ(Of(findings, "lag").level, Level::kFailure);
  EXPECT_EQ(Of(findings, "lag").evidence, "it is 29910 entries behind");
  EXPECT_EQ(Of(findings, "quota").level, Level::kWarning);
  EXPECT_EQ(Of(findings, "quota").evidence, "900 B of 1.0 kB are used (90 %)");
  EXPECT_EQ(Of(findings, "alarm").member, "m2");
  EXPECT_EQ(Of(findings, "version").evidence, "3.5.0: m3; 3.6.0: m1, m2");
  EXPECT_EQ(Of(findings, "clock").evidence, "its clock is 1m30s behind this machine's");
  EXPECT_EQ(Of(findings, "elections").member, "m3");
  EXPECT_TRUE(std::is_sorted(findings.begin(), findings.end(),
                             [](const Finding& a, const Finding& b) { return a.level > b.level; }));
}

TEST(DoctorTest, OneVoterOrAnEvenNumberIsAHint) {
  EXPECT_EQ(Of(Diagnose({Healthy(1, "m1")}, {}), "shape").level, Level::kHint);
  EXPECT_EQ(Of(Diagnose({Healthy(1, "m1"), Healthy(2, "m2")}, {}), "shape").evidence,
            "2 voters survive no more failures than 1");
}

TEST(MetricsTest, SamplesAreSummedAndQuantilesAreBounds) {
  const Metrics metrics = Metrics::Parse(
      "# HELP x\nx 1\nx{a=\"b c\",d=\"}\"} 2.5\nbad\nx{open\nnan NaN\n"
      "h_bucket{le=\"0.5\"} 3\nh_bucket{le=\"+Inf\"} 4\nh_count 4\n");
  EXPECT_EQ(metrics.Sum("x"), 3.5);
  EXPECT_EQ(metrics.Sum("x", "a=\"b"), 2.5);
  EXPECT_EQ(metrics.Sum("y"), std::nullopt);
  EXPECT_EQ(metrics.First({"y", "x"}), 3.5);
  EXPECT_EQ(metrics.Quantile("h", 0.5), 0.5);
  EXPECT_TRUE(std::isinf(*metrics.Quantile("h", 0.99)));
  EXPECT_EQ(metrics.Quantile("none", 0.5), std::nullopt);
}

}  // namespace
}  // namespace keelson::kvctl
