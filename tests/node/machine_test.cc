// Committed entries on their way into the store: however they are cut into slices, and whatever is
// applied on another thread, the same log makes the same state and the same answers.
#include "server/node/machine.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::server {
namespace {

using storage::StoreHarness;
using v1::LogEntry;

constexpr Origin kSelf{1, 9};

class MachineTest : public testing::Test {
 protected:
  struct Member {
    explicit Member(SliceLimits slice_limits) : limits(slice_limits) {
      EXPECT_EQ(machine.Load(), absl::OkStatus());
    }
    StoreHarness store;
    SliceLimits limits;
    Machine machine{store.Release(), kSelf};
    std::vector<std::string> answers;
    std::vector<storage::Change> changes;
    std::vector<int64_t> lease_changes;
    int large = 0;

    void Take(AppliedSlice slice) {
      for (auto& answer : slice.answers) answers.push_back(Text(answer));
      changes.insert(changes.end(), slice.changes.begin(), slice.changes.end());
      for (const LeaseChange& change : slice.lease_changes) {
        lease_changes.push_back(change.ttl_seconds == 0 ? -change.id : change.id);
      }
      if (!slice.ids.empty()) {
        EXPECT_EQ(slice.last, machine.applied());
        EXPECT_EQ(slice.revision, machine.store().revision());
      }
    }
    static std::string Text(const AppliedSlice::Answer& answer) {
      std::string text = absl::StrCat(answer.sequence, " ", answer.result.status.ToString(), " ");
      if (answer.result.response == nullptr) return text;
      std::unique_ptr<google::protobuf::Message> whole(answer.result.response->New());
      std::string bytes = answer.result.response->SerializeAsString();
      if (answer.result.body != nullptr) bytes += *answer.result.body;
      EXPECT_TRUE(whole->ParseFromString(bytes));
      return text + whole->ShortDebugString();
    }
    void ApplyAll() {
      while (machine.has_work()) {
        if (!machine.front_is_large()) {
          auto slice = machine.ApplySlice(limits);
          ASSERT_TRUE(slice.ok()) << slice.status();
          Take(*std::move(slice));
          continue;
        }
        ++large;
        machine.StartLarge()();
        EXPECT_FALSE(machine.has_work()) << "nothing else is applied meanwhile";
        auto slice = machine.FinishLarge();
        ASSERT_TRUE(slice.ok()) << slice.status();
        EXPECT_EQ(slice->ids.size(), 1u);
        Take(*std::move(slice));
      }
    }
    uint32_t Hash() {
      auto hash = machine.store().View()->HashKv(0);
      EXPECT_TRUE(hash.ok());
      for (;;) {
        auto done = (*hash)->Step({.max_keys = 0, .max_bytes = 0, .max_micros = 0});
        EXPECT_TRUE(done.ok());
        if (done->has_value()) return (*done)->hash;
      }
    }
  };

  void Add(LogEntry entry) {
    entry.mutable_id()->set_member(kSelf.member);
    entry.mutable_id()->set_boot(kSelf.boot);
    entry.mutable_id()->set_sequence(log_.size() + 1);
    raft::Entry raw;
    raw.index = raft::Index(log_.size() + 1);
    raw.term = raft::Term(1);
    raw.payload = std::make_shared<const std::string>(entry.SerializeAsString());
    log_.push_back(std::move(raw));
  }
  void AddPut(const std::string& key, const std::string& value, int64_t lease = 0) {
    LogEntry entry;
    entry.mutable_put()->set_key(key);
    entry.mutable_put()->set_value(value);
    entry.mutable_put()->set_lease(lease);
    Add(entry);
  }
  static etcdserverpb::DeleteRangeRequest DeletePrefix(const std::string& prefix) {
    etcdserverpb::DeleteRangeRequest request;
    request.set_key(prefix);
    request.set_range_end(prefix + "~");
    request.set_prev_kv(true);
    return request;
  }

  std::vector<raft::Entry> log_;
};

constexpr SliceLimits kSmall{.entries = 7, .bytes = 2000, .work = 60, .entry_work = 40};
constexpr SliceLimits kUnlimited{
    .entries = 100000, .bytes = 1 << 30, .work = UINT64_MAX, .entry_work = 0};

TEST_F(MachineTest, ALargeDeleteIsOneRevisionWithOneAnswer) {
  for (int i = 0; i < 300; ++i) AddPut(absl::StrCat("k", i), std::string(500, 'v'));
  LogEntry entry;
  *entry.mutable_delete_range() = DeletePrefix("k");
  Add(entry);
  AddPut("after", "v");
  Member member(kSmall);
  member.machine.Enqueue(log_);
  member.ApplyAll();
  EXPECT_EQ(member.large, 1);
  EXPECT_EQ(member.machine.store().key_count(), 1);
  EXPECT_EQ(member.machine.store().revision(), 303);
  EXPECT_NE(member.answers[300].find("deleted: 300"), std::string::npos);
  EXPECT_EQ(member.changes.size(), 601u);
}

TEST_F(MachineTest, WhileALargeEntryRunsTheStoreAnswersFromTheStateBefore) {
  for (int i = 0; i < 300; ++i) AddPut(absl::StrCat("k", i), "v");
  LogEntry entry;
  *entry.mutable_delete_range() = DeletePrefix("k");
  Add(entry);
  Member member(kSmall);
  member.machine.Enqueue(log_);
  while (!member.machine.front_is_large()) {
    auto slice = member.machine.ApplySlice(kSmall);
    ASSERT_TRUE(slice.ok());
  }
  const auto job = member.machine.StartLarge();
  EXPECT_EQ(*member.machine.store().View()->Count(storage::KeyRange::All()), 300);
  job();
  EXPECT_EQ(*member.machine.store().View()->Count(storage::KeyRange::All()), 300);
  EXPECT_EQ(member.machine.applied(), raft::Index(300));
  ASSERT_TRUE(member.machine.FinishLarge().ok());
  EXPECT_EQ(*member.machine.store().View()->Count(storage::KeyRange::All()), 0);
  EXPECT_EQ(member.machine.applied(), raft::Index(301));
}

TEST_F(MachineTest, AnInstalledSnapshotTakesThePlaceOfAHalfAppliedEntry) {
  StoreHarness other;
  for (int i = 0; i < 300; ++i) AddPut(absl::StrCat("k", i), "v");
  LogEntry entry;
  *entry.mutable_delete_range() = DeletePrefix("k");
  Add(entry);
  AddPut("after", "v");
  Member member(kSmall);
  member.machine.Enqueue(log_);
  while (!member.machine.front_is_large()) {
    ASSERT_TRUE(member.machine.ApplySlice(kSmall).ok());
  }
  member.machine.StartLarge()();
  member.machine.DropLarge();
  other.PutMany("snapshot", 5, "v");
  ASSERT_TRUE(member.machine.Replace(other.Release()).ok());
  EXPECT_FALSE(member.machine.has_work());
  EXPECT_EQ(member.machine.store().key_count(), 5);
}

// A grant that was applied and found no room to be committed is not told with what comes after
// another store has taken the place.
TEST_F(MachineTest, WhatWasNotCommittedTellsNoLeaseChanges) {
  for (const bool large : {false, true}) {
    StoreHarness other;
    log_.clear();
    LogEntry grant;
    grant.mutable_lease_grant()->set_id(7);
    grant.mutable_lease_grant()->set_ttl(60);
    AddPut("k", std::string(1000, 'v'));
    Add(grant);
    Member member(kSmall);
    member.machine.Enqueue({log_[0]});
    member.ApplyAll();
    member.store.disk().SetCapacity(member.store.disk().UsedBytes());
    auto flush = member.machine.store().StartFlush();
    ASSERT_TRUE(flush.ok());
    ASSERT_TRUE(absl::IsResourceExhausted((*flush)->Run()));
    member.machine.Enqueue({log_[1]});
    SliceLimits limits = kSmall;
    limits.entry_work = large ? 1 : 40;
    auto slice = member.machine.ApplySlice(limits);
    if (large && member.machine.front_is_large()) {
      member.machine.StartLarge()();
      slice = member.machine.FinishLarge();
    }
    ASSERT_TRUE(absl::IsResourceExhausted(slice.status())) << slice.status();
    ASSERT_TRUE(member.machine.Replace(other.Release()).ok());
    log_.clear();
    AddPut("after", "v");
    member.machine.Enqueue(log_);
    member.ApplyAll();
    EXPECT_TRUE(member.lease_changes.empty()) << (large ? "large" : "small");
  }
}

TEST_F(MachineTest, AnEntryOfANewerVersionStopsTheMemberBeforeAnythingOfItIsDone) {
  const auto status_of = [](const std::string& payload) {
    Member member(kSmall);
    raft::Entry entry;
    entry.index = raft::Index(1);
    entry.term = raft::Term(1);
    entry.payload = std::make_shared<const std::string>(payload);
    member.machine.Enqueue({entry});
    const absl::Status status = member.machine.ApplySlice(kSmall).status();
    EXPECT_EQ(member.machine.applied(), raft::Index(0));
    EXPECT_NE(status.message().find("upgrade kvd on this member"), std::string::npos) << status;
    return status.code();
  };
  LogEntry version;
  version.mutable_cluster_version()->set_version(kEntryVersion + 1);
  const std::string unknown_field("\xa2\x06\x01x", 4);  // number 100, one byte
  EXPECT_EQ(status_of(version.SerializeAsString()), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status_of(unknown_field), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status_of("no entry at all"), absl::StatusCode::kUnimplemented);
}

TEST_F(MachineTest, WhatAMemberHasTakenForARequestItAlsoReadsFromTheLog) {
  // Fields that nobody knows, as deep as a request can be read.
  std::string request;
  for (int depth = 0; depth < 200; ++depth) {
    const std::string deeper =
        "\x0a\x01k" + std::string(depth + 1, '\x7b') + std::string(depth + 1, '\x7c');
    etcdserverpb::PutRequest put;
    if (!put.ParseFromString(deeper)) break;
    request = deeper;
  }
  ASSERT_GT(request.size(), 100u);
  std::string payload;
  const uint32_t tag = LogEntry::kPutFieldNumber << 3 | 2;
  for (uint32_t rest : {tag, static_cast<uint32_t>(request.size())}) {
    for (; rest > 127; rest >>= 7) payload.push_back(static_cast<char>(rest | 128));
    payload.push_back(static_cast<char>(rest));
  }
  Member member(kSmall);
  raft::Entry entry;
  entry.index = raft::Index(1);
  entry.term = raft::Term(1);
  entry.payload = std::make_shared<const std::string>(payload + request);
  member.machine.Enqueue({entry});
  const auto slice = member.machine.ApplySlice(kSmall);
  ASSERT_TRUE(slice.ok()) << slice.status();
  EXPECT_EQ(member.machine.store().revision(), 2);
}

TEST_F(MachineTest, AStoreOfANewerClusterIsRefusedWithTheAdviceToUpgrade) {
  LogEntry entry;
  entry.mutable_cluster_version()->set_version(2);
  Add(entry);
  StoreHarness store;
  Machine newer(store.Release(), kSelf, 2);
  ASSERT_EQ(newer.Load(), absl::OkStatus());
  newer.Enqueue(log_);
  ASSERT_TRUE(newer.ApplySlice(kSmall).ok());
  EXPECT_EQ(newer.facts().version(), 2u);
  Machine older(newer.TakeStore(), kSelf, 1);
  const absl::Status status = older.Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("version 2, this kvd reads them up to version 1: upgrade"),
            std::string::npos)
      << status;
}

// Puts, deletes, transactions with large ranges and compares, leases with many keys that end one
// by one or together.
void AddRandom(std::mt19937_64& random, const std::function<void(const LogEntry&)>& add) {
  LogEntry entry;
  const auto key = [&] { return absl::StrCat("k", random() % 10, random() % 10); };
  switch (random() % 12) {
    case 0: {
      auto* request = entry.mutable_delete_range();
      request->set_key(absl::StrCat("k", random() % 10));
      request->set_range_end(absl::StrCat("k", random() % 10));
      request->set_prev_kv(random() % 2 == 0);
      break;
    }
    case 1: {
      auto* txn = entry.mutable_txn();
      auto* compare = txn->add_compare();
      compare->set_key("k");
      compare->set_range_end("l");
      compare->set_target(etcdserverpb::Compare::VERSION);
      compare->set_result(etcdserverpb::Compare::LESS);
      compare->set_version(static_cast<int64_t>(random() % 20));
      txn->add_success()->mutable_request_range()->set_key("k");
      txn->mutable_success(0)->mutable_request_range()->set_range_end("l");
      txn->add_success()->mutable_request_put()->set_key(key());
      txn->add_failure()->mutable_request_delete_range()->set_key("k5");
      txn->mutable_failure(0)->mutable_request_delete_range()->set_range_end("k8");
      txn->add_failure()->mutable_request_put()->set_key(key());
      txn->mutable_failure(1)->mutable_request_put()->set_lease(77);  // may not exist
      break;
    }
    case 2:
      entry.mutable_lease_grant()->set_id(1 + static_cast<int64_t>(random() % 5));
      entry.mutable_lease_grant()->set_ttl(60);
      break;
    case 3:
      entry.mutable_lease_revoke()->set_id(1 + static_cast<int64_t>(random() % 5));
      break;
    case 4:
      entry.mutable_lease_expire();
      for (int64_t id = 1; id <= 5; ++id) {
        if (random() % 2 == 0) entry.mutable_lease_expire()->add_id(id);
      }
      break;
    default:
      entry.mutable_put()->set_key(key());
      entry.mutable_put()->set_value(std::string(random() % 3000, 'v'));
      if (random() % 2 == 0) entry.mutable_put()->set_lease(1 + static_cast<int64_t>(random() % 5));
  }
  add(entry);
}

TEST_F(MachineTest, HoweverTheLogIsCutTheStateAndTheAnswersAreTheSame) {
  std::mt19937_64 random(7);
  int large = 0;
  for (int run = 0; run < 20; ++run) {
    log_.clear();
    for (int i = 0; i < 400; ++i) AddRandom(random, [this](const LogEntry& entry) { Add(entry); });
    SliceLimits limits = kSmall;
    limits.entry_work = 20 + random() % 300;
    limits.work = 20 + random() % 1000;
    Member sliced(limits);
    Member whole(kUnlimited);
    whole.machine.Enqueue(log_);
    whole.ApplyAll();
    for (const raft::Entry& entry : log_) {
      sliced.machine.Enqueue({entry});
      if (random() % 3 == 0) sliced.ApplyAll();
    }
    sliced.ApplyAll();
    large += sliced.large;
    ASSERT_EQ(whole.large, 0);
    ASSERT_EQ(sliced.answers, whole.answers);
    ASSERT_EQ(sliced.lease_changes, whole.lease_changes);
    ASSERT_EQ(sliced.changes.size(), whole.changes.size());
    ASSERT_EQ(sliced.machine.store().revision(), whole.machine.store().revision());
    ASSERT_EQ(sliced.machine.store().db_size(), whole.machine.store().db_size());
    ASSERT_EQ(sliced.machine.store().key_count(), whole.machine.store().key_count());
    ASSERT_EQ(sliced.Hash(), whole.Hash());
  }
  EXPECT_GT(large, 100);
}

}  // namespace
}  // namespace keelson::server
