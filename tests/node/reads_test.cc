// Reads by whole members: what they answer is of one state, and none that is too old.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/node/node_cluster.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;

TEST(NodeReadsTest, AMemberThatLagsTellsNoOldKeysOfALease) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const size_t slow = (leader + 1) % 3;
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_id(7);
  grant.set_ttl(600);
  ASSERT_TRUE(cluster.Call(leader, "/etcdserverpb.Lease/LeaseGrant", grant).ok());
  ASSERT_TRUE(cluster.WaitForRest());
  cluster.member(slow).SetSlowDisk(milliseconds(300));
  etcdserverpb::PutRequest put;
  put.set_key("k");
  put.set_lease(7);
  ASSERT_TRUE(cluster.Call(leader, "/etcdserverpb.KV/Put", put).ok());
  ASSERT_EQ(cluster.Get(slow, "k", /*serializable=*/true), "-") << "it has not applied the put";
  etcdserverpb::LeaseTimeToLiveRequest question;
  question.set_id(7);
  question.set_keys(true);
  const Outcome outcome = cluster.Call(slow, "/etcdserverpb.Lease/LeaseTimeToLive", question);
  ASSERT_TRUE(outcome.ok()) << outcome.status;
  etcdserverpb::LeaseTimeToLiveResponse response;
  ASSERT_TRUE(response.ParseFromString(outcome.bytes));
  EXPECT_EQ(response.grantedttl(), 600);
  ASSERT_EQ(response.keys_size(), 1);
  EXPECT_EQ(response.keys(0), "k");
}

TEST(NodeReadsTest, ALongTransactionIsOfOneRevisionWhileWritesGoOn) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  constexpr int kKeys = 900;
  for (int i = 0; i < kKeys; i += 100) {
    etcdserverpb::TxnRequest many;
    for (int k = i; k < i + 100; ++k) {
      auto* put = many.add_success()->mutable_request_put();
      put->set_key(absl::StrCat("k", k));
      put->set_value("old");
    }
    ASSERT_TRUE(cluster.Call(0, "/etcdserverpb.KV/Txn", many).ok());
  }
  etcdserverpb::TxnRequest reads;
  for (int i = 0; i < 100; ++i) {
    auto* range = reads.add_success()->mutable_request_range();
    range->set_key("k");
    range->set_range_end("l");
    range->set_keys_only(i % 2 == 0);
  }
  // Begun before the writes below are, and not at its end when they are done.
  std::string answer;
  bool over = false;
  auto call = cluster.member(0).Call(
      "/etcdserverpb.KV/Txn", reads.SerializeAsString(),
      [&answer](const std::string& bytes) { answer = bytes; },
      [&over](const absl::Status& status) { over = status.ok(); });
  ASSERT_NE(call, nullptr);
  const int64_t before = cluster.node(0).View()->revision();
  cluster.RunUntil([&] { return false; }, milliseconds(1));
  for (int i = 0; i < 3 && !over; ++i) ASSERT_TRUE(cluster.Put(0, "k0", absl::StrCat(i)).ok());
  EXPECT_GT(cluster.node(0).View()->revision(), before);
  ASSERT_TRUE(cluster.RunUntil([&] { return over; }));
  etcdserverpb::TxnResponse response;
  ASSERT_TRUE(response.ParseFromString(answer));
  ASSERT_EQ(response.responses_size(), 100);
  for (const auto& one : response.responses()) {
    ASSERT_EQ(one.response_range().header().revision(), response.header().revision());
    ASSERT_EQ(one.response_range().kvs_size(), kKeys);
    for (const auto& kv : one.response_range().kvs()) {
      ASSERT_LE(kv.mod_revision(), response.header().revision());
    }
  }
  EXPECT_EQ(response.header().revision(), before);
}

}  // namespace
}  // namespace keelson::testing
