// What locks and elections refuse: code and exact text, over the real wire.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/error_texts/wire_client.h"

namespace keelson::testing {
namespace {

using Lock = v3lockpb::Lock::Stub;
using Election = v3electionpb::Election::Stub;

class ClaimErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 1});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    wire_ = std::make_unique<WireClient>(cluster_->endpoints()[0]);
  }

  int64_t Grant() {
    etcdserverpb::LeaseGrantRequest grant;
    grant.set_ttl(60);
    etcdserverpb::LeaseGrantResponse granted;
    EXPECT_EQ(
        wire_->Call(*wire_->lease, &etcdserverpb::Lease::Stub::LeaseGrant, grant, false, &granted),
        kOk);
    return granted.id();
  }
  static v3lockpb::LockRequest RequestOf(int64_t lease) {
    v3lockpb::LockRequest request;
    request.set_name("name");
    request.set_lease(lease);
    return request;
  }
  std::string LockWith(int64_t lease, v3lockpb::LockResponse* response = nullptr) {
    return wire_->Call(*wire_->lock, &Lock::Lock, RequestOf(lease), false, response);
  }
  bool HasKeys(int64_t count) {
    etcdserverpb::RangeRequest range;
    range.set_key("name/");
    range.set_range_end("name0");
    range.set_count_only(true);
    return WaitUntil(absl::Seconds(10), [&] {
      etcdserverpb::RangeResponse response;
      wire_->Call(*wire_->kv, &etcdserverpb::KV::Stub::Range, range, false, &response);
      return response.count() == count;
    });
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<WireClient> wire_;
};

TEST_F(ClaimErrorsTest, OfLocksAreUnknown) {
  EXPECT_EQ(LockWith(12345), "2: etcdserver: requested lease not found");
  v3lockpb::UnlockRequest unlock;
  EXPECT_EQ(wire_->Call(*wire_->lock, &Lock::Unlock, unlock), "2: etcdserver: key is not provided");
  unlock.set_key("never/held");
  EXPECT_EQ(wire_->Call(*wire_->lock, &Lock::Unlock, unlock), kOk);
}

TEST_F(ClaimErrorsTest, AWaiterWhoseLeaseEndedIsToldSo) {
  v3lockpb::LockResponse held;
  ASSERT_EQ(LockWith(Grant(), &held), kOk);
  const int64_t lease = Grant(), json_lease = Grant();
  grpc::ClientContext context;
  WireClient::Prepare(context);
  auto waiter = std::async(std::launch::async, [&] {
    v3lockpb::LockResponse response;
    const std::string text = Text(wire_->lock->Lock(&context, RequestOf(lease), &response));
    Meet(text);
    return text;
  });
  auto json_waiter =
      std::async(std::launch::async, [&] { return wire_->CallAsJson(RequestOf(json_lease)); });
  ASSERT_TRUE(HasKeys(3));
  for (const int64_t id : {lease, json_lease}) {
    etcdserverpb::LeaseRevokeRequest revoke;
    revoke.set_id(id);
    ASSERT_EQ(wire_->Send(revoke), kOk);
  }
  v3lockpb::UnlockRequest unlock;
  unlock.set_key(held.key());
  ASSERT_EQ(wire_->Call(*wire_->lock, &Lock::Unlock, unlock), kOk);
  EXPECT_EQ(waiter.get(), kSessionExpired);
  EXPECT_EQ(json_waiter.get(), kSessionExpired);
}

TEST_F(ClaimErrorsTest, OfElectionsSayWhoLeadsNot) {
  v3electionpb::LeaderRequest who;
  who.set_name("name");
  EXPECT_EQ(wire_->Call(*wire_->election, &Election::Leader, who), kElectionNoLeader);
  v3electionpb::ProclaimRequest proclaim;
  EXPECT_EQ(wire_->Call(*wire_->election, &Election::Proclaim, proclaim), kMissingLeaderKey);
  v3electionpb::ResignRequest resign;
  EXPECT_EQ(wire_->Call(*wire_->election, &Election::Resign, resign), kMissingLeaderKey);
  proclaim.mutable_leader()->set_key("name/1");
  proclaim.mutable_leader()->set_rev(7);
  proclaim.mutable_leader()->set_lease(Grant());
  EXPECT_EQ(wire_->Call(*wire_->election, &Election::Proclaim, proclaim), kElectionNotLeader);
  *resign.mutable_leader() = proclaim.leader();
  EXPECT_EQ(wire_->Call(*wire_->election, &Election::Resign, resign), kOk);
}

}  // namespace
}  // namespace keelson::testing
