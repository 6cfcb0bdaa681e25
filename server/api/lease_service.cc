#include "server/api/lease_service.h"

#include <deque>
#include <string>
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "server/api/gate.h"
#include "server/api/lease_keys_reader.h"
#include "server/api/methods.h"
#include "server/api/read_answer.h"
#include "server/api/write.h"
#include "server/apply/errors.h"
#include "server/lease/lease_rules.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;
using etcdserverpb::LeaseGrantRequest;
using etcdserverpb::LeaseTimeToLiveRequest;

// What a lease counts against the quota.
constexpr int64_t kLeaseCost = 64;

// One keep-alive stream: requests are answered one by one, in order. Where the client requires a
// leader it ends once there was none for three election timeouts.
class KeepAliveStream : public std::enable_shared_from_this<KeepAliveStream> {
 public:
  KeepAliveStream(Node& node, CallPtr call) : node_(node), call_(std::move(call)) {}

  void Start() {
    Call::Events events;
    events.on_message = [self = shared_from_this()](std::string_view bytes) {
      self->OnMessage(bytes);
    };
    events.on_half_close = [self = shared_from_this()] {
      self->half_closed_ = true;
      self->Next();
    };
    events.on_end = [self = shared_from_this()] { self->BeOver(); };
    if (RequiresLeader(call_->context())) LookForLeader();
    call_->SetEvents(std::move(events));
  }

 private:
  // Above it the client is held back.
  static constexpr size_t kMaxWaiting = 1024;
  static constexpr int kTimeoutsWithoutLeader = 3;

  void LookForLeader() {
    looking_ = node_.loop().After(node_.options().heartbeat, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->OnLook();
    });
  }

  void OnLook() {
    looking_ = 0;
    const Duration patience = kTimeoutsWithoutLeader * node_.options().election_timeout;
    leaderless_ = node_.HasLeader() ? Duration(0) : leaderless_ + node_.options().heartbeat;
    if (leaderless_ >= patience) return End(errors::NoLeader());
    LookForLeader();
  }

  void OnMessage(std::string_view bytes) {
    etcdserverpb::LeaseKeepAliveRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return End(Undecodable());
    }
    waiting_.push_back(request.id());
    if (waiting_.size() >= kMaxWaiting) call_->PauseReading(true);
    Next();
  }

  void Next() {
    if (asking_ || over_) return;
    if (waiting_.empty()) {
      if (half_closed_) End(absl::OkStatus());
      return;
    }
    const int64_t id = waiting_.front();
    waiting_.pop_front();
    if (waiting_.size() < kMaxWaiting) call_->PauseReading(false);
    asking_ = true;
    etcdserverpb::ResponseHeader header;
    node_.FillHeader(&header);  // the revision before the renewal
    node_.leases().KeepAlive(
        id, [self = shared_from_this(), id, header](const absl::Status& status, LeaseWord word) {
          self->asking_ = false;
          self->OnAnswer(id, header, status, word);
        });
  }

  void OnAnswer(int64_t id, const etcdserverpb::ResponseHeader& header, const absl::Status& status,
                const LeaseWord& word) {
    if (over_) return;
    if (!status.ok()) return End(status);
    etcdserverpb::LeaseKeepAliveResponse response;
    *response.mutable_header() = header;
    response.set_id(id);
    response.set_ttl(word.found ? word.ttl_seconds : 0);
    SharedBody body;
    response.SerializeToString(&body.head);
    call_->Send(std::move(body));
    Next();
  }

  void End(const absl::Status& status) {
    if (over_) return;
    BeOver();
    call_->Finish(status);
  }

  void BeOver() {
    over_ = true;
    if (looking_ != 0) node_.loop().Cancel(std::exchange(looking_, 0));
  }

  Node& node_;
  CallPtr call_;
  std::deque<int64_t> waiting_;
  bool asking_ = false;
  bool half_closed_ = false;
  bool over_ = false;
  Loop::TimerId looking_ = 0;  // set while a leader is required
  Duration leaderless_{};      // so far
};

}  // namespace

void LeaseService::AddTo(Methods& methods) {
  methods.AddUnary<LeaseGrantRequest>(
      "/etcdserverpb.Lease/LeaseGrant",
      [this](CallPtr call, LeaseGrantRequest request, std::string_view bytes) {
        Grant(call, std::move(request), bytes);
      });
  methods.AddUnary<etcdserverpb::LeaseRevokeRequest>(
      "/etcdserverpb.Lease/LeaseRevoke",
      [this](const CallPtr& call, const etcdserverpb::LeaseRevokeRequest&, std::string_view bytes) {
        WriteAndAnswer<etcdserverpb::LeaseRevokeResponse>(node_, call, WriteKind::kLeaseRevoke,
                                                          bytes);
      });
  methods.Add("/etcdserverpb.Lease/LeaseKeepAlive", Method::Kind::kBidi,
              [this](CallPtr call, std::string_view) { KeepAlive(std::move(call)); });
  methods.AddUnary<LeaseTimeToLiveRequest>(
      "/etcdserverpb.Lease/LeaseTimeToLive",
      [this](CallPtr call, const LeaseTimeToLiveRequest& request, std::string_view) {
        TimeToLive(std::move(call), request);
      });
  methods.AddUnary<etcdserverpb::LeaseLeasesRequest>(
      "/etcdserverpb.Lease/LeaseLeases",
      [this](CallPtr call, const etcdserverpb::LeaseLeasesRequest&, std::string_view) {
        List(std::move(call));
      });
}

void LeaseService::Grant(const CallPtr& call, LeaseGrantRequest request, std::string_view asked) {
  // Applying it checks it again; here it goes before what is wrong with the request.
  if (node_.facts().IsClusterCorrupt()) return Answer(*call, errors::Corrupt());
  if (auto status = CheckLeaseTtl(request.ttl()); !status.ok()) return Answer(*call, status);
  request.set_ttl(ClampLeaseTtl(request.ttl(), node_.options().election_timeout));
  if (request.id() == 0) {
    const LeaseTable& table = node_.lease_table();
    request.set_id(
        ChooseLeaseId(node_.random(), [&table](int64_t id) { return table.Contains(id); }));
  }
  WriteAndAnswer<etcdserverpb::LeaseGrantResponse>(node_, call, WriteKind::kLeaseGrant,
                                                   request.SerializeAsString(), asked,
                                                   CheckSpace(node_, kLeaseCost));
}

void LeaseService::KeepAlive(CallPtr call) {
  std::make_shared<KeepAliveStream>(node_, std::move(call))->Start();
}

void LeaseService::TimeToLive(CallPtr call, const LeaseTimeToLiveRequest& request) {
  node_.leases().TimeToLive(
      request.id(), [this, call, request](const absl::Status& status, const LeaseWord& word) {
        if (!status.ok()) return Answer(*call, status);
        etcdserverpb::LeaseTimeToLiveResponse response;
        response.set_id(request.id());
        response.set_ttl(word.found ? word.ttl_seconds : -1);
        response.set_grantedttl(word.granted_seconds);
        if (word.found && request.keys()) return AddKeys(call, response);
        node_.FillHeader(response.mutable_header());
        Answer(*call, response);
      });
}

// The keys are this member's: it may not have applied yet what the leader knew.
void LeaseService::AddKeys(CallPtr call, const etcdserverpb::LeaseTimeToLiveResponse& response) {
  node_.WhenReadable([this, call = std::move(call), response](const absl::Status& status) {
    if (!status.ok()) return Answer(*call, status);
    AnswerRead(node_, call, std::make_unique<LeaseKeysReader>(node_.View(), response));
  });
}

void LeaseService::List(CallPtr call) {
  etcdserverpb::LeaseLeasesResponse response;
  node_.FillHeader(response.mutable_header());
  for (const LeaseFacts& lease : node_.lease_table().List()) {
    response.add_leases()->set_id(lease.id);
  }
  Answer(*call, response);
}

}  // namespace keelson::server
