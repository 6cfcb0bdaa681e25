// Transactions on a real store: what is compared, what is checked before, what runs and is
// answered.
#include "server/apply/txn.h"

#include <gtest/gtest.h>

#include <string>

#include "server/apply/errors.h"
#include "tests/apply/state_machine.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::DeleteRangeRequest;
using etcdserverpb::PutRequest;
using etcdserverpb::RangeRequest;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;

PutRequest Put(const std::string& key, const std::string& value = "v") {
  PutRequest request;
  request.set_key(key);
  request.set_value(value);
  return request;
}

RangeRequest RangeAt(const std::string& key, int64_t revision) {
  RangeRequest request;
  request.set_key(key);
  request.set_revision(revision);
  return request;
}

class TxnTest : public ::testing::Test {
 protected:
  void Compact(int64_t revision) {
    etcdserverpb::CompactionRequest request;
    request.set_revision(revision);
    ASSERT_EQ(machine_.Apply(request).status, absl::OkStatus());
  }

  absl::Status StatusOfRangeAt(int64_t revision) {
    TxnRequest txn;
    *txn.add_success()->mutable_request_range() = RangeAt("a", revision);
    return machine_.Apply(txn).status;
  }

  StateMachine machine_;
};

TEST_F(TxnTest, ARangeAtANegativeRevisionIsCompactedInsideATransaction) {
  machine_.Apply(Put("a"));
  // A store that was never compacted counts as compacted at -1.
  EXPECT_EQ(StatusOfRangeAt(-1), absl::OkStatus());
  EXPECT_EQ(StatusOfRangeAt(-2), errors::Compacted());
  machine_.Apply(Put("a"));
  Compact(2);
  EXPECT_EQ(StatusOfRangeAt(-1), errors::Compacted());
  EXPECT_EQ(StatusOfRangeAt(0), absl::OkStatus());
  EXPECT_EQ(StatusOfRangeAt(1), errors::Compacted());
  EXPECT_EQ(StatusOfRangeAt(2), absl::OkStatus());
  EXPECT_EQ(StatusOfRangeAt(3), absl::OkStatus());
  EXPECT_EQ(StatusOfRangeAt(4), errors::FutureRevision());
}

}  // namespace
}  // namespace keelson::server
