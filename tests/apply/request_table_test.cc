// Writes that their clients named: applied once, answered alike ever after (server/apply/README.md,
// "Applied once").
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "server/apply/request_errors.h"
#include "server/apply/request_id.h"
#include "storage/mvcc/apply_batch.h"
#include "tests/apply/state_machine.h"

namespace keelson::server {
namespace {

using Named = ApplyResult::Named;

v1::LogEntry PutEntry(const std::string& id, const std::string& key, const std::string& value) {
  v1::LogEntry entry;
  entry.mutable_put()->set_key(key);
  entry.mutable_put()->set_value(value);
  entry.mutable_put()->set_prev_kv(true);
  const auto parsed = ParseRequestId(id);
  EXPECT_TRUE(parsed.ok()) << id;
  entry.mutable_request_id()->set_id(id);
  entry.mutable_request_id()->set_position(parsed->position);
  entry.mutable_request_id()->set_digest(RequestDigest(10, entry.put().SerializeAsString()));
  return entry;
}

std::string ResponseOf(const ApplyResult& result) {
  return result.response == nullptr ? "none" : result.response->SerializeAsString();
}

TEST(RequestIdTest, IsANumberAHyphenAndAName) {
  const auto id = ParseRequestId("120-a-b");
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(id->position, 120u);
  EXPECT_EQ(id->text, "120-a-b");
  EXPECT_TRUE(ParseRequestId("0-" + std::string(64, 'x')).ok());
  for (const std::string& wrong :
       {std::string(), std::string("x"), std::string("-x"), std::string("1-"), std::string("+1-x"),
        std::string("1 -x"), std::string("1-a b"), std::string("1-\x01"), std::string("1-\xff"),
        "0-" + std::string(65, 'x'), std::string("99999999999999999999-x")}) {
    EXPECT_EQ(ParseRequestId(wrong).status(), errors::InvalidRequestId()) << wrong;
  }
}

TEST(RequestTableTest, ARepeatedWriteHasNoEffectAndTheFirstAnswer) {
  StateMachine machine;
  machine.ApplyEntry(PutEntry("0-a", "k", "old"));
  const ApplyResult first = machine.ApplyEntry(PutEntry("0-b", "k", "new"));
  EXPECT_EQ(first.named, Named::kFirst);
  machine.ApplyEntry(PutEntry("1-c", "k", "newest"));
  const int64_t revision = machine.store().revision();
  std::vector<storage::Change> changes;
  const ApplyResult again = machine.ApplyEntry(PutEntry("0-b", "k", "new"), &changes);
  EXPECT_EQ(again.named, Named::kRepeated);
  EXPECT_TRUE(again.status.ok());
  EXPECT_EQ(ResponseOf(again), ResponseOf(first)) << "with the pair before it and its revision";
  EXPECT_TRUE(changes.empty());
  EXPECT_EQ(machine.store().revision(), revision);
  EXPECT_EQ(machine.requests().newest(), 3u);
}

TEST(RequestTableTest, AMemberThatNobodyAskedKeepsTheSameAnswer) {
  StateMachine asked;
  StateMachine other;
  const v1::LogEntry entry = PutEntry("0-a", "k", "v");
  asked.ApplyEntry(entry);
  other.ApplyEntry(entry, nullptr, /*want_response=*/false);
  EXPECT_EQ(ResponseOf(other.ApplyEntry(entry)), ResponseOf(asked.ApplyEntry(entry)));
  EXPECT_EQ(asked.requests().kept_bytes(), other.requests().kept_bytes());
}

TEST(RequestTableTest, ADefiniteErrorStaysTheAnswer) {
  StateMachine machine;
  v1::LogEntry entry = PutEntry("0-a", "k", "v");
  entry.mutable_put()->set_lease(7);
  EXPECT_EQ(machine.ApplyEntry(entry).status, errors::LeaseNotFound());
  v1::LogEntry grant;
  grant.mutable_lease_grant()->set_id(7);
  grant.mutable_lease_grant()->set_ttl(60);
  ASSERT_TRUE(machine.ApplyEntry(grant).status.ok());
  const ApplyResult again = machine.ApplyEntry(entry);
  EXPECT_EQ(again.status, errors::LeaseNotFound());
  EXPECT_EQ(again.named, Named::kRepeated);
  EXPECT_EQ(machine.store().key_count(), 0);
}

TEST(RequestTableTest, AnAlarmThatCameLaterDoesNotHideTheFirstAnswer) {
  StateMachine machine;
  const ApplyResult first = machine.ApplyEntry(PutEntry("0-a", "k", "v"));
  v1::LogEntry alarm;
  alarm.mutable_alarm()->set_active(true);
  alarm.mutable_alarm()->set_alarm(etcdserverpb::NOSPACE);
  machine.ApplyEntry(alarm);
  EXPECT_EQ(machine.ApplyEntry(PutEntry("0-b", "k", "w")).status, errors::NoSpace());
  EXPECT_EQ(ResponseOf(machine.ApplyEntry(PutEntry("0-a", "k", "v"))), ResponseOf(first));
}

TEST(RequestTableTest, AnIdNamesOneRequest) {
  StateMachine machine;
  machine.ApplyEntry(PutEntry("0-a", "k", "v"));
  const ApplyResult other = machine.ApplyEntry(PutEntry("0-a", "k", "w"));
  EXPECT_EQ(other.status, errors::RequestIdOfAnother());
  EXPECT_EQ(other.named, Named::kNone);
  EXPECT_EQ(machine.store().revision(), 2);
}

TEST(RequestTableTest, APositionThatWasNotToldIsRefused) {
  StateMachine machine;
  machine.ApplyEntry(PutEntry("0-a", "k", "v"));
  EXPECT_EQ(machine.ApplyEntry(PutEntry("2-b", "k", "w")).status, errors::RequestIdOfTheFuture());
  EXPECT_TRUE(machine.ApplyEntry(PutEntry("1-b", "k", "w")).status.ok());
}

TEST(RequestTableTest, TheTableOutlivesAStart) {
  StateMachine machine;
  const ApplyResult first = machine.ApplyEntry(PutEntry("0-a", "k", "v"));
  machine.Reopen();
  const ApplyResult again = machine.ApplyEntry(PutEntry("0-a", "k", "v"));
  EXPECT_EQ(again.named, Named::kRepeated);
  EXPECT_EQ(ResponseOf(again), ResponseOf(first));
  EXPECT_EQ(machine.requests().newest(), 1u);
  EXPECT_EQ(machine.requests().kept(), 1u);
}

// The clock by which records expire is the log's: the number of named writes.
TEST(RequestTableTest, WhoseRecordMayBeGoneIsNeitherAppliedNorAnswered) {
  StateMachine machine(RequestLimits{.requests = 3});
  for (int i = 0; i < 5; ++i) {
    machine.ApplyEntry(PutEntry(absl::StrCat(i, "-a"), "k", absl::StrCat(i)));
  }
  EXPECT_EQ(machine.requests().kept(), 3u);
  const int64_t revision = machine.store().revision();
  for (int i = 0; i < 2; ++i) {
    const auto id = absl::StrCat(i, "-a");
    const ApplyResult old = machine.ApplyEntry(PutEntry(id, "k", absl::StrCat(i)));
    EXPECT_EQ(old.status, errors::RequestTooOld()) << id;
    EXPECT_EQ(old.named, Named::kTooOld) << id;
  }
  EXPECT_EQ(machine.ApplyEntry(PutEntry("1-never-sent", "k", "x")).status, errors::RequestTooOld())
      << "nobody can tell it from one whose record is gone";
  EXPECT_EQ(machine.store().revision(), revision);
  EXPECT_EQ(machine.ApplyEntry(PutEntry("2-a", "k", "2")).named, Named::kRepeated);
  machine.Reopen();
  EXPECT_EQ(machine.ApplyEntry(PutEntry("1-a", "k", "1")).named, Named::kTooOld);
  EXPECT_EQ(machine.ApplyEntry(PutEntry("2-new", "k", "y")).named, Named::kFirst);
}

TEST(RequestTableTest, WhatIsKeptIsBoundedInBytes) {
  StateMachine machine(RequestLimits{.bytes = 20000});
  for (int i = 0; i < 100; ++i) {
    machine.ApplyEntry(PutEntry(absl::StrCat(i, "-a"), "k", std::string(1000, 'x')));
    ASSERT_LE(machine.requests().kept_bytes(), 20000u);
  }
  EXPECT_GT(machine.requests().kept(), 10u);
  EXPECT_LT(machine.requests().kept(), 20u);
  uint64_t records = 0;
  ASSERT_TRUE(machine.store()
                  .ForEachMeta("request", [&](std::string_view, std::string_view) { ++records; })
                  .ok());
  EXPECT_EQ(records, 2 * machine.requests().kept() + 1) << "what is dropped leaves nothing behind";
}

TEST(RequestTableTest, AnAnswerThatIsTooLargeIsNotKeptButThatItWasGivenIs) {
  StateMachine machine(RequestLimits{.answer_bytes = 100});
  machine.ApplyEntry(PutEntry("0-a", "k", std::string(1000, 'x')));
  const ApplyResult first = machine.ApplyEntry(PutEntry("0-b", "k", "y"));
  EXPECT_TRUE(first.status.ok());
  const int64_t revision = machine.store().revision();
  const ApplyResult again = machine.ApplyEntry(PutEntry("0-b", "k", "y"));
  EXPECT_EQ(again.status, errors::AnswerNotKept());
  EXPECT_EQ(again.named, Named::kRepeated);
  EXPECT_EQ(machine.store().revision(), revision);
}

// Within one commit, too: the second sees what the first has kept.
TEST(RequestTableTest, TwoOfOneBatchAreAppliedOnce) {
  StateMachine machine;
  auto batch = machine.store().NewBatch();
  const v1::LogEntry entry = PutEntry("0-a", "k", "v");
  EXPECT_EQ(machine.applier().Apply(entry, true, *batch).named, Named::kFirst);
  EXPECT_EQ(machine.applier().Apply(entry, true, *batch).named, Named::kRepeated);
  const auto committed = batch->Commit({raft::Term(1), raft::Index(1)});
  ASSERT_TRUE(committed.ok());
  EXPECT_EQ(committed->changes.size(), 1u);
}

}  // namespace
}  // namespace keelson::server
