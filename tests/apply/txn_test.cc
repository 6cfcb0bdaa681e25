// Transactions on a real store: what is compared, what is checked before, what runs and is
// answered.
#include "server/apply/txn.h"

#include <gtest/gtest.h>

#include <string>

#include "server/apply/errors.h"
#include "tests/apply/requests.h"
#include "tests/apply/state_machine.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::PutRequest;
using etcdserverpb::TxnRequest;

const std::string kNoEnd(1, '\0');

class TxnTest : public ::testing::Test {
 protected:
  // Applies what has to succeed.
  template <typename Request>
  auto Do(const Request& request) {
    auto applied = machine_.Apply(request);
    EXPECT_EQ(applied.status, absl::OkStatus()) << request.ShortDebugString();
    return applied.response;
  }

  // A refused transaction must leave no trace.
  void ExpectRefused(const TxnRequest& txn, const absl::Status& error) {
    const int64_t revision = machine_.store().revision();
    const int64_t size = machine_.store().db_size();
    const auto applied = machine_.Apply(txn);
    EXPECT_EQ(applied.status, error) << txn.ShortDebugString();
    EXPECT_TRUE(applied.changes.empty());
    EXPECT_EQ(machine_.store().revision(), revision);
    EXPECT_EQ(machine_.store().db_size(), size);
  }

  StateMachine machine_;
};

TEST_F(TxnTest, AllWritesShareOneRevisionAndAreAnsweredInOrder) {
  Do(Put("a", "old"));
  const auto response = Do(Txn(Put("b"), Delete("a"), Range("b"), Put("c")));
  EXPECT_TRUE(response.succeeded());
  EXPECT_EQ(response.header().revision(), 3);
  ASSERT_EQ(response.responses_size(), 4);
  EXPECT_EQ(response.responses(0).response_put().header().revision(), 3);
  EXPECT_EQ(response.responses(1).response_delete_range().deleted(), 1);
  EXPECT_EQ(response.responses(1).response_delete_range().prev_kvs(0).value(), "old");
  EXPECT_EQ(response.responses(2).response_range().kvs(0).mod_revision(), 3);
  EXPECT_EQ(response.responses(3).response_put().header().revision(), 3);
}

TEST_F(TxnTest, AnInnerRevisionIsTheOldOneBeforeTheFirstChange) {
  Do(Put("a"));
  const auto response = Do(Txn(Range("a"), Delete("nothing"), Put("a"), Range("a")));
  EXPECT_EQ(response.responses(0).response_range().header().revision(), 2);
  EXPECT_EQ(response.responses(1).response_delete_range().header().revision(), 2);
  EXPECT_EQ(response.responses(2).response_put().header().revision(), 3);
  EXPECT_EQ(response.responses(3).response_range().header().revision(), 3);
}

TEST_F(TxnTest, WithoutAnEffectTheRevisionStays) {
  Do(Put("a"));
  EXPECT_EQ(Do(Txn(Delete("nothing"), Range("a"))).header().revision(), 2);
  EXPECT_EQ(Do(TxnRequest()).header().revision(), 2);
}

TEST_F(TxnTest, TheHeaderOfANestedTransactionIsThereAndEmpty) {
  const auto response = Do(Txn(Txn(Put("a"))));
  const auto& nested = response.responses(0).response_txn();
  EXPECT_TRUE(nested.has_header());
  EXPECT_EQ(nested.header().ByteSizeLong(), 0u);
  EXPECT_EQ(nested.responses(0).response_put().header().revision(), 2);
}

TEST_F(TxnTest, TheFailureBranchRunsWhenOneCompareDoesNotHold) {
  Do(Put("a"));
  TxnRequest txn = Txn(Put("success"));
  *txn.add_failure() = Op(Put("failure"));
  *txn.add_compare() = VersionIs("a", 1);
  *txn.add_compare() = VersionIs("a", 2);
  EXPECT_FALSE(Do(txn).succeeded());
  EXPECT_EQ(Do(Txn(Range("failure"))).responses(0).response_range().count(), 1);
  EXPECT_EQ(Do(Txn(Range("success"))).responses(0).response_range().count(), 0);
}

TEST_F(TxnTest, NestedComparesSeeTheStateBeforeTheWholeTransaction) {
  TxnRequest nested = Txn(Put("was-missing"));
  *nested.add_compare() = VersionIs("a", 0);
  const auto response = Do(Txn(Put("a"), nested));
  EXPECT_TRUE(response.responses(1).response_txn().succeeded());
}

TEST_F(TxnTest, NestedComparesOfABranchNotTakenDoNotCount) {
  TxnRequest refused = Txn(Range("a", "", 99));
  TxnRequest txn = Txn(refused);
  *txn.add_compare() = VersionIs("a", 1);
  *txn.add_failure() = Op(Put("a"));
  EXPECT_FALSE(Do(txn).succeeded());
}

TEST_F(TxnTest, ARangeAtANegativeRevisionIsCompactedInsideATransaction) {
  Do(Put("a"));
  // A store that was never compacted counts as compacted at -1.
  Do(Txn(Range("a", "", -1)));
  ExpectRefused(Txn(Range("a", "", -2)), errors::Compacted());
  Do(Put("a"));
  Do(Compaction(2));
  ExpectRefused(Txn(Range("a", "", -1)), errors::Compacted());
  ExpectRefused(Txn(Range("a", "", 1)), errors::Compacted());
  Do(Txn(Range("a", "", 0)));
  Do(Txn(Range("a", "", 2)));
  Do(Txn(Range("a", "", 3)));
  ExpectRefused(Txn(Range("a", "", 4)), errors::FutureRevision());
}

TEST_F(TxnTest, ARefusedRangeUndoesNothingBecauseItIsRefusedBefore) {
  Do(Put("a", "1"));
  // Two ranges to the next revision: it is in the future until the transaction has run.
  ExpectRefused(Txn(Put("a", "2"), Range("a", "", 3)), errors::FutureRevision());
  EXPECT_EQ(Do(Txn(Range("a"))).responses(0).response_range().kvs(0).value(), "1");
}

TEST_F(TxnTest, IgnoreFlagsOnAMissingKeyRefuseTheWholeTransaction) {
  PutRequest keep = Put("missing", "");
  keep.set_ignore_value(true);
  ExpectRefused(Txn(Put("a"), keep), errors::KeyNotFound());
  keep.set_ignore_value(false);
  keep.set_ignore_lease(true);
  ExpectRefused(Txn(Put("a"), Txn(keep)), errors::KeyNotFound());
}

TEST_F(TxnTest, IgnoreFlagsOnAKeyThatTheTransactionDeletedRefuseIt) {
  Do(Put("a", "1"));
  PutRequest keep = Put("a", "");
  keep.set_ignore_value(true);
  ExpectRefused(Txn(Delete("a", kNoEnd), keep), errors::KeyNotFound());
}

TEST_F(TxnTest, AnUnknownLeaseRefusesTheWholeTransaction) {
  ExpectRefused(Txn(Put("a"), Put("b", "v", 7)), errors::LeaseNotFound());
  Do(Grant(7));
  EXPECT_EQ(Do(Txn(Put("b", "v", 7))).header().revision(), 2);
}

TEST_F(TxnTest, PutsAreCheckedBeforeRanges) {
  ExpectRefused(Txn(Range("a", "", 99), Put("b", "v", 7)), errors::LeaseNotFound());
}

TEST_F(TxnTest, IgnoreValueKeepsTheValueAndIgnoreLeaseTheLease) {
  Do(Grant(7));
  Do(Grant(8));
  Do(Put("a", "kept", 7));
  PutRequest keep_value = Put("a", "", 8);
  keep_value.set_ignore_value(true);
  Do(Txn(keep_value));
  PutRequest keep_lease = Put("a", "new");
  keep_lease.set_ignore_lease(true);
  keep_lease.set_prev_kv(true);
  const auto response = Do(Txn(keep_lease, Range("a")));
  EXPECT_EQ(response.responses(0).response_put().prev_kv().value(), "kept");
  EXPECT_EQ(response.responses(0).response_put().prev_kv().lease(), 8);
  EXPECT_EQ(response.responses(1).response_range().kvs(0).value(), "new");
  EXPECT_EQ(response.responses(1).response_range().kvs(0).lease(), 8);
  EXPECT_EQ(response.responses(1).response_range().kvs(0).version(), 3);
}

TEST_F(TxnTest, PreviousPairsOfOperationsAreThoseOfTheMoment) {
  Do(Put("old", "1"));
  const auto response = Do(Txn(Txn(Put("old", "2"), Put("new", "3")), Txn(Delete("a", "z"))));
  const auto& removed = response.responses(1).response_txn().responses(0).response_delete_range();
  ASSERT_EQ(removed.prev_kvs_size(), 2);
  EXPECT_EQ(removed.prev_kvs(0).value(), "3");
  EXPECT_EQ(removed.prev_kvs(0).create_revision(), 3);
  EXPECT_EQ(removed.prev_kvs(1).value(), "2");
  EXPECT_EQ(removed.prev_kvs(1).mod_revision(), 3);
}

TEST_F(TxnTest, ARangeCountsAllKeysEvenBeyondItsLimit) {
  for (const char* key : {"a", "b", "c", "d"}) Do(Put(key));
  auto limited = Range("a", kNoEnd);
  limited.set_limit(2);
  auto counted = Range("a", "c");
  counted.set_count_only(true);
  auto old = Range("a", kNoEnd, 3);
  old.set_limit(1);
  const auto response = Do(Txn(limited, counted, old));
  EXPECT_EQ(response.responses(0).response_range().kvs_size(), 2);
  EXPECT_TRUE(response.responses(0).response_range().more());
  EXPECT_EQ(response.responses(0).response_range().count(), 4);
  EXPECT_EQ(response.responses(1).response_range().kvs_size(), 0);
  EXPECT_EQ(response.responses(1).response_range().count(), 2);
  EXPECT_EQ(response.responses(2).response_range().count(), 2);
  EXPECT_TRUE(response.responses(2).response_range().more());
}

TEST_F(TxnTest, DeletesOfOneTransactionDoNotCountAKeyTwice) {
  Do(Put("a"));
  const auto response = Do(Txn(Delete("a"), Delete("a"), Delete("a", kNoEnd)));
  EXPECT_EQ(response.responses(0).response_delete_range().deleted(), 1);
  EXPECT_EQ(response.responses(1).response_delete_range().deleted(), 0);
  EXPECT_EQ(response.responses(2).response_delete_range().deleted(), 0);
}

}  // namespace
}  // namespace keelson::server
