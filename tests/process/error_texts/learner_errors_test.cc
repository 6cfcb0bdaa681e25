// What a learner refuses. There is no call yet that makes one: the leader of its cluster runs in
// the test's own process and demotes the other member.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "server/log/logger.h"
#include "server/loop/asio_loop.h"
#include "server/loop/system_random.h"
#include "server/loop/thread_runner.h"
#include "server/node/node.h"
#include "server/peer/asio_peer_network.h"
#include "storage/fs/posix_fs.h"
#include "tests/harness/ports.h"
#include "tests/harness/server_process.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait_until.h"
#include "tests/process/error_texts/wire_client.h"

namespace keelson::testing {
namespace {

using namespace etcdserverpb;

constexpr const char* kToken = "keelson-test";

std::string UrlOf(const PortLease& port) {
  return "http://127.0.0.1:" + std::to_string(port.port());
}

// One of two members, on a thread of its own.
class Leader {
 public:
  Leader(const std::string& dir, const std::string& url, const std::string& other_url) {
    server::NodeOptions options;
    options.name = "leader";
    options.data_dir = dir;
    options.initial_cluster = {{"leader", {url}}, {"learner", {other_url}}};
    options.initial_cluster_token = kToken;
    runner_.Start();
    server::NodeSeams seams;
    seams.loop = &loop_;
    seams.runner = &runner_;
    seams.random = server::MakeSystemRandom();
    seams.fs = &fs_;
    seams.logger = &logger_;
    auto node = server::Node::Open(options, std::move(seams), {});
    EXPECT_TRUE(node.ok()) << node.status();
    if (!node.ok()) std::abort();
    node_ = *std::move(node);
    server::PeerIdentity self;
    self.cluster_id = node_->identity().cluster_id;
    self.id = node_->identity().member;
    self.incarnation = node_->identity().incarnation;
    self.process_nonce = node_->boot_id();
    self.peer_urls = {url};
    network_ = std::make_unique<server::AsioPeerNetwork>(loop_, self, server::MakeSystemRandom(),
                                                         server::PeerTransportOptions());
    node_->Start(network_.get());
    EXPECT_EQ(network_->Listen({url}), absl::OkStatus());
    loop_.OnTurnEnd([this] { node_->EndTurn(); });
    loop_.OnTurnEnd([this] { node_->FlushPeers(); });
    thread_ = std::thread([this] { loop_.Run(); });
  }

  ~Leader() {
    loop_.Post([this] {
      node_->Stop(absl::UnavailableError("the test is over"));
      loop_.Stop();
    });
    thread_.join();
    runner_.Stop();
  }

  // Whether it was proposed: not before it leads.
  bool Demote(const std::string& url) {
    raft::ConfChange change;
    change.type = raft::ConfChangeType::kDemote;
    change.node = server::MemberIdOf({url}, kToken);
    std::promise<bool> proposed;
    loop_.Post([&] { proposed.set_value(node_->ChangeMembership({change}).ok()); });
    return proposed.get_future().get();
  }

 private:
  server::AsioLoop loop_;
  server::ThreadRunner runner_{loop_};
  storage::PosixFileSystem fs_;
  server::Logger logger_{server::LogLevel::kError, [](std::string_view) {},
                         [] { return std::string(); }};
  std::unique_ptr<server::Node> node_;
  std::unique_ptr<server::AsioPeerNetwork> network_;
  std::thread thread_;
};

class LearnerErrorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto binary = FindServerBinary();
    if (!binary) GTEST_SKIP() << MissingServerMessage();
    const std::string leader_url = UrlOf(leader_port_);
    const std::string url = UrlOf(peer_port_);
    learner_ = std::make_unique<ServerProcess>(
        ServerConfig{.binary = *binary,
                     .name = "learner",
                     .data_dir = dir_.path() + "/learner",
                     .log_path = dir_.path() + "/learner.log",
                     .client_port = client_port_.port(),
                     .peer_port = peer_port_.port(),
                     .initial_cluster = "leader=" + leader_url + ",learner=" + url,
                     .cluster_token = kToken,
                     // So that the other one is elected.
                     .extra_flags = {"--election-timeout=30000"}});
    ASSERT_EQ(learner_->Start(), absl::OkStatus());
    leader_ = std::make_unique<Leader>(dir_.path() + "/leader", leader_url, url);
    ASSERT_EQ(learner_->WaitHealthy(absl::Seconds(20)), absl::OkStatus());
    ASSERT_TRUE(WaitUntil(absl::Seconds(10), [&] { return leader_->Demote(url); }));
    wire_ = std::make_unique<WireClient>(learner_->endpoint());
    ASSERT_TRUE(WaitUntil(absl::Seconds(10), [this] {
      StatusResponse status;
      wire_->Call(*wire_->maintenance, &Maintenance::Stub::Status, StatusRequest(), false, &status);
      return status.islearner();
    }));
  }

  TempDir dir_;
  PortLease leader_port_, client_port_, peer_port_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<ServerProcess> learner_;
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
