// Locks and elections of the server, over real sockets: they are handed on when a client cancels,
// when a lease ends, and when the leader of the cluster is killed.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/keelson/client.h"
#include "client/keelson/recipes/election.h"
#include "client/keelson/recipes/lock.h"
#include "proto/etcd/rpc.grpc.pb.h"
#include "proto/etcd/v3election.grpc.pb.h"
#include "proto/etcd/v3lock.grpc.pb.h"
#include "tests/harness/test_cluster.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

using v3electionpb::LeaderKey;

std::string Text(const grpc::Status& status) {
  return absl::StrCat(status.error_code(), ": ", status.error_message());
}
const std::string kOk = "0: ";

// One unary call on a thread of its own.
template <typename Response>
class Waiting {
 public:
  using Run = std::function<grpc::Status(grpc::ClientContext*, Response*)>;
  explicit Waiting(Run run) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    over_ = std::async(std::launch::async,
                       [this, run = std::move(run)] { return run(&context_, &response_); });
  }
  bool IsOver() { return over_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  void Cancel() { context_.TryCancel(); }
  std::string Result() { return Text(over_.get()); }
  const Response& response() const { return response_; }

 private:
  grpc::ClientContext context_;
  Response response_;
  std::future<grpc::Status> over_;
};
using WaitingLock = std::unique_ptr<Waiting<v3lockpb::LockResponse>>;
using WaitingCampaign = std::unique_ptr<Waiting<v3electionpb::CampaignResponse>>;

class ClaimsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto cluster = TestCluster::Start({.members = 3});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    for (const std::string& endpoint : cluster_->endpoints()) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
      channels_.push_back(
          grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments));
      locks_.push_back(v3lockpb::Lock::NewStub(channels_.back()));
      elections_.push_back(v3electionpb::Election::NewStub(channels_.back()));
    }
    auto client = client::Client::Create({.endpoints = cluster_->endpoints()});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  int64_t Grant(int64_t seconds = 60) {
    const auto granted = client_->leases().Grant(seconds);
    EXPECT_TRUE(granted.ok()) << granted.status();
    return granted.ok() ? granted->id : 0;
  }
  WaitingLock Lock(size_t member, int64_t lease) {
    return std::make_unique<Waiting<v3lockpb::LockResponse>>(
        [this, member, lease](grpc::ClientContext* context, v3lockpb::LockResponse* response) {
          v3lockpb::LockRequest request;
          request.set_name("name");
          request.set_lease(lease);
          return locks_[member]->Lock(context, request, response);
        });
  }
  std::string Unlock(size_t member, const std::string& key) {
    grpc::ClientContext context;
    v3lockpb::UnlockRequest request;
    request.set_key(key);
    v3lockpb::UnlockResponse response;
    return Text(locks_[member]->Unlock(&context, request, &response));
  }
  WaitingCampaign Campaign(size_t member, int64_t lease, const std::string& value) {
    return std::make_unique<Waiting<v3electionpb::CampaignResponse>>(
        [this, member, lease, value](grpc::ClientContext* context,
                                     v3electionpb::CampaignResponse* response) {
          v3electionpb::CampaignRequest request;
          request.set_name("name");
          request.set_lease(lease);
          request.set_value(value);
          return elections_[member]->Campaign(context, request, response);
        });
  }
  std::string Resign(size_t member, const LeaderKey& leader) {
    grpc::ClientContext context;
    v3electionpb::ResignRequest request;
    *request.mutable_leader() = leader;
    v3electionpb::ResignResponse response;
    return Text(elections_[member]->Resign(&context, request, &response));
  }
  static std::string KeyOf(int64_t lease) { return absl::StrCat("name/", absl::Hex(lease)); }
  bool WaitForKey(int64_t lease, bool there = true) {
    return WaitUntil(absl::Seconds(20), [&] {
      const auto got = client_->kv().Get(client::KeyRange::Key(KeyOf(lease)));
      return got.ok() && got->kvs.empty() != there;
    });
  }
  size_t Leader() {
    for (size_t i = 0; i < 3; ++i) {
      const auto status = client_->maintenance().Status(cluster_->endpoints()[i]);
      if (status.ok() && status->is_leader()) return i;
    }
    ADD_FAILURE() << "no leader";
    return 0;
  }

  std::unique_ptr<TestCluster> cluster_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<v3lockpb::Lock::Stub>> locks_;
  std::vector<std::unique_ptr<v3electionpb::Election::Stub>> elections_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(ClaimsTest, ALockPassesOverWhoCancelledAndGoesOnWhenALeaseEnds) {
  const int64_t first = Grant(3);
  const int64_t second = Grant();
  const int64_t third = Grant();
  WaitingLock holder = Lock(0, first);
  ASSERT_EQ(holder->Result(), kOk);
  EXPECT_EQ(holder->response().key(), KeyOf(first));
  WaitingLock gives_up = Lock(1, second);
  ASSERT_TRUE(WaitForKey(second));
  WaitingLock next = Lock(2, third);
  ASSERT_TRUE(WaitForKey(third));
  gives_up->Cancel();
  EXPECT_EQ(gives_up->Result().substr(0, 3), "1: ");
  EXPECT_TRUE(WaitForKey(second, false));
  ASSERT_EQ(next->Result(), kOk) << "once the holder's lease ended";
  EXPECT_TRUE(WaitForKey(first, false));
}

TEST_F(ClaimsTest, ADeadlineEndsTheWaitAndLeavesNoKey) {
  const int64_t first = Grant();
  const int64_t second = Grant();
  ASSERT_EQ(Lock(0, first)->Result(), kOk);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(700));
  v3lockpb::LockRequest request;
  request.set_name("name");
  request.set_lease(second);
  v3lockpb::LockResponse response;
  EXPECT_EQ(locks_[1]->Lock(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(WaitForKey(second, false));
}

TEST_F(ClaimsTest, WaitersGetTheirTurnAfterTheLeaderOfTheClusterWasKilled) {
  const size_t leader = Leader();
  const size_t a = (leader + 1) % 3;
  const size_t b = (leader + 2) % 3;
  const int64_t first = Grant();
  const int64_t second = Grant();
  ASSERT_EQ(Lock(a, first)->Result(), kOk);
  WaitingLock next = Lock(b, second);
  ASSERT_TRUE(WaitForKey(second));
  cluster_->member(static_cast<int>(leader)).Kill();
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return Unlock(a, KeyOf(first)) == kOk; }));
  EXPECT_EQ(next->Result(), kOk);
  EXPECT_EQ(next->response().key(), KeyOf(second));
}

TEST_F(ClaimsTest, LocksAndElectionsOfTheLibraryAndOfTheServerExcludeEachOther) {
  namespace recipes = client::recipes;
  const auto session = recipes::LeaseSession::Start(*client_, {.ttl = 60});
  ASSERT_TRUE(session.ok()) << session.status();
  const int64_t own = (*session)->lease();
  const int64_t other = Grant();
  recipes::Lock lock(**session, "name");
  ASSERT_TRUE(lock.Acquire().ok());
  WaitingLock server_waits = Lock(1, other);
  ASSERT_TRUE(WaitForKey(other));
  EXPECT_FALSE(server_waits->IsOver());
  ASSERT_TRUE(lock.Release().ok());
  ASSERT_EQ(server_waits->Result(), kOk);
  auto library_waits = std::async(std::launch::async, [&lock] { return lock.Acquire(); });
  ASSERT_TRUE(WaitForKey(own));
  ASSERT_EQ(Unlock(2, KeyOf(other)), kOk);
  ASSERT_TRUE(library_waits.get().ok());
  ASSERT_TRUE(lock.Release().ok());

  WaitingCampaign winner = Campaign(0, other, "server's");
  ASSERT_EQ(winner->Result(), kOk);
  recipes::Election election(**session, "name");
  auto campaign = std::async(std::launch::async, [&] { return election.Campaign("library's"); });
  ASSERT_TRUE(WaitForKey(own));
  EXPECT_EQ((*recipes::Election::Current(*client_, "name"))->value, "server's");
  ASSERT_EQ(Resign(1, winner->response().leader()), kOk);
  ASSERT_TRUE(campaign.get().ok());
  EXPECT_EQ((*recipes::Election::Current(*client_, "name"))->value, "library's");
}

TEST_F(ClaimsTest, AnElectionIsSeenByItsObserver) {
  grpc::ClientContext context;
  v3electionpb::LeaderRequest who;
  who.set_name("name");
  auto observer = elections_[2]->Observe(&context, who);
  const int64_t first = Grant();
  const int64_t second = Grant();
  WaitingCampaign winner = Campaign(0, first, "one");
  ASSERT_EQ(winner->Result(), kOk);
  v3electionpb::LeaderResponse seen;
  ASSERT_TRUE(observer->Read(&seen));
  EXPECT_EQ(seen.kv().value(), "one");
  WaitingCampaign next = Campaign(1, second, "two");
  ASSERT_TRUE(WaitForKey(second));
  EXPECT_FALSE(next->IsOver());
  ASSERT_EQ(Resign(2, winner->response().leader()), kOk);
  ASSERT_EQ(next->Result(), kOk);
  ASSERT_TRUE(observer->Read(&seen));
  EXPECT_EQ(seen.kv().value(), "two");
  EXPECT_EQ(seen.kv().key(), next->response().leader().key());
  context.TryCancel();
  EXPECT_FALSE(observer->Read(&seen));
  EXPECT_EQ(Text(observer->Finish()).substr(0, 3), "1: ");
}

}  // namespace
}  // namespace keelson::testing
