#include "server/api/watch_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "server/api/gate.h"

namespace keelson::server {
namespace {

constexpr std::string_view kPath = "/etcdserverpb.Watch/Watch";

// The code as clients in Go print it, which is what they compare cancel reasons with.
std::string_view GoName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kPermissionDenied:
      return "PermissionDenied";
    case absl::StatusCode::kUnauthenticated:
      return "Unauthenticated";
    case absl::StatusCode::kInvalidArgument:
      return "InvalidArgument";
    case absl::StatusCode::kUnavailable:
      return "Unavailable";
    case absl::StatusCode::kFailedPrecondition:
      return "FailedPrecondition";
    default:
      return "Unknown";
  }
}

std::string ReasonOf(const absl::Status& status) {
  return absl::StrCat("rpc error: code = ", ToAbsl(GoName(status.code())),
                      " desc = ", status.message());
}

WatchRequestCreate Unpack(etcdserverpb::WatchCreateRequest* request) {
  WatchRequestCreate create{.key = std::move(*request->mutable_key()),
                            .range_end = std::move(*request->mutable_range_end()),
                            .start_revision = request->start_revision(),
                            .watch_id = request->watch_id(),
                            .progress_notify = request->progress_notify(),
                            .prev_kv = request->prev_kv(),
                            .fragment = request->fragment()};
  for (const int filter : request->filters()) {
    if (filter == etcdserverpb::WatchCreateRequest::NOPUT) create.no_put = true;
    if (filter == etcdserverpb::WatchCreateRequest::NODELETE) create.no_delete = true;
  }
  return create;
}

}  // namespace

// One call: the hub's sink, and the reader of the client's requests. The call's events and the hub
// share it; it lets go of the call when that is over.
class WatchService::Session final : public WatchSink, public std::enable_shared_from_this<Session> {
 public:
  Session(WatchHub& hub, const Hooks& hooks, std::shared_ptr<Call> call)
      : hub_(hub), hooks_(hooks), call_(std::move(call)) {}

  void Begin(bool require_leader) {
    stream_ = hub_.Open(shared_from_this(), require_leader);
    const auto self = shared_from_this();
    // A half-close is not listened to: events go on until the client cancels.
    call_->SetEvents({.on_message = [self](std::string_view body) { self->OnMessage(body); },
                      .on_half_close = nullptr,
                      .on_end = [self] { self->OnEnd(); },
                      .on_writable = [self] { self->OnWritable(); }});
  }

  void Send(SharedBody body) override {
    if (call_ != nullptr) call_->Send(std::move(body));
  }
  bool Writable() const override {
    return call_ != nullptr && call_->pending_bytes() < Call::kHighWater;
  }
  void End(const absl::Status& status) override {
    if (call_ != nullptr) std::exchange(call_, nullptr)->Finish(status);
  }

 private:
  void OnMessage(std::string_view body) {
    const auto keep = shared_from_this();  // the call may let go of its events meanwhile
    if (call_ == nullptr) return;
    etcdserverpb::WatchRequest request;
    if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      hub_.Close(stream_);
      return End(absl::InternalError(
          "grpc: failed to unmarshal the received message: proto: cannot parse invalid "
          "wire-format data"));
    }
    Handle(&request);
    // Answers to requests have to wait for the reader too.
    if (call_ != nullptr && !Writable() && !std::exchange(paused_, true)) {
      call_->PauseReading(true);
    }
  }

  void Handle(etcdserverpb::WatchRequest* request) {
    switch (request->request_union_case()) {
      case etcdserverpb::WatchRequest::kCreateRequest: {
        WatchRequestCreate create = Unpack(request->mutable_create_request());
        const absl::Status permitted =
            hooks_.permit ? hooks_.permit(call_->context(), create) : absl::OkStatus();
        if (!permitted.ok()) return hub_.Refuse(stream_, ReasonOf(permitted));
        return hub_.Create(stream_, std::move(create));
      }
      case etcdserverpb::WatchRequest::kCancelRequest:
        return hub_.Cancel(stream_, request->cancel_request().watch_id());
      case etcdserverpb::WatchRequest::kProgressRequest:
        return hub_.RequestProgress(stream_);
      case etcdserverpb::WatchRequest::REQUEST_UNION_NOT_SET:
        return;
    }
  }

  void OnWritable() {
    if (call_ == nullptr) return;
    if (std::exchange(paused_, false)) call_->PauseReading(false);
    hub_.OnWritable(stream_);
  }

  void OnEnd() {
    const auto keep = shared_from_this();
    call_ = nullptr;
    hub_.Close(stream_);
  }

  WatchHub& hub_;
  const Hooks& hooks_;
  std::shared_ptr<Call> call_;
  WatchHub::StreamId stream_ = 0;
  bool paused_ = false;
};

WatchService::WatchService(WatchHub& hub, Hooks hooks) : hub_(hub), hooks_(std::move(hooks)) {}

Method WatchService::WatchMethod() {
  return {
      .path = kPath,
      .kind = Method::Kind::kBidi,
      .start = [this](std::shared_ptr<Call> call, std::string_view) { Start(std::move(call)); }};
}

void WatchService::Start(std::shared_ptr<Call> call) {
  const bool require_leader = RequiresLeader(call->context());
  std::make_shared<Session>(hub_, hooks_, std::move(call))->Begin(require_leader);
}

}  // namespace keelson::server
