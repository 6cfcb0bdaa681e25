#include "tests/process/error_texts/wire_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>

#include "tests/harness/server_process.h"

namespace keelson::testing {
namespace {

class Met {
 public:
  void Add(const std::string& text) {
    const std::lock_guard<std::mutex> guard(mutex_);
    texts_.insert(text);
  }
  std::set<std::string> texts() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return texts_;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> texts_;
};

Met& AllMet() {
  static Met& met = *new Met();
  return met;
}

class EveryTextWasMet final : public ::testing::Environment {
 public:
  void TearDown() override {
    const bool whole = ::testing::GTEST_FLAG(filter) == "*";
    if (!whole || !FindServerBinary()) return;
    for (const std::string& text : ErrorTexts()) {
      EXPECT_TRUE(AllMet().texts().contains(text)) << "no test has met \"" << text << "\"";
    }
  }
};

const ::testing::Environment* const environment =
    ::testing::AddGlobalTestEnvironment(new EveryTextWasMet());

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

std::string Text(const grpc::Status& status) {
  return std::to_string(status.error_code()) + ": " + status.error_message();
}

const std::set<std::string>& ErrorTexts() {
  static const auto& texts =
      *new std::set<std::string>{kEmptyKey,          kKeyNotFound,      kValueProvided,
                                 kLeaseProvided,     kTooManyOps,       kDuplicateKey,
                                 kInvalidSort,       kInvalidVersion,   kTooLarge,
                                 kCompacted,         kFuture,           kTtlTooLarge,
                                 kNoSpace,           kLeaseNotFound,    kLeaseExists,
                                 kNotForLearners,    kNoLeader,         kStopped,
                                 kTimedOut,          kLeaderFailed,     kConnectionLost,
                                 kTooManyRequests,   kCorrupt,          kNotLeader,
                                 kBadTransferee,     kDowngradeFormat,  kDowngradeVersion,
                                 kTransferTimedOut,  kUnknownMethod,    kSessionExpired,
                                 kElectionNotLeader, kElectionNoLeader, kMissingLeaderKey,
                                 kBadUrls,           kMemberNotFound,   kUrlsExist,
                                 kNotEnoughStarted,  kNotLearner,       kNotInSync,
                                 kTooManyLearners,   kUnhealthy};
  return texts;
}

void Meet(const std::string& text) { AllMet().Add(text); }

WireClient::WireClient(const std::string& endpoint)
    : channel_(ChannelTo(endpoint)),
      kv(etcdserverpb::KV::NewStub(channel_)),
      lease(etcdserverpb::Lease::NewStub(channel_)),
      watch(etcdserverpb::Watch::NewStub(channel_)),
      cluster(etcdserverpb::Cluster::NewStub(channel_)),
      maintenance(etcdserverpb::Maintenance::NewStub(channel_)),
      lock(v3lockpb::Lock::NewStub(channel_)),
      election(v3electionpb::Election::NewStub(channel_)) {}

void WireClient::Prepare(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
}

etcdserverpb::PutRequest PutOf(const std::string& key, const std::string& value) {
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  return request;
}

etcdserverpb::RangeRequest RangeOf(const std::string& key, int64_t revision) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  request.set_revision(revision);
  return request;
}

etcdserverpb::RangeRequest SerializableRangeOf(const std::string& key) {
  etcdserverpb::RangeRequest request = RangeOf(key);
  request.set_serializable(true);
  return request;
}

}  // namespace keelson::testing
