#include "tests/differential/server.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.grpc.pb.h"
#include "proto/etcd/v3election.grpc.pb.h"
#include "proto/etcd/v3lock.grpc.pb.h"
#include "tests/differential/normalise.h"

namespace keelson::differential {
namespace {

using namespace etcdserverpb;

// Nothing here should take so long; what does is shown as a difference.
constexpr std::chrono::seconds kPatience(20);

std::string EndText(const grpc::Status& status) {
  return absl::StrCat("code ", static_cast<int>(status.error_code()), ": ", status.error_message());
}

class GrpcWatchStream : public WatchStream {
 public:
  GrpcWatchStream(Watch::Stub& stub, const IdNames& names) : names_(names) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub.Watch(&context_);
  }
  ~GrpcWatchStream() override {
    if (!end_.empty()) return;
    context_.TryCancel();
    stream_->Finish();
  }

  void Send(const WatchRequest& request) override { stream_->Write(request); }

  bool Read(WatchResponse& response) override {
    if (!end_.empty()) return false;
    if (!stream_->Read(&response)) {
      end_ = EndText(stream_->Finish());
      return false;
    }
    Normalise(names_, response);
    return true;
  }

  const std::string& end() const override { return end_; }

 private:
  const IdNames& names_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<WatchRequest, WatchResponse>> stream_;
  std::string end_;
};

class GrpcServer : public Server {
 public:
  explicit GrpcServer(const std::string& endpoint) : endpoint_(endpoint) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(-1);
    const auto channel =
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
    kv_ = KV::NewStub(channel);
    watch_ = Watch::NewStub(channel);
    lease_ = Lease::NewStub(channel);
    cluster_ = Cluster::NewStub(channel);
    maintenance_ = Maintenance::NewStub(channel);
    lock_ = v3lockpb::Lock::NewStub(channel);
    election_ = v3electionpb::Election::NewStub(channel);
  }

  Answer Call(const Request& request, int64_t handle) override {
    Request own = request;
    std::visit([this](auto& message) { names_.ToServer(message); }, own);
    Answer answer = std::visit([this](const auto& message) { return Send(message); }, own);
    if (NamesAnId(request) && answer.message != nullptr) names_.Learn(handle, *answer.message);
    if (answer.message != nullptr) Normalise(names_, *answer.message);
    return answer;
  }

  std::unique_ptr<WatchStream> OpenWatch() override {
    return std::make_unique<GrpcWatchStream>(*watch_, names_);
  }

  const std::string& endpoint() const override { return endpoint_; }

 private:
  // Calls `method` of `stub`.
  template <typename RequestType, typename Response, typename Stub>
  Answer Unary(Stub& stub,
               grpc::Status (Stub::*method)(grpc::ClientContext*, const RequestType&, Response*),
               const RequestType& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    auto response = std::make_shared<Response>();
    const grpc::Status status = (stub.*method)(&context, request, response.get());
    Answer answer{.code = static_cast<int>(status.error_code()), .error = status.error_message()};
    if (status.ok()) answer.message = std::move(response);
    return answer;
  }

  Answer Send(const RangeRequest& request) { return Unary(*kv_, &KV::Stub::Range, request); }
  Answer Send(const PutRequest& request) { return Unary(*kv_, &KV::Stub::Put, request); }
  Answer Send(const DeleteRangeRequest& request) {
    return Unary(*kv_, &KV::Stub::DeleteRange, request);
  }
  Answer Send(const TxnRequest& request) { return Unary(*kv_, &KV::Stub::Txn, request); }
  Answer Send(const CompactionRequest& request) { return Unary(*kv_, &KV::Stub::Compact, request); }
  Answer Send(const LeaseGrantRequest& request) {
    return Unary(*lease_, &Lease::Stub::LeaseGrant, request);
  }
  Answer Send(const LeaseRevokeRequest& request) {
    return Unary(*lease_, &Lease::Stub::LeaseRevoke, request);
  }
  Answer Send(const LeaseTimeToLiveRequest& request) {
    return Unary(*lease_, &Lease::Stub::LeaseTimeToLive, request);
  }
  Answer Send(const LeaseLeasesRequest& request) {
    return Unary(*lease_, &Lease::Stub::LeaseLeases, request);
  }

  Answer Send(const v3lockpb::LockRequest& request) {
    return Unary(*lock_, &v3lockpb::Lock::Stub::Lock, request);
  }
  Answer Send(const v3lockpb::UnlockRequest& request) {
    return Unary(*lock_, &v3lockpb::Lock::Stub::Unlock, request);
  }
  Answer Send(const v3electionpb::CampaignRequest& request) {
    return Unary(*election_, &v3electionpb::Election::Stub::Campaign, request);
  }
  Answer Send(const v3electionpb::ProclaimRequest& request) {
    return Unary(*election_, &v3electionpb::Election::Stub::Proclaim, request);
  }
  Answer Send(const v3electionpb::LeaderRequest& request) {
    return Unary(*election_, &v3electionpb::Election::Stub::Leader, request);
  }
  Answer Send(const v3electionpb::ResignRequest& request) {
    return Unary(*election_, &v3electionpb::Election::Stub::Resign, request);
  }
  Answer Send(const MemberListRequest& request) {
    return Unary(*cluster_, &Cluster::Stub::MemberList, request);
  }
  Answer Send(const MemberAddRequest& request) {
    return Unary(*cluster_, &Cluster::Stub::MemberAdd, request);
  }
  Answer Send(const MemberRemoveRequest& request) {
    return Unary(*cluster_, &Cluster::Stub::MemberRemove, request);
  }
  Answer Send(const MemberPromoteRequest& request) {
    return Unary(*cluster_, &Cluster::Stub::MemberPromote, request);
  }
  Answer Send(const MemberUpdateRequest& request) {
    return Unary(*cluster_, &Cluster::Stub::MemberUpdate, request);
  }
  Answer Send(const StatusRequest& request) {
    return Unary(*maintenance_, &Maintenance::Stub::Status, request);
  }
  Answer Send(const AlarmRequest& request) {
    return Unary(*maintenance_, &Maintenance::Stub::Alarm, request);
  }
  Answer Send(const HashRequest& request) {
    return Unary(*maintenance_, &Maintenance::Stub::Hash, request);
  }
  Answer Send(const HashKVRequest& request) {
    return Unary(*maintenance_, &Maintenance::Stub::HashKV, request);
  }
  Answer Send(const DefragmentRequest& request) {
    return Unary(*maintenance_, &Maintenance::Stub::Defragment, request);
  }
  Answer Send(const MoveLeaderRequest& request) {
    return Unary(*maintenance_, &Maintenance::Stub::MoveLeader, request);
  }

  // One renewal: the stream is closed from our side, and must then end with OK.
  Answer Send(const LeaseKeepAliveRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = lease_->LeaseKeepAlive(&context);
    stream->Write(request);
    auto response = std::make_shared<LeaseKeepAliveResponse>();
    const bool answered = stream->Read(response.get());
    stream->WritesDone();
    const grpc::Status status = stream->Finish();
    Answer answer{.code = static_cast<int>(status.error_code()), .error = status.error_message()};
    if (answered && status.ok()) answer.message = std::move(response);
    return answer;
  }

  const std::string endpoint_;
  std::unique_ptr<KV::Stub> kv_;
  std::unique_ptr<Watch::Stub> watch_;
  std::unique_ptr<Lease::Stub> lease_;
  std::unique_ptr<Cluster::Stub> cluster_;
  std::unique_ptr<Maintenance::Stub> maintenance_;
  std::unique_ptr<v3lockpb::Lock::Stub> lock_;
  std::unique_ptr<v3electionpb::Election::Stub> election_;
  IdNames names_;
};

}  // namespace

std::string Answer::Text() const {
  if (!form.empty()) return form;
  if (code != 0) return absl::StrCat("code ", code, ": ", error, "\n");
  return message == nullptr ? "no message\n" : message->DebugString();
}

std::unique_ptr<Server> ConnectServer(const std::string& endpoint) {
  return std::make_unique<GrpcServer>(endpoint);
}

}  // namespace keelson::differential
