#include "tests/process/error_texts/wire_client.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <mutex>

#include "server/api/gateway_routes.h"
#include "tests/harness/http_client.h"
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
Met& AllMetAsJson() {
  static Met& met = *new Met();
  return met;
}

// As etcd's gateway maps them.
const std::map<int, int> kHttpStatus = {
    {0, 200}, {1, 499},  {2, 500},  {3, 400},  {4, 504},  {5, 404},  {6, 409},  {7, 403}, {8, 429},
    {9, 400}, {10, 409}, {11, 400}, {12, 501}, {13, 500}, {14, 503}, {15, 500}, {16, 401}};

// The gateway's path of the unary method that takes such a request.
std::string PathOf(const google::protobuf::Message& request) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const server::GatewayRoute& route : server::GatewayRoutes()) {
    std::string name(route.rpc.substr(1));
    name[name.find('/')] = '.';
    const auto* method = pool->FindMethodByName(name);
    if (method == nullptr || method->server_streaming()) continue;
    if (method->input_type() == request.GetDescriptor()) return std::string(route.path);
  }
  ADD_FAILURE() << "no path for " << request.GetTypeName();
  return "";
}

// It has no path in the gateway, nor in etcd's.
const std::set<std::string> kOfRangeStream = {kNoStreamInThisOrder, kNoStreamOfSomeRevisions};

class EveryTextWasMet final : public ::testing::Environment {
 public:
  void TearDown() override {
    const bool whole = ::testing::GTEST_FLAG(filter) == "*";
    if (!whole || !FindServerBinary()) return;
    for (const std::string& text : ErrorTexts()) {
      EXPECT_TRUE(AllMet().texts().contains(text)) << "no test has met \"" << text << "\"";
      if (kOfRangeStream.contains(text)) continue;
      EXPECT_TRUE(AllMetAsJson().texts().contains(text)) << "nor as JSON \"" << text << "\"";
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
  static const auto& texts = *new std::set<std::string>{kEmptyKey,
                                                        kKeyNotFound,
                                                        kValueProvided,
                                                        kLeaseProvided,
                                                        kTooManyOps,
                                                        kDuplicateKey,
                                                        kInvalidSort,
                                                        kInvalidVersion,
                                                        kTooLarge,
                                                        kCompacted,
                                                        kFuture,
                                                        kTtlTooLarge,
                                                        kNoSpace,
                                                        kLeaseNotFound,
                                                        kLeaseExists,
                                                        kNotForLearners,
                                                        kNoLeader,
                                                        kStopped,
                                                        kTimedOut,
                                                        kLeaderFailed,
                                                        kConnectionLost,
                                                        kTooManyRequests,
                                                        kCorrupt,
                                                        kNotLeader,
                                                        kBadTransferee,
                                                        kDowngradeFormat,
                                                        kDowngradeVersion,
                                                        kTransferTimedOut,
                                                        kUnknownMethod,
                                                        kSessionExpired,
                                                        kElectionNotLeader,
                                                        kElectionNoLeader,
                                                        kMissingLeaderKey,
                                                        kBadUrls,
                                                        kMemberNotFound,
                                                        kUrlsExist,
                                                        kNotEnoughStarted,
                                                        kNotLearner,
                                                        kNotInSync,
                                                        kTooManyLearners,
                                                        kUnhealthy,
                                                        kNoStreamInThisOrder,
                                                        kNoStreamOfSomeRevisions};
  return texts;
}

void Meet(const std::string& text) { AllMet().Add(text); }

void MeetAsJson(const std::string& text) { AllMetAsJson().Add(text); }

std::string WireClient::CallAsJson(const google::protobuf::Message& request,
                                   const std::string& fields) {
  const auto client = HttpClient::Connect(port_, absl::Seconds(20));
  if (!client.ok()) return client.status().ToString();
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(request, &json).ok());
  const auto answer = (*client)->Post(PathOf(request), json, fields);
  if (!answer.ok()) return answer.status().ToString();
  google::protobuf::Struct body;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(answer->body, &body).ok())
      << answer->body;
  if (answer->status == 200) return kOk;
  const int code = static_cast<int>(body.fields().at("code").number_value());
  const std::string message = body.fields().at("message").string_value();
  EXPECT_EQ(body.fields().at("error").string_value(), message);
  EXPECT_EQ(answer->status, kHttpStatus.at(code)) << answer->body;
  const std::string text = std::to_string(code) + ": " + message;
  MeetAsJson(text);
  return text;
}

WireClient::WireClient(const std::string& endpoint, AlsoJson also_json)
    : also_json_(also_json),
      port_(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))),
      channel_(ChannelTo(endpoint)),
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
