// What a learner refuses.
#include <gtest/gtest.h>

#include <memory>

#include "tests/harness/test_cluster.h"
#include "tests/process/error_texts/wire_client.h"

namespace keelson::testing {
namespace {

using namespace etcdserverpb;

class LearnerErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto started = TestCluster::Start({.members = 1});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    ServerProcess& learner = cluster_->PrepareJoiner();
    MemberAddRequest add;
    add.add_peerurls(learner.peer_url());
    add.set_islearner(true);
    ASSERT_EQ(WireClient(cluster_->member(0).endpoint()).Send(add), kOk);
    ASSERT_EQ(learner.Start(), absl::OkStatus());
    ASSERT_EQ(learner.WaitListening(absl::Seconds(20)), absl::OkStatus());
    wire_ = std::make_unique<WireClient>(learner.endpoint());
  }

  std::unique_ptr<TestCluster> cluster_;
  std::unique_ptr<WireClient> wire_;
};

TEST_F(LearnerErrorsTest, ALearnerServesItsStatusAndSerializableRangesAndNothingElse) {
  EXPECT_EQ(wire_->Send(StatusRequest()), kOk);
  EXPECT_EQ(wire_->Send(SerializableRangeOf("a")), kOk);
  EXPECT_EQ(wire_->Send(RangeOf("a")), kNotForLearners);
  EXPECT_EQ(wire_->Send(RangeRequest()), kNotForLearners) << "before the request is looked at";
  EXPECT_EQ(wire_->Send(PutOf("a")), kNotForLearners);
  EXPECT_EQ(wire_->Send(PutRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(DeleteRangeRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(TxnRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(CompactionRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(LeaseGrantRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(LeaseRevokeRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(LeaseTimeToLiveRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(LeaseLeasesRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(MemberListRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(MemberAddRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(MemberRemoveRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(MemberUpdateRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(MemberPromoteRequest()), kNotForLearners);
  EXPECT_EQ(wire_->Send(AlarmRequest()), kNotForLearners);
  Maintenance::Stub& maintenance = *wire_->maintenance;
  EXPECT_EQ(wire_->Call(maintenance, &Maintenance::Stub::HashKV, HashKVRequest()), kNotForLearners);
  grpc::ClientContext watch_context, alive_context;
  WireClient::Prepare(watch_context);
  WireClient::Prepare(alive_context);
  WatchResponse response;
  const auto watch = wire_->watch->Watch(&watch_context);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(wire_->EndOf(*watch), kNotForLearners);
  LeaseKeepAliveResponse alive_response;
  const auto alive = wire_->lease->LeaseKeepAlive(&alive_context);
  EXPECT_FALSE(alive->Read(&alive_response));
  EXPECT_EQ(wire_->EndOf(*alive), kNotForLearners);
}

}  // namespace
}  // namespace keelson::testing
