// What a member refuses before a request reaches the log, with the wire's texts.
#include "server/apply/validate.h"

#include <gtest/gtest.h>

#include "proto/etcd/rpc.pb.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

void AddPut(TxnRequest* txn, const std::string& key) {
  txn->add_success()->mutable_request_put()->set_key(key);
}

void AddDelete(TxnRequest* txn, const std::string& key, const std::string& end = "") {
  auto* request = txn->add_success()->mutable_request_delete_range();
  request->set_key(key);
  request->set_range_end(end);
}

TEST(ValidateTest, ARangeNeedsAKey) {
  EXPECT_EQ(Validate(etcdserverpb::RangeRequest()), errors::EmptyKey());
}

TEST(ValidateTest, AnUnknownSortOrderOrTargetIsRefused) {
  etcdserverpb::RangeRequest request;
  request.set_key("a");
  request.set_sort_order(static_cast<etcdserverpb::RangeRequest::SortOrder>(7));
  EXPECT_EQ(Validate(request), errors::InvalidSortOption());
  request.set_sort_order(etcdserverpb::RangeRequest::NONE);
  request.set_sort_target(static_cast<etcdserverpb::RangeRequest::SortTarget>(-1));
  EXPECT_EQ(Validate(request), errors::InvalidSortOption());
}

TEST(ValidateTest, IgnoreFlagsExcludeTheFieldTheyIgnore) {
  etcdserverpb::PutRequest request;
  EXPECT_EQ(Validate(request), errors::EmptyKey());
  request.set_key("a");
  request.set_value("v");
  request.set_ignore_value(true);
  EXPECT_EQ(Validate(request), errors::ValueProvided());
  request.set_ignore_value(false);
  request.set_lease(7);
  request.set_ignore_lease(true);
  EXPECT_EQ(Validate(request), errors::LeaseProvided());
}

TEST(ValidateTest, TheLongestListOfATransactionCounts) {
  TxnRequest txn;
  for (int i = 0; i < 128; ++i) AddPut(&txn, std::to_string(i));
  EXPECT_TRUE(Validate(txn, 128).ok());
  AddPut(&txn, "one too many");
  EXPECT_EQ(Validate(txn, 128), errors::TooManyOps());
}

TEST(ValidateTest, ANestedTransactionMayUseWhatItsParentLeft) {
  TxnRequest txn;
  for (int i = 0; i < 3; ++i) AddPut(&txn, std::to_string(i));
  auto* child = txn.add_failure()->mutable_request_txn();
  AddPut(child, "x");
  EXPECT_TRUE(Validate(txn, 4).ok());
  AddPut(child, "y");
  EXPECT_EQ(Validate(txn, 4), errors::TooManyOps());
}

// A transaction with `nested` others in it, one in the other.
TxnRequest NestedTxn(int nested) {
  TxnRequest txn;
  AddPut(&txn, "x");
  for (int i = 0; i < nested; ++i) {
    TxnRequest outer;
    *outer.add_failure()->mutable_request_txn() = std::move(txn);
    txn = std::move(outer);
  }
  return txn;
}

TEST(ValidateTest, TransactionsNestNoDeeperThanTheirAnswersCanBeRead) {
  EXPECT_TRUE(Validate(NestedTxn(kMaxNestedTxns), 128).ok());
  EXPECT_EQ(Validate(NestedTxn(kMaxNestedTxns + 1), 128), errors::TooManyOps());
}

TEST(ValidateTest, AnOperationWithoutContentIsAKeyNotFound) {
  TxnRequest txn;
  txn.add_success();
  EXPECT_EQ(Validate(txn, 128), errors::KeyNotFound());
}

TEST(ValidateTest, TwoPutsOfOneKeyAreADuplicate) {
  TxnRequest txn;
  AddPut(&txn, "a");
  AddPut(&txn, "b");
  EXPECT_TRUE(Validate(txn, 128).ok());
  AddPut(&txn, "a");
  EXPECT_EQ(Validate(txn, 128), errors::DuplicateKey());
}

TEST(ValidateTest, APutCoveredByADeleteOfTheSameBranchIsADuplicate) {
  TxnRequest txn;
  AddDelete(&txn, "a", "c");
  AddPut(&txn, "c");
  EXPECT_TRUE(Validate(txn, 128).ok());
  AddPut(&txn, "b");
  EXPECT_EQ(Validate(txn, 128), errors::DuplicateKey());
}

TEST(ValidateTest, OverlappingDeletesAreFine) {
  TxnRequest txn;
  AddDelete(&txn, "a", "c");
  AddDelete(&txn, "b");
  EXPECT_TRUE(Validate(txn, 128).ok());
}

TEST(ValidateTest, BranchesOfOneChildMayPutTheSameKeyButNotTwoChildren) {
  TxnRequest txn;
  auto* child = txn.add_success()->mutable_request_txn();
  AddPut(child, "a");
  child->add_failure()->mutable_request_put()->set_key("a");
  EXPECT_TRUE(Validate(txn, 128).ok());
  AddPut(txn.add_success()->mutable_request_txn(), "a");
  EXPECT_EQ(Validate(txn, 128), errors::DuplicateKey());
}

TEST(ValidateTest, AChildsPutCountsTowardsItsParent) {
  TxnRequest txn;
  AddPut(txn.add_success()->mutable_request_txn(), "a");
  AddPut(&txn, "a");
  EXPECT_EQ(Validate(txn, 128), errors::DuplicateKey());
}

TEST(ValidateTest, OnlyRangesMakeATransactionReadOnly) {
  TxnRequest txn;
  EXPECT_TRUE(IsReadOnly(txn));
  EXPECT_FALSE(IsSerializable(txn)) << "an empty transaction is answered linearizably";
  auto* range = txn.add_success()->mutable_request_range();
  range->set_key("a");
  range->set_serializable(true);
  EXPECT_TRUE(IsReadOnly(txn));
  EXPECT_TRUE(IsSerializable(txn));
  txn.add_failure()->mutable_request_txn();
  EXPECT_FALSE(IsReadOnly(txn));
}

TEST(ValidateTest, PutsAreFoundInNestedBranches) {
  TxnRequest txn;
  auto* child = txn.add_failure()->mutable_request_txn();
  EXPECT_FALSE(HasPut(txn));
  child->add_failure()->mutable_request_put()->set_key("a");
  EXPECT_TRUE(HasPut(txn));
}

}  // namespace
}  // namespace keelson::server
