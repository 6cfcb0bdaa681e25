// What is told of slow requests, and how often.
#include "server/node/slow_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using server::Instant;
using server::SlowLog;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTooLong = "apply request took too long";

Instant At(int64_t ms) { return {ms * 1'000'000}; }

std::string PutEntry(const std::string& key, const std::string& value) {
  v1::LogEntry entry;
  entry.mutable_put()->set_key(key);
  entry.mutable_put()->set_value(value);
  return entry.SerializeAsString();
}

class SlowLogTest : public ::testing::Test {
 protected:
  std::vector<std::string> lines_;
  server::Logger logger_{server::LogLevel::kInfo,
                         [this](std::string_view line) { lines_.emplace_back(line); },
                         [] { return std::string("now"); }};
  SlowLog log_{&logger_, milliseconds(100)};
};

TEST_F(SlowLogTest, AWriteIsToldWithTheTimeOfEachStageAndWithoutItsValue) {
  log_.Write({At(0), At(10), At(150), At(170), At(200)}, PutEntry("a\nb", "secret"),
             absl::OkStatus());
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_THAT(lines_[0], AllOf(HasSubstr(kTooLong), HasSubstr("\"took-ms\":200"),
                               HasSubstr("put key:\\\"a\\\\nb\\\" value_size:6"),
                               HasSubstr("\"queued-ms\":10"), HasSubstr("\"commit-ms\":140"),
                               HasSubstr("\"apply-wait-ms\":20"), HasSubstr("\"apply-ms\":30"),
                               Not(HasSubstr("secret"))));
}

TEST_F(SlowLogTest, AStageThatWasNotReachedIsMinusOne) {
  log_.Write({At(0), {}, {}, {}, At(3000)}, PutEntry("a", "v"),
             absl::UnavailableError("no leader"));
  log_.Read({At(0), {}, At(3000)}, absl::UnavailableError("no leader"));
  ASSERT_EQ(lines_.size(), 2u);
  EXPECT_THAT(lines_[0], AllOf(HasSubstr("\"queued-ms\":-1"), HasSubstr("\"apply-ms\":-1"),
                               HasSubstr("\"error\":\"no leader\"")));
  EXPECT_THAT(lines_[1], AllOf(HasSubstr("read-only range"), HasSubstr("\"read-index-ms\":-1")));
}

TEST_F(SlowLogTest, AnOverloadWritesAFewLinesASecondAndSaysHowManyItHeldBack) {
  for (int i = 0; i < 500; ++i) log_.Read({At(0), {}, At(200 + i)}, absl::OkStatus());
  EXPECT_EQ(lines_.size(), SlowLog::kLines);
  log_.Sync(seconds(2), At(1300));
  ASSERT_EQ(lines_.size(), SlowLog::kLines + 1);
  EXPECT_THAT(lines_.back(), AllOf(HasSubstr("slow fdatasync"), HasSubstr("\"took-ms\":2000"),
                                   HasSubstr("\"not-told\":490")));
}

TEST_F(SlowLogTest, EveryKindOfRequestIsDescribedWithoutValues) {
  v1::LogEntry entry;
  entry.mutable_txn()->add_success()->mutable_request_put()->set_value("secret");
  EXPECT_EQ(server::DescribeEntry(entry.SerializeAsString()), "txn compare:0 success:1 failure:0");
  entry.mutable_delete_range()->set_key(std::string(100, 'k'));
  EXPECT_EQ(server::DescribeEntry(entry.SerializeAsString()),
            absl::StrCat("delete_range key:\"", std::string(64, 'k'), "...\" range_end:\"\""));
  entry.mutable_lease_grant()->set_id(7);
  EXPECT_EQ(server::DescribeEntry(entry.SerializeAsString()), "lease_grant ID:7");
  EXPECT_EQ(server::DescribeEntry("\xff"), "unknown");
}

TEST(CommitTimesTest, AnEntryWasCommittedWithTheBatchThatItCameIn) {
  server::CommitTimes times;
  times.Note(raft::Index(5), At(10));
  times.Note(raft::Index(9), At(20));
  EXPECT_EQ(times.Take(raft::Index(4)), At(10));
  EXPECT_EQ(times.Take(raft::Index(5)), At(10));
  EXPECT_EQ(times.Take(raft::Index(6)), At(20));
  EXPECT_EQ(times.Take(raft::Index(10)), std::nullopt);
}

// The number behind "name": in a log line.
int64_t Field(const std::string& line, const std::string& name) {
  const size_t at = line.find(absl::StrCat("\"", name, "\":"));
  int64_t value = INT64_MIN;
  if (at == std::string::npos) return value;
  const size_t begin = at + name.size() + 3;
  EXPECT_TRUE(absl::SimpleAtoi(line.substr(begin, line.find_first_of(",}", begin) - begin), &value))
      << line;
  return value;
}

class SlowNodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    leader_ = cluster_.WaitForLeader();
    ASSERT_TRUE(cluster_.WaitForRest());
    ASSERT_TRUE(cluster_.Put(leader_, "k", "v").ok());
    cluster_.RunFor(seconds(1));  // members have said who they are
  }
  // The leader hears nothing for 400 ms, too short for an election.
  void CutOffForAWhile() {
    const auto each = [this](auto act) {
      for (size_t i = 0; i < cluster_.size(); ++i) {
        if (i == leader_) continue;
        act(cluster_.member(leader_).id(), cluster_.member(i).id());
        act(cluster_.member(i).id(), cluster_.member(leader_).id());
      }
    };
    each([this](raft::NodeId a, raft::NodeId b) { cluster_.network().Cut(a, b); });
    cluster_.world().After(milliseconds(400), [this, each] {
      each([this](raft::NodeId a, raft::NodeId b) { cluster_.network().Restore(a, b); });
    });
  }
  std::vector<std::string> Told() { return cluster_.LogLines(leader_, kTooLong); }

  NodeCluster cluster_{3};
  size_t leader_ = 0;
};

TEST_F(SlowNodeTest, QuickRequestsAreNotTold) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(cluster_.Put(leader_, "k", "v").ok());
  EXPECT_EQ(cluster_.Get(leader_, "k"), "v");
  EXPECT_THAT(Told(), ElementsAre());
  EXPECT_GT(cluster_.node(leader_).times().log_sync.count(), 0u);
  EXPECT_GT(cluster_.node(leader_).times().store_commit.count(), 0u);
}

TEST_F(SlowNodeTest, AWriteThatWaitsForTheOtherMembersWasSlowInItsCommit) {
  CutOffForAWhile();
  ASSERT_TRUE(cluster_.Put(leader_, "slow", "v").ok());
  const auto told = Told();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0], HasSubstr("put key:\\\"slow\\\" value_size:1"));
  EXPECT_GE(Field(told[0], "commit-ms"), 300);
  EXPECT_LT(Field(told[0], "queued-ms"), 10);
  EXPECT_LT(Field(told[0], "apply-wait-ms"), 50);
  EXPECT_LT(Field(told[0], "apply-ms"), 10);
}

TEST_F(SlowNodeTest, AReadThatWaitsForTheOtherMembersWasSlowInItsReadIndex) {
  CutOffForAWhile();
  EXPECT_EQ(cluster_.Get(leader_, "k"), "v");
  const auto told = Told();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_GE(Field(told[0], "read-index-ms"), 300);
  EXPECT_LT(Field(told[0], "apply-wait-ms"), 10);
  EXPECT_EQ(cluster_.node(leader_).counters().slow_reads, 1u);
}

TEST_F(SlowNodeTest, ALongReadThatTakesLongIsToldWithItsTime) {
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(cluster_.Put(leader_, absl::StrCat("k", i), "v").ok());
  // Each slice of the read waits for its thread.
  cluster_.member(leader_).SetSlowDisk(milliseconds(800));
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  request.set_serializable(true);
  int64_t longest = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(cluster_.Call(leader_, "/etcdserverpb.KV/Range", request).ok());
  }
  for (const std::string& line : Told()) longest = std::max(longest, Field(line, "read-ms"));
  EXPECT_GT(longest, 100);
}

TEST_F(SlowNodeTest, AWriteWithoutALeaderIsToldWithTheStageThatItNeverLeft) {
  for (size_t i = 0; i < 3; ++i) {
    if (i != leader_) cluster_.member(i).Crash();
  }
  ASSERT_TRUE(cluster_.RunUntil([this] { return !cluster_.node(leader_).HasLeader(); }));
  EXPECT_FALSE(cluster_.Put(leader_, "k", "v").ok());
  const auto told = Told();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(Field(told[0], "queued-ms"), -1);
  EXPECT_THAT(told[0], HasSubstr("no leader"));
  EXPECT_NE(cluster_.Get(leader_, "k"), "v");
  EXPECT_GE(cluster_.node(leader_).counters().failed_reads, 1u);
}

TEST(SlowApplyTest, ASlowApplyIsToldByEachMemberAndOnTheClientsOneWithItsRequest) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.apply.entry_work = 20;
  NodeCluster cluster(3, options);
  const size_t leader = cluster.WaitForLeader();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(cluster.Put(leader, absl::StrCat("k", i), "v").ok());
  ASSERT_TRUE(cluster.WaitForRest());
  const auto slow_applies = [&](size_t index) {
    return cluster.node(index).counters().slow_applies;
  };
  // Each delete is large, and each job takes up to 800 ms: sooner or later one is slow everywhere.
  for (size_t i = 0; i < 3; ++i) cluster.member(i).SetSlowDisk(milliseconds(800));
  for (int i = 0; i < 20; ++i) {
    (void)cluster.Delete(leader, "k", "l");
    for (size_t j = 0; j < 3; ++j) cluster.member(j).SetSlowDisk(Duration(0));
    for (int j = 0; j < 50; ++j) (void)cluster.Put(leader, absl::StrCat("k", j), "v");
    ASSERT_TRUE(cluster.WaitForRest());
    if (slow_applies(0) > 0 && slow_applies(1) > 0 && slow_applies(2) > 0) break;
    for (size_t j = 0; j < 3; ++j) cluster.member(j).SetSlowDisk(milliseconds(800));
  }
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_GT(slow_applies(i), 0u) << i;
    bool told = false;
    for (const std::string& line : cluster.LogLines(i, kTooLong)) {
      told = told || Field(line, "apply-ms") > 100;
    }
    EXPECT_TRUE(told) << i;
  }
}

TEST_F(SlowNodeTest, ALogWriteThatHangsIsToldOnce) {
  cluster_.member(leader_).SetSlowDisk(seconds(10));
  (void)cluster_.Put(leader_, "k", "v");
  cluster_.RunFor(seconds(8));
  EXPECT_FALSE(cluster_.LogLines(leader_, "a log write has not ended yet").empty());
  EXPECT_LE(cluster_.LogLines(leader_, "a log write has not ended yet").size(), 3u);
}

}  // namespace
}  // namespace keelson::testing
