// Log entries of every kind: their effect, their answer, and that a refused one leaves no trace.
#include "server/apply/applier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/apply/errors.h"
#include "storage/mvcc/apply_batch.h"
#include "tests/apply/requests.h"
#include "tests/apply/state_machine.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ApplierTest : public ::testing::Test {
 protected:
  absl::Status Raise(AlarmKind kind, uint64_t member = 7, bool active = true) {
    v1::LogEntry entry;
    entry.mutable_alarm()->set_active(active);
    entry.mutable_alarm()->set_member(member);
    entry.mutable_alarm()->set_alarm(static_cast<etcdserverpb::AlarmType>(kind));
    return machine_.ApplyEntry(entry).status;
  }

  // "+id:ttl" and "-id" of each change of leases since the last call.
  std::vector<std::string> LeaseChanges() {
    std::vector<std::string> changes;
    for (const LeaseChange& change : machine_.applier().TakeLeaseChanges()) {
      const std::string id = std::to_string(change.id);
      changes.push_back(
          change.ttl_seconds == 0 ? "-" + id : "+" + id + ":" + std::to_string(change.ttl_seconds));
    }
    return changes;
  }

  StateMachine machine_;
};

TEST_F(ApplierTest, AFreshStoreIsAtRevisionOneAndEachWriteAddsOne) {
  EXPECT_EQ(machine_.store().revision(), 1);
  EXPECT_EQ(machine_.Apply(Put("a")).response.header().revision(), 2);
  EXPECT_EQ(machine_.Apply(Put("a")).response.header().revision(), 3);
  EXPECT_EQ(machine_.Apply(Delete("a")).response.header().revision(), 4);
}

TEST_F(ApplierTest, APutAnswersThePreviousPairOnlyWhenAsked) {
  auto request = Put("a", "1");
  request.set_prev_kv(true);
  EXPECT_FALSE(machine_.Apply(request).response.has_prev_kv());
  EXPECT_EQ(machine_.Apply(request).response.prev_kv().value(), "1");
  EXPECT_FALSE(machine_.Apply(Put("a", "2")).response.has_prev_kv());
}

TEST_F(ApplierTest, APutThatKeepsNeedsTheKeyAndALeaseMustExist) {
  auto keep = Put("a", "");
  keep.set_ignore_value(true);
  EXPECT_EQ(machine_.Apply(keep).status, errors::KeyNotFound());
  EXPECT_EQ(machine_.Apply(Put("a", "v", 99)).status, errors::LeaseNotFound());
  EXPECT_EQ(machine_.store().revision(), 1);
}

TEST_F(ApplierTest, ADeleteOfNothingKeepsTheRevision) {
  const auto applied = machine_.Apply(Delete("a", "z"));
  EXPECT_EQ(applied.status, absl::OkStatus());
  EXPECT_EQ(applied.response.deleted(), 0);
  EXPECT_EQ(applied.response.header().revision(), 1);
}

TEST_F(ApplierTest, ACompactionMayReachThePresentButNotGoBackOrAhead) {
  machine_.Apply(Put("a"));
  machine_.Apply(Put("a"));
  EXPECT_EQ(machine_.Apply(Compaction(4)).status, errors::FutureRevision());
  const auto done = machine_.Apply(Compaction(3));
  EXPECT_EQ(done.status, absl::OkStatus());
  EXPECT_EQ(done.response.header().revision(), 3);
  EXPECT_EQ(machine_.Apply(Compaction(3)).status, errors::Compacted());
  EXPECT_EQ(machine_.Apply(Compaction(2)).status, errors::Compacted());
  EXPECT_EQ(machine_.store().compact_revision(), 3);
}

TEST_F(ApplierTest, ALeaseIsGrantedOnce) {
  const auto granted = machine_.Apply(Grant(5, 60));
  EXPECT_EQ(granted.response.id(), 5);
  EXPECT_EQ(granted.response.ttl(), 60);
  EXPECT_EQ(granted.response.header().revision(), 1) << "a lease without keys is no revision";
  EXPECT_EQ(machine_.Apply(Grant(5, 90)).status, errors::LeaseExists());
  EXPECT_THAT(LeaseChanges(), ElementsAre("+5:60"));
}

TEST_F(ApplierTest, ARevokedLeaseTakesItsKeysAlongInOneRevisionInOrder) {
  machine_.Apply(Grant(5));
  machine_.Apply(Put("b", "v", 5));
  machine_.Apply(Put("a", "v", 5));
  machine_.Apply(Put("moved", "v", 5));
  machine_.Apply(Put("moved"));  // detached
  LeaseChanges();
  const auto revoked = machine_.Apply(Revoke(5));
  EXPECT_EQ(revoked.response.header().revision(), 6);
  ASSERT_EQ(revoked.changes.size(), 2u);
  EXPECT_EQ(revoked.changes[0].now->key, "a");
  EXPECT_EQ(revoked.changes[1].now->key, "b");
  EXPECT_TRUE(revoked.changes[1].deleted);
  EXPECT_THAT(LeaseChanges(), ElementsAre("-5"));
  EXPECT_EQ(machine_.Apply(Revoke(5)).status, errors::LeaseNotFound());
}

TEST_F(ApplierTest, ExpiredLeasesEndOneByOneAndUnknownOnesArePassedOver) {
  machine_.Apply(Grant(5));
  machine_.Apply(Grant(6));
  machine_.Apply(Put("a", "v", 5));
  machine_.Apply(Put("b", "v", 6));
  LeaseChanges();
  v1::LogEntry entry;
  for (const int64_t id : {5, 99, 6}) entry.mutable_lease_expire()->add_id(id);
  std::vector<storage::Change> changes;
  EXPECT_EQ(machine_.ApplyEntry(entry, &changes).status, absl::OkStatus());
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].rev.main, 4);
  EXPECT_EQ(changes[1].rev.main, 5) << "as if each had been revoked alone";
  EXPECT_THAT(LeaseChanges(), ElementsAre("-5", "-6"));
}

TEST_F(ApplierTest, ACheckpointStandsInTheRecordOfItsLeaseUntilItIsTakenBack) {
  machine_.Apply(Grant(5, 3600));
  LeaseChanges();
  const auto checkpoint = [this](int64_t remaining) {
    v1::LogEntry entry;
    for (const int64_t id : {5, 99}) {
      auto* lease = entry.mutable_lease_checkpoint()->add_lease();
      lease->set_id(id);
      lease->set_remaining_ttl(remaining);
    }
    EXPECT_EQ(machine_.ApplyEntry(entry).status, absl::OkStatus());
    const auto changes = machine_.applier().TakeLeaseChanges();
    EXPECT_EQ(changes.size(), 1u) << "the unknown one is passed over";
    std::string record;
    EXPECT_TRUE(
        machine_.store().ForEachLease([&record](int64_t, std::string_view r) { record = r; }).ok());
    return record;
  };
  EXPECT_EQ(checkpoint(1200), "3600 1200");
  EXPECT_EQ(checkpoint(9999), "3600 3600") << "no more than was granted";
  EXPECT_EQ(checkpoint(0), "3600");
  EXPECT_EQ(machine_.store().revision(), 1);
}

TEST_F(ApplierTest, WithoutSpaceWhatGrowsIsRefusedAndWhatShrinksIsNot) {
  machine_.Apply(Put("a"));
  machine_.Apply(Grant(5));
  ASSERT_EQ(Raise(AlarmKind::kNoSpace), absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Put("b")).status, errors::NoSpace());
  EXPECT_EQ(machine_.Apply(Txn(Txn(Put("b")))).status, errors::NoSpace());
  EXPECT_EQ(machine_.Apply(Grant(6)).status, errors::NoSpace());
  EXPECT_EQ(machine_.Apply(Txn(Delete("a"))).status, absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Delete("a")).status, absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Compaction(2)).status, absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Revoke(5)).status, absl::OkStatus());
  ASSERT_EQ(Raise(AlarmKind::kNoSpace, 7, false), absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Put("b")).status, absl::OkStatus());
}

TEST_F(ApplierTest, InACorruptClusterNothingIsWrittenButExpiryAndAlarmsGoOn) {
  machine_.Apply(Put("a"));
  machine_.Apply(Grant(5));
  ASSERT_EQ(Raise(AlarmKind::kCorrupt), absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Put("b")).status, errors::Corrupt());
  EXPECT_EQ(machine_.Apply(Delete("a")).status, errors::Corrupt());
  EXPECT_EQ(machine_.Apply(Txn(Delete("a"))).status, errors::Corrupt());
  EXPECT_EQ(machine_.Apply(Compaction(2)).status, errors::Corrupt());
  EXPECT_EQ(machine_.Apply(Grant(6)).status, errors::Corrupt());
  EXPECT_EQ(machine_.Apply(Revoke(5)).status, errors::Corrupt());
  v1::LogEntry expire;
  expire.mutable_lease_expire()->add_id(5);
  EXPECT_EQ(machine_.ApplyEntry(expire).status, absl::OkStatus());
  ASSERT_EQ(Raise(AlarmKind::kCorrupt, 7, false), absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Put("b")).status, absl::OkStatus());
}

TEST_F(ApplierTest, AnAlarmOfTheWireIsNoDiskFailure) {
  ASSERT_EQ(Raise(AlarmKind::kCorrupt), absl::OkStatus());
  v1::LogEntry entry;
  *entry.mutable_put() = Put("a");
  const ApplyResult result = machine_.ApplyEntry(entry);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(result.fatal);
}

TEST_F(ApplierTest, AnAlarmAnswersWithWhatItConcerned) {
  v1::LogEntry entry;
  entry.mutable_alarm()->set_member(7);
  entry.mutable_alarm()->set_alarm(etcdserverpb::NOSPACE);
  const auto nothing = machine_.Apply<etcdserverpb::AlarmResponse>(entry);
  EXPECT_EQ(nothing.response.alarms_size(), 0) << "there was none to clear";
  entry.mutable_alarm()->set_active(true);
  for (int i = 0; i < 2; ++i) {
    const auto raised = machine_.Apply<etcdserverpb::AlarmResponse>(entry);
    ASSERT_EQ(raised.response.alarms_size(), 1);
    EXPECT_EQ(raised.response.alarms(0).memberid(), 7u);
    EXPECT_EQ(raised.response.alarms(0).alarm(), etcdserverpb::NOSPACE);
  }
  entry.mutable_alarm()->set_alarm(etcdserverpb::NONE);
  EXPECT_EQ(machine_.Apply<etcdserverpb::AlarmResponse>(entry).response.alarms_size(), 0);
  EXPECT_EQ(machine_.facts().alarms().size(), 1u);
}

TEST_F(ApplierTest, ARefusedEntryLeavesNoTrace) {
  machine_.Apply(Put("a"));
  const int64_t size = machine_.store().db_size();
  EXPECT_EQ(machine_.Apply(Txn(Put("b"), Put("c", "v", 99))).status, errors::LeaseNotFound());
  EXPECT_EQ(machine_.store().revision(), 2);
  EXPECT_EQ(machine_.store().db_size(), size);
  EXPECT_EQ(machine_.Apply(Grant(5)).status, absl::OkStatus());
  EXPECT_EQ(machine_.Apply(Grant(5)).status, errors::LeaseExists());
  EXPECT_THAT(LeaseChanges(), ElementsAre("+5:60"));
}

TEST_F(ApplierTest, AnEntryThatThisVersionDoesNotKnowHasNoEffectAndStopsTheMember) {
  const ApplyResult result = machine_.ApplyEntry(v1::LogEntry());
  EXPECT_EQ(result.status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(result.fatal);
  EXPECT_EQ(machine_.store().revision(), 1);
}

TEST_F(ApplierTest, WithoutAWaitingClientThereIsNoResponse) {
  v1::LogEntry entry;
  *entry.mutable_put() = Put("a");
  EXPECT_EQ(machine_.ApplyEntry(entry, nullptr, false).response, nullptr);
  EXPECT_EQ(machine_.store().revision(), 2);
}

TEST_F(ApplierTest, LeaseRecordsThatCannotBeReadHaveNoTtl) {
  EXPECT_EQ(LeaseRecordTtl("60"), 60);
  EXPECT_EQ(LeaseRecordTtl(""), 0);
  EXPECT_EQ(LeaseRecordTtl("x"), 0);
  EXPECT_EQ(LeaseRecordTtl("60 20"), 60);
  EXPECT_EQ(LeaseRecordRemaining("60 20"), 20);
  EXPECT_EQ(LeaseRecordRemaining("60"), 0);
  EXPECT_EQ(LeaseRecordRemaining("60 x"), 0);
}

// Facts live in the store and come back with it.
TEST(ClusterFactsTest, WhatMembersSayAlarmsAndTheVersionSurviveAReopening) {
  StateMachine machine;
  v1::LogEntry entry;
  entry.mutable_member_attributes()->set_member(3);
  entry.mutable_member_attributes()->set_name("m3");
  entry.mutable_member_attributes()->add_client_urls("http://127.0.0.1:1");
  machine.ApplyEntry(entry);
  entry.mutable_cluster_version()->set_version(4);
  machine.ApplyEntry(entry);
  entry.mutable_alarm()->set_active(true);
  entry.mutable_alarm()->set_member(9);
  entry.mutable_alarm()->set_alarm(etcdserverpb::CORRUPT);
  machine.ApplyEntry(entry);
  machine.Reopen();
  const ClusterFacts& facts = machine.facts();
  ASSERT_NE(facts.FindMember(3), nullptr);
  EXPECT_EQ(facts.FindMember(3)->name, "m3");
  EXPECT_THAT(facts.FindMember(3)->client_urls, ElementsAre("http://127.0.0.1:1"));
  EXPECT_EQ(facts.FindMember(4), nullptr);
  EXPECT_EQ(facts.version(), 4u);
  EXPECT_TRUE(facts.HasAlarm(AlarmKind::kCorrupt));
  EXPECT_FALSE(facts.HasAlarm(AlarmKind::kNoSpace));
  EXPECT_THAT(facts.alarms(), ElementsAre(ClusterFacts::Alarm(9, AlarmKind::kCorrupt)));
}

TEST(ClusterFactsTest, AnAlarmIsClearedForExactlyItsMemberAndKind) {
  StateMachine machine;
  ClusterFacts& facts = machine.facts();
  auto batch = machine.store().NewBatch();
  EXPECT_TRUE(facts.RaiseAlarm(1, AlarmKind::kNoSpace, *batch));
  EXPECT_FALSE(facts.RaiseAlarm(1, AlarmKind::kNoSpace, *batch)) << "it is raised already";
  EXPECT_TRUE(facts.RaiseAlarm(2, AlarmKind::kNoSpace, *batch));
  EXPECT_FALSE(facts.RaiseAlarm(1, AlarmKind::kNone, *batch));
  EXPECT_FALSE(facts.ClearAlarm(1, AlarmKind::kCorrupt, *batch));
  EXPECT_TRUE(facts.ClearAlarm(1, AlarmKind::kNoSpace, *batch));
  EXPECT_TRUE(facts.HasAlarm(AlarmKind::kNoSpace)) << "member 2 still has one";
  EXPECT_TRUE(facts.ClearAlarm(2, AlarmKind::kNoSpace, *batch));
  EXPECT_THAT(facts.alarms(), IsEmpty());
}

TEST(ClusterFactsTest, ADamagedRecordIsReported) {
  StateMachine machine;
  auto batch = machine.store().NewBatch();
  batch->PutMeta("cluster_version", "not a number");
  ASSERT_TRUE(batch->Commit({raft::Term(1), raft::Index(1)}).ok());
  ClusterFacts facts;
  const absl::Status status = facts.Load(machine.store());
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "meta record \"cluster_version\" can't be read");
}

}  // namespace
}  // namespace keelson::server
