// What clients hear of a cluster that is at fault: killed, stopped and frozen members. How long
// each takes is tested on simulated time (tests/node/error_texts_test.cc).
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "tests/harness/http_get.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"
#include "tests/process/error_texts/wire_client.h"

namespace keelson::testing {
namespace {

using namespace etcdserverpb;

class ClusterErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    Start({"--heartbeat-interval=50", "--election-timeout=500"});
  }

  void Start(std::vector<std::string> flags) {
    wires_.clear();
    cluster_.reset();
    auto started = TestCluster::Start({.members = 3, .extra_flags = std::move(flags)});
    ASSERT_TRUE(started.ok()) << started.status();
    cluster_ = *std::move(started);
    for (const std::string& endpoint : cluster_->endpoints()) {
      wires_.push_back(std::make_unique<WireClient>(endpoint, AlsoJson::kAtTheSameTime));
      ASSERT_EQ(wires_.back()->Send(PutOf("a")), kOk);
    }
    for (int i = 0; i < 3; ++i) {
      StatusResponse status;
      wire(i).Call(*wire(i).maintenance, &Maintenance::Stub::Status, StatusRequest(), false,
                   &status);
      if (status.leader() == status.header().member_id()) leader_ = i;
    }
    one_ = (leader_ + 1) % 3;
    other_ = (leader_ + 2) % 3;
  }

  ServerProcess& member(int index) { return cluster_->member(index); }
  WireClient& wire(int index) { return *wires_[index]; }

  // A put that is under way.
  std::future<std::string> PutLater(int index) {
    return std::async(std::launch::async, [this, index] { return wire(index).Send(PutOf("a")); });
  }
  // It, and the same as JSON.
  bool WaitForPending(int index) {
    return WaitUntil(absl::Seconds(5), [&] {
      const auto page = HttpGet(member(index).config().client_port, "/metrics", absl::Seconds(5));
      return page.ok() && absl::StrContains(page->body, "\netcd_server_proposals_pending 2");
    });
  }

  std::unique_ptr<TestCluster> cluster_;
  std::vector<std::unique_ptr<WireClient>> wires_;
  int leader_ = 0;
  int one_ = 0;    // a follower
  int other_ = 0;  // the other one
};

TEST_F(ClusterErrorsTest, WithoutALeaderWhatNeedsOneFailsAndTheRestGoesOn) {
  WireClient& left = wire(one_);
  left.set_also_json(AlsoJson::kAfterAnError);  // nothing changes any more once one has failed
  grpc::ClientContext watch_context, strict_watch_context, strict_alive_context;
  for (auto* context : {&watch_context, &strict_watch_context, &strict_alive_context}) {
    WireClient::Prepare(*context);
  }
  strict_watch_context.AddMetadata("hasleader", "true");
  strict_alive_context.AddMetadata("hasleader", "true");
  const auto watch = left.watch->Watch(&watch_context);
  const auto strict_watch = left.watch->Watch(&strict_watch_context);
  const auto strict_alive = left.lease->LeaseKeepAlive(&strict_alive_context);
  member(leader_).Kill();
  member(other_).Kill();
  const auto strict_read = [&left] {
    return left.Call(*left.kv, &KV::Stub::Range, SerializableRangeOf("a"), /*require_leader=*/true);
  };
  EXPECT_TRUE(WaitUntil(absl::Seconds(5), [&] { return strict_read() != kOk; }));
  EXPECT_EQ(strict_read(), kNoLeader);

  // What waits for a leader gives up in the end; all at once.
  left.set_also_json(AlsoJson::kAtTheSameTime);
  std::vector<std::future<std::string>> failing;
  const auto fails = [&](auto request) {
    failing.push_back(
        std::async(std::launch::async, [&left, request] { return left.Send(request); }));
  };
  fails(PutOf("a"));
  fails(RangeOf("a"));
  fails(LeaseGrantRequest());
  fails(LeaseTimeToLiveRequest());
  fails(AlarmRequest());
  MemberListRequest linearizable;
  linearizable.set_linearizable(true);
  fails(linearizable);
  TxnRequest read_only;
  *read_only.add_success()->mutable_request_range() = RangeOf("a");
  fails(read_only);
  const absl::Time began = absl::Now();
  for (auto& answer : failing) EXPECT_EQ(answer.get(), kNoLeader);
  EXPECT_LT(absl::Now() - began, absl::Seconds(4.5));

  WatchResponse response;
  LeaseKeepAliveResponse alive_response;
  EXPECT_FALSE(strict_watch->Read(&response));
  EXPECT_EQ(left.EndOf(*strict_watch), kNoLeader);
  EXPECT_FALSE(strict_alive->Read(&alive_response));
  EXPECT_EQ(left.EndOf(*strict_alive), kNoLeader);

  EXPECT_EQ(left.Send(SerializableRangeOf("a")), kOk);
  EXPECT_EQ(left.Send(MemberListRequest()), kOk);
  EXPECT_EQ(left.Send(LeaseLeasesRequest()), kOk);
  StatusResponse status;
  left.Call(*left.maintenance, &Maintenance::Stub::Status, StatusRequest(), false, &status);
  ASSERT_EQ(status.errors_size(), 1);
  EXPECT_EQ(status.errors(0), "etcdserver: no leader");
  WatchRequest create;
  create.mutable_create_request()->set_key("a");
  EXPECT_TRUE(watch->Write(create)) << "it did not ask for a leader";
  EXPECT_TRUE(watch->Read(&response));
  EXPECT_TRUE(response.created());
  watch_context.TryCancel();
}

TEST_F(ClusterErrorsTest, StreamsThatRequireALeaderAreNotBegunWithoutOne) {
  member(leader_).Kill();
  member(other_).Kill();
  WireClient& left = wire(one_);
  left.set_also_json(AlsoJson::kAfterAnError);
  EXPECT_TRUE(WaitUntil(absl::Seconds(5), [&] {
    return left.Call(*left.kv, &KV::Stub::Range, SerializableRangeOf("a"), true) != kOk;
  }));
  grpc::ClientContext watch_context, alive_context;
  for (auto* context : {&watch_context, &alive_context}) {
    WireClient::Prepare(*context);
    context->AddMetadata("hasleader", "true");
  }
  const auto watch = left.watch->Watch(&watch_context);
  WatchResponse response;
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(left.EndOf(*watch), kNoLeader);
  const auto alive = left.lease->LeaseKeepAlive(&alive_context);
  LeaseKeepAliveResponse alive_response;
  EXPECT_FALSE(alive->Read(&alive_response));
  EXPECT_EQ(left.EndOf(*alive), kNoLeader);
}

TEST_F(ClusterErrorsTest, AWriteThatItsLeaderCouldNotCommitIsUnknownByItsFailure) {
  member(one_).Pause();
  member(other_).Pause();
  EXPECT_EQ(wire(leader_).Send(PutOf("a")), kLeaderFailed);
}

TEST_F(ClusterErrorsTest, AForwardedWriteWhoseConnectionBreaksIsUnknownByThat) {
  member(other_).Pause();
  member(leader_).Pause();
  auto put = PutLater(one_);
  EXPECT_TRUE(WaitForPending(one_));
  member(leader_).Kill();
  EXPECT_EQ(put.get(), kConnectionLost);
}

TEST_F(ClusterErrorsTest, AForwardedWriteThatIsNeverAnsweredTimesOut) {
  member(leader_).Pause();
  // Soon the others have a new leader, but the write is at the old one.
  EXPECT_EQ(wire(one_).Send(PutOf("a")), kTimedOut);
  EXPECT_EQ(wire(one_).Send(PutOf("a")), kOk);
}

TEST_F(ClusterErrorsTest, LeadershipIsMovedByTheLeaderToAVoterThatTakesIt) {
  const auto move = [this](int asked, uint64_t target) {
    MoveLeaderRequest request;
    request.set_targetid(target);
    return wire(asked).Call(*wire(asked).maintenance, &Maintenance::Stub::MoveLeader, request);
  };
  const auto id_of = [this](int index) {
    StatusResponse status;
    wire(index).Call(*wire(index).maintenance, &Maintenance::Stub::Status, StatusRequest(), false,
                     &status);
    return status.header().member_id();
  };
  const uint64_t one = id_of(one_);
  for (const int asked : {leader_, other_}) wire(asked).set_also_json(AlsoJson::kAfterAnError);
  EXPECT_EQ(move(other_, one), kNotLeader);
  EXPECT_EQ(move(leader_, 4711), kBadTransferee);
  member(one_).Pause();
  EXPECT_EQ(move(leader_, one), kTransferTimedOut);
  EXPECT_EQ(wire(leader_).Send(PutOf("a")), kOk);
}

TEST_F(ClusterErrorsTest, AMemberThatStopsSaysSoToWhatIsOpen) {
  member(leader_).Kill();
  member(other_).Kill();
  grpc::ClientContext context;
  WireClient::Prepare(context);
  const auto watch = wire(one_).watch->Watch(&context);
  WatchRequest create;
  create.mutable_create_request()->set_key("a");
  WatchResponse response;
  ASSERT_TRUE(watch->Write(create));
  ASSERT_TRUE(watch->Read(&response));
  auto put = PutLater(one_);
  EXPECT_TRUE(WaitForPending(one_));
  member(one_).Stop();
  EXPECT_EQ(put.get(), kStopped);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(wire(one_).EndOf(*watch), kStopped);
}

// Above 64 MiB that are not committed a leader takes no more.
TEST_F(ClusterErrorsTest, ALeaderThatCannotCommitRefusesWhatIsTooMuch) {
  ASSERT_NO_FATAL_FAILURE(Start({"--heartbeat-interval=100", "--election-timeout=4000"}));
  member(one_).Pause();
  member(other_).Pause();
  constexpr int kPuts = 80;
  const PutRequest put = PutOf("a", std::string(1 << 20, 'v'));
  struct Sent {
    grpc::ClientContext context;
    PutResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<PutResponse>> reader;
  };
  std::vector<Sent> sent(kPuts);
  grpc::CompletionQueue queue;
  for (Sent& one : sent) {
    WireClient::Prepare(one.context);
    one.reader = wire(leader_).kv->AsyncPut(&one.context, put, &queue);
    one.reader->Finish(&one.response, &one.status, &one);
  }
  int refused = 0;
  for (int i = 0; i < kPuts; ++i) {
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    const std::string text = Text(static_cast<Sent*>(tag)->status);
    Meet(text);
    refused += text == kTooManyRequests ? 1 : 0;
    if (refused == 1 && text == kTooManyRequests) {
      EXPECT_EQ(wire(leader_).CallAsJson(put), kTooManyRequests);
      for (Sent& one : sent) one.context.TryCancel();
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, kPuts - 60);
}

}  // namespace
}  // namespace keelson::testing
