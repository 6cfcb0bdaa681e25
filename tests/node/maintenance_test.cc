// What the members of a cluster say of themselves, and what they are told to do.
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

etcdserverpb::HashKVResponse HashKv(NodeCluster& cluster, size_t index, int64_t revision) {
  etcdserverpb::HashKVRequest request;
  request.set_revision(revision);
  const Outcome outcome = cluster.Call(index, "/etcdserverpb.Maintenance/HashKV", request);
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  etcdserverpb::HashKVResponse response;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  return response;
}

absl::Status HashKvError(NodeCluster& cluster, int64_t revision) {
  etcdserverpb::HashKVRequest request;
  request.set_revision(revision);
  return cluster.Call(0, "/etcdserverpb.Maintenance/HashKV", request).status;
}

etcdserverpb::StatusResponse StatusOf(NodeCluster& cluster, size_t index) {
  const Outcome outcome =
      cluster.Call(index, "/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest());
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  etcdserverpb::StatusResponse response;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  return response;
}

void PutMany(NodeCluster& cluster, const std::string& value) {
  etcdserverpb::TxnRequest many;
  for (int k = 0; k < 100; ++k) {
    auto* put = many.add_success()->mutable_request_put();
    put->set_key(absl::StrCat("k", k));
    put->set_value(value);
  }
  ASSERT_TRUE(cluster.Call(0, "/etcdserverpb.KV/Txn", many).ok());
}

TEST(HashTest, IsTheSameOnAllMembersAtARevisionWhateverCameAfterIt) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  for (const char* value : {"one", "two", "three"}) PutMany(cluster, value);
  ASSERT_TRUE(cluster.Delete(0, "k7").ok());
  ASSERT_TRUE(cluster.WaitForRest());
  const auto first = HashKv(cluster, 0, 0);
  EXPECT_EQ(first.hash_revision(), 5);
  EXPECT_EQ(first.compact_revision(), -1);
  EXPECT_EQ(first.header().revision(), 5);
  ASSERT_TRUE(cluster.Put(0, "k1", "later").ok());
  ASSERT_TRUE(cluster.WaitForRest());
  std::set<uint32_t> hashes;
  for (size_t i = 0; i < 3; ++i) {
    const auto again = HashKv(cluster, i, 5);
    EXPECT_EQ(again.hash(), first.hash());
    EXPECT_EQ(again.header().revision(), 6);
    for (const int64_t revision : {3, 4, 5, 6}) hashes.insert(HashKv(cluster, i, revision).hash());
  }
  EXPECT_EQ(hashes.size(), 4u) << "one for each revision";

  ASSERT_TRUE(cluster.Compact(0, 4).ok());
  ASSERT_TRUE(cluster.WaitForRest());
  const auto compacted = HashKv(cluster, 0, 5);
  EXPECT_EQ(compacted.compact_revision(), 4);
  for (size_t i = 0; i < 3; ++i) {
    const auto again = HashKv(cluster, i, 5);
    EXPECT_EQ(again.hash(), compacted.hash());
    EXPECT_EQ(again.hash_revision(), 5);
    etcdserverpb::HashResponse whole;
    const Outcome outcome =
        cluster.Call(i, "/etcdserverpb.Maintenance/Hash", etcdserverpb::HashRequest());
    ASSERT_TRUE(whole.ParseFromString(outcome.bytes));
    EXPECT_EQ(whole.hash(), HashKv(cluster, i, 6).hash());
    EXPECT_EQ(whole.header().revision(), 6);
  }
}

TEST(HashTest, OfARevisionThatIsGoneOrNotYetThereIsRefused) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  for (const char* value : {"one", "two", "three"}) ASSERT_TRUE(cluster.Put(0, "k", value).ok());
  EXPECT_EQ(HashKvError(cluster, 4), absl::OkStatus());
  EXPECT_EQ(HashKvError(cluster, 5), server::errors::FutureRevision());
  ASSERT_TRUE(cluster.Compact(0, 3).ok());
  EXPECT_EQ(HashKvError(cluster, 3), absl::OkStatus());
  EXPECT_EQ(HashKvError(cluster, 2), server::errors::Compacted());
}

TEST(HashTest, IsOfOneRevisionWhileWritesGoOn) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  for (int i = 0; i < 10; ++i) PutMany(cluster, absl::StrCat("v", i));
  const auto before = HashKv(cluster, 0, 0);
  std::string answer;
  bool over = false;
  const auto call = cluster.member(0).Call(
      "/etcdserverpb.Maintenance/HashKV", etcdserverpb::HashKVRequest().SerializeAsString(),
      [&answer](const std::string& bytes) { answer = bytes; },
      [&over](const absl::Status& status) { over = status.ok(); });
  ASSERT_NE(call, nullptr);
  EXPECT_FALSE(over) << "it goes on beside the loop";
  ASSERT_TRUE(cluster.Put(0, "k", "meanwhile").ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return over; }));
  etcdserverpb::HashKVResponse response;
  ASSERT_TRUE(response.ParseFromString(answer));
  EXPECT_EQ(response.hash(), before.hash());
  EXPECT_EQ(response.hash_revision(), before.hash_revision());
  EXPECT_EQ(response.header().revision(), before.hash_revision());
}

TEST(StatusTest, TheVersionIsWhatTheOptionSays) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.api_version = "3.5.21";
  NodeCluster cluster(1, options);
  cluster.WaitForLeader();
  EXPECT_EQ(StatusOf(cluster, 0).version(), "3.5.21");
}

TEST(StatusTest, EveryFieldIsWhatTheMemberKnows) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(0, "k", std::string(1000, 'v')).ok());
  ASSERT_TRUE(cluster.WaitForRest());
  for (size_t i = 0; i < 3; ++i) {
    const auto status = StatusOf(cluster, i);
    const raft::Core& core = cluster.node(i).core();
    EXPECT_EQ(status.header().member_id(), cluster.member(i).id().value());
    EXPECT_EQ(status.header().revision(), 2);
    EXPECT_EQ(status.version(), "3.6.0");
    EXPECT_EQ(status.storageversion(), "3.6.0");
    EXPECT_GT(status.dbsize(), 1000);
    EXPECT_EQ(status.dbsize(), StatusOf(cluster, leader).dbsize()) << "equal on all members";
    EXPECT_EQ(status.dbsizeinuse(), status.dbsize());
    EXPECT_EQ(status.dbsizequota(), int64_t{2} << 30);
    EXPECT_EQ(status.leader(), cluster.member(leader).id().value());
    EXPECT_EQ(status.raftterm(), core.term().value());
    EXPECT_EQ(status.raftindex(), core.commit().value());
    EXPECT_EQ(status.raftappliedindex(), core.applied().value());
    EXPECT_EQ(status.raftappliedindex(), status.raftindex());
    EXPECT_FALSE(status.islearner());
    EXPECT_TRUE(status.has_downgradeinfo());
    EXPECT_FALSE(status.downgradeinfo().enabled());
    EXPECT_EQ(status.errors_size(), 0);
  }
}

TEST(StatusTest, AlarmsAndTheWantOfALeaderAreErrors) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const uint64_t ill = cluster.member(1).id().value();
  etcdserverpb::AlarmRequest alarm;
  alarm.set_action(etcdserverpb::AlarmRequest::ACTIVATE);
  alarm.set_memberid(ill);
  alarm.set_alarm(etcdserverpb::CORRUPT);
  ASSERT_TRUE(cluster.Call(0, "/etcdserverpb.Maintenance/Alarm", alarm).ok());
  ASSERT_TRUE(cluster.WaitForRest());
  const size_t left = (leader + 1) % 3;
  cluster.member(leader).Crash();
  cluster.member((leader + 2) % 3).Crash();
  ASSERT_TRUE(cluster.RunUntil([&] { return !cluster.node(left).HasLeader(); }));
  const auto status = StatusOf(cluster, left);
  EXPECT_EQ(status.leader(), 0u);
  ASSERT_EQ(status.errors_size(), 2);
  EXPECT_EQ(status.errors(0), "etcdserver: no leader");
  EXPECT_EQ(status.errors(1), absl::StrCat("memberID:", ill, " alarm:CORRUPT "));
}

TEST(StatusTest, ALearnerSaysThatItIsOneAndHashesNothing) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const size_t learner = (leader + 1) % 3;
  raft::ConfChange change;
  change.type = raft::ConfChangeType::kDemote;
  change.node = cluster.member(learner).id();
  bool proposed = false;
  ASSERT_TRUE(cluster.RunUntil([&] {
    proposed = proposed || cluster.node(leader).ChangeMembership({change}).ok();
    return cluster.node(learner).status().is_learner;
  }));
  EXPECT_TRUE(StatusOf(cluster, learner).islearner());
  EXPECT_FALSE(StatusOf(cluster, leader).islearner());
  for (const char* method : {"Hash", "HashKV", "Defragment", "Alarm"}) {
    EXPECT_EQ(cluster
                  .Call(learner, absl::StrCat("/etcdserverpb.Maintenance/", method),
                        etcdserverpb::HashRequest())
                  .status,
              server::errors::NotSupportedForLearner());
  }
}

TEST(DefragmentTest, AnswersAtOnceWithNothingInIt) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok()) << "it serves";
  const Outcome outcome =
      cluster.Call(0, "/etcdserverpb.Maintenance/Defragment", etcdserverpb::DefragmentRequest());
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  EXPECT_EQ(outcome.bytes, "");
  EXPECT_LT(outcome.took, milliseconds(1));
}

// --- handing leadership over ---

class MoveLeaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    leader_ = cluster_.WaitForLeader();
    one_ = (leader_ + 1) % 3;
    other_ = (leader_ + 2) % 3;
    ASSERT_TRUE(cluster_.Put(leader_, "k", "v").ok());
    ASSERT_TRUE(cluster_.WaitForRest());
  }

  Outcome Move(size_t asked, uint64_t target) {
    etcdserverpb::MoveLeaderRequest request;
    request.set_targetid(target);
    return cluster_.Call(asked, "/etcdserverpb.Maintenance/MoveLeader", request);
  }
  uint64_t IdOf(size_t index) { return cluster_.member(index).id().value(); }
  bool Leads(size_t index) { return cluster_.node(index).core().IsLeader(); }

  NodeCluster cluster_{3};
  size_t leader_ = 0;
  size_t one_ = 0;
  size_t other_ = 0;
};

TEST_F(MoveLeaderTest, IsAnsweredOnceTheTargetLeads) {
  const Outcome moved = Move(leader_, IdOf(one_));
  EXPECT_EQ(moved.status, absl::OkStatus());
  EXPECT_EQ(moved.bytes, "") << "no header";
  EXPECT_LT(moved.took, milliseconds(500)) << "nobody waits for an election timeout";
  EXPECT_EQ(cluster_.node(leader_).core().leader(), cluster_.member(one_).id());
  EXPECT_TRUE(Leads(one_));
  EXPECT_TRUE(cluster_.Put(leader_, "k", "w").ok());
  EXPECT_EQ(cluster_.Get(other_, "k"), "w");
}

TEST_F(MoveLeaderTest, OnlyTheLeaderIsAsked) {
  EXPECT_EQ(Move(one_, IdOf(other_)).status, server::errors::NotLeader());
  EXPECT_EQ(Move(one_, 4711).status, server::errors::NotLeader())
      << "before the target is looked at";
  EXPECT_TRUE(Leads(leader_));
}

TEST_F(MoveLeaderTest, ToItselfIsDone) {
  const Outcome moved = Move(leader_, IdOf(leader_));
  EXPECT_EQ(moved.status, absl::OkStatus());
  EXPECT_EQ(moved.bytes, "");
  EXPECT_LT(moved.took, milliseconds(1));
  EXPECT_TRUE(Leads(leader_));
}

TEST_F(MoveLeaderTest, WhoIsNoVoterIsRefused) {
  EXPECT_EQ(Move(leader_, 0).status, server::errors::BadLeaderTransferee());
  EXPECT_EQ(Move(leader_, 4711).status, server::errors::BadLeaderTransferee());
  raft::ConfChange change;
  change.type = raft::ConfChangeType::kDemote;
  change.node = cluster_.member(one_).id();
  bool proposed = false;
  ASSERT_TRUE(cluster_.RunUntil([&] {
    proposed = proposed || cluster_.node(leader_).ChangeMembership({change}).ok();
    return cluster_.node(one_).status().is_learner;
  }));
  EXPECT_EQ(Move(leader_, IdOf(one_)).status, server::errors::BadLeaderTransferee());
  EXPECT_TRUE(Leads(leader_));
}

TEST_F(MoveLeaderTest, ToAMemberThatIsDownTakesTooLong) {
  cluster_.member(one_).Crash();
  const Outcome moved = Move(leader_, IdOf(one_));
  EXPECT_EQ(moved.status, server::errors::LeaderTransferTimedOut());
  EXPECT_GE(moved.took, seconds(2)) << "two election timeouts";
  EXPECT_LT(moved.took, milliseconds(2300));
  EXPECT_TRUE(Leads(leader_));
  EXPECT_TRUE(cluster_.Put(leader_, "k", "w").ok());
}

TEST_F(MoveLeaderTest, ALaterMoveEndsAnEarlierOneThatGoesNowhere) {
  cluster_.member(one_).Crash();
  absl::Status first;
  cluster_.node(leader_).MoveLeader(cluster_.member(one_).id(),
                                    [&first](absl::Status status) { first = std::move(status); });
  EXPECT_EQ(Move(leader_, IdOf(other_)).status, absl::OkStatus());
  EXPECT_EQ(first, absl::OkStatus()) << "it still waits";
  ASSERT_TRUE(cluster_.RunUntil([&] { return !first.ok(); }));
  EXPECT_EQ(first, server::errors::LeaderTransferTimedOut());
  EXPECT_TRUE(Leads(other_));
}

TEST_F(MoveLeaderTest, AMemberThatStopsSaysSo) {
  cluster_.member(one_).Crash();
  absl::Status answer;
  cluster_.node(leader_).MoveLeader(cluster_.member(one_).id(),
                                    [&answer](absl::Status status) { answer = std::move(status); });
  cluster_.node(leader_).Stop(server::errors::Stopped());
  EXPECT_EQ(answer, server::errors::Stopped());
}

// --- downgrades, of which there are none ---

class DowngradeTest : public ::testing::Test {
 protected:
  Outcome Downgrade(int action, const std::string& version) {
    etcdserverpb::DowngradeRequest request;
    request.set_action(static_cast<etcdserverpb::DowngradeRequest::DowngradeAction>(action));
    request.set_version(version);
    return cluster_.Call(0, "/etcdserverpb.Maintenance/Downgrade", request);
  }
  void SetUp() override { cluster_.WaitForLeader(); }

  NodeCluster cluster_{1};
};

TEST_F(DowngradeTest, NoVersionIsOneToGoBackTo) {
  for (const int action :
       {etcdserverpb::DowngradeRequest::VALIDATE, etcdserverpb::DowngradeRequest::ENABLE}) {
    for (const char* version : {"3.5", "3.5.0", "3.6.0", "3.5.0-rc.1", "3.5.0-rc.1+b7", "9.0"}) {
      EXPECT_EQ(Downgrade(action, version).status, server::errors::DowngradeVersion()) << version;
    }
    for (const char* version : {"", "3", "3.", "3.5.", "3.5.0.1", "v3.5", "three.five", "3.-5",
                                "3.5-rc.1", "3.5.0-rc_1", "3.99999999999999999999"}) {
      EXPECT_EQ(Downgrade(action, version).status, server::errors::DowngradeVersionFormat())
          << version;
    }
  }
}

TEST_F(DowngradeTest, CancellingNoneIsDone) {
  ASSERT_TRUE(cluster_.Put(0, "k", "v").ok());
  const Outcome outcome = Downgrade(etcdserverpb::DowngradeRequest::CANCEL, "");
  ASSERT_TRUE(outcome.ok()) << outcome.status;
  etcdserverpb::DowngradeResponse response;
  ASSERT_TRUE(response.ParseFromString(outcome.bytes));
  EXPECT_EQ(response.version(), "3.6");
  EXPECT_EQ(response.header().revision(), 2);
}

TEST_F(DowngradeTest, AnUnknownActionIsAnUnknownMethod) {
  EXPECT_EQ(Downgrade(3, "").status, server::errors::UnknownMethod());
}

}  // namespace
}  // namespace keelson::testing
