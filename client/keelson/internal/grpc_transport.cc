#include "client/keelson/internal/grpc_transport.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace keelson::client::internal {
namespace {

// How gRPC wants to be told of an endpoint: which resolver is to find it.
std::string TargetOf(const std::string& endpoint) {
  return absl::StartsWith(endpoint, "unix:") ? endpoint : absl::StrCat("dns:///", endpoint);
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// gRPC makes up a status when a connection breaks or a stream is reset and reports it like one that
// the peer sent; these are told apart by their text, in doubt as "no answer".
bool IsMadeUp(const grpc::Status& status) {
  const std::string& text = status.error_message();
  if (absl::StrContains(text, "RST_STREAM")) return true;
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         !absl::StartsWith(text, "etcdserver: ") && !absl::StartsWith(text, "keelson: ");
}

// gRPC's own texts for a call that never got a connection, so that not a byte of it left. (Nothing
// else tells: the context's peer stays unset until the first answer.)
bool NeverConnected(const grpc::Status& status) {
  const std::string& text = status.error_message();
  return status.error_code() == grpc::StatusCode::UNAVAILABLE &&
         (absl::StartsWith(text, "failed to connect to all addresses") ||
          absl::StartsWith(text, "DNS resolution failed"));
}

Reach ReachOf(const grpc::ClientContext& context, const grpc::Status& status) {
  if (status.ok()) return Reach::kAnswered;
  if (!absl::StrContains(context.debug_error_string(), "Error received from peer")) {
    return NeverConnected(status) ? Reach::kNotSent : Reach::kSent;
  }
  return IsMadeUp(status) ? Reach::kSent : Reach::kAnswered;
}

// The part of gRPC's text that says why, without what our own message says around it.
std::string Reason(const grpc::Status& status) {
  const std::string& text = status.error_message();
  if (!NeverConnected(status)) return text;
  for (const char* before : {"last error: UNKNOWN: ", "last error: UNAVAILABLE: "}) {
    const size_t at = text.find(before);
    if (at != std::string::npos) return text.substr(at + std::string_view(before).size());
  }
  return text;
}

CallEnd EndOf(const grpc::ClientContext& context, const grpc::Status& status) {
  CallEnd end;
  end.reach = ReachOf(context, status);
  if (!status.ok()) {
    end.status = absl::Status(static_cast<absl::StatusCode>(status.error_code()), Reason(status));
  }
  return end;
}

Metadata MetadataOf(const grpc::ClientContext& context) {
  Metadata metadata;
  const auto add = [&metadata](const auto& pairs) {
    for (const auto& [key, value] : pairs) {
      metadata.emplace_back(std::string(key.data(), key.size()),
                            std::string(value.data(), value.size()));
    }
  };
  add(context.GetServerInitialMetadata());
  add(context.GetServerTrailingMetadata());
  return metadata;
}

void Prepare(const CallStart& start, grpc::ClientContext& context) {
  for (const auto& [key, value] : start.metadata) context.AddMetadata(key, value);
  if (start.timeout == absl::InfiniteDuration()) return;
  context.set_deadline(absl::ToChronoTime(absl::Now() + start.timeout));
}

// All that one call needs, kept by its completion. It is destroyed on the client's thread: a
// context holds the channel, and the last channel must not die on a thread of gRPC's, which would
// then wait for itself.
struct UnaryState {
  grpc::ClientContext context;
  std::string method;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  std::function<void(CallEnd)> done;
};

// Keeps itself alive until OnDone. gRPC wants one write and one read at a time, and all operations
// started before the hold is released.
class GrpcStream : public Stream,
                   public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                   public std::enable_shared_from_this<GrpcStream> {
 public:
  GrpcStream(std::string method, StreamEvents events, std::shared_ptr<Scheduler> scheduler)
      : method_(std::move(method)), events_(std::move(events)), scheduler_(std::move(scheduler)) {}

  void Open(grpc::GenericStub& stub, const CallStart& start) {
    self_ = shared_from_this();
    Prepare(start, context_);
    stub.PrepareBidiStreamingCall(&context_, method_, {}, this);
    AddHold();
    StartCall();
  }

  void Send(std::string message) override { Queue(message, false); }
  void SendLast(std::string message) override { Queue(message, true); }

  void Read() override {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    ++wanted_;
    if (wanted_ == 1) StartRead(&incoming_);
  }

  void Cancel() override {
    context_.TryCancel();
    Close();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Close();
    const std::lock_guard lock(mutex_);
    outgoing_.pop_front();
    if (!closed_ && !outgoing_.empty()) WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close();
    scheduler_->Post([self = self_, bytes = ToString(incoming_)]() mutable {
      self->events_.on_message(std::move(bytes));
    });
    const std::lock_guard lock(mutex_);
    --wanted_;
    if (!closed_ && wanted_ > 0) StartRead(&incoming_);
  }

  void OnDone(const grpc::Status& status) override {
    CallEnd end = EndOf(context_, status);
    if (end.status.ok()) end.status = absl::UnavailableError("the member ended the stream");
    // The scheduler by a reference of its own: once posted, this object may be gone.
    const std::shared_ptr<Scheduler> scheduler = scheduler_;
    scheduler->Post([self = std::move(self_), end = std::move(end)] { self->events_.on_end(end); });
  }

 private:
  void Queue(const std::string& message, bool last) {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    outgoing_.push_back(ToBuffer(message));
    last_queued_ = last_queued_ || last;
    if (outgoing_.size() == 1) WriteNext();
  }

  // REQUIRES: the mutex.
  void WriteNext() {
    if (last_queued_ && outgoing_.size() == 1) {
      StartWriteLast(&outgoing_.front(), {});
    } else {
      StartWrite(&outgoing_.front());
    }
  }

  // From now on no operation is started, so gRPC may finish.
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      closed_ = true;
    }
    RemoveHold();
  }

  const std::string method_;
  const StreamEvents events_;
  const std::shared_ptr<Scheduler> scheduler_;
  grpc::ClientContext context_;
  std::shared_ptr<GrpcStream> self_;  // from Open to OnDone
  std::mutex mutex_;                  // guards what follows
  bool closed_ = false;
  std::deque<grpc::ByteBuffer> outgoing_;  // the front is being written
  bool last_queued_ = false;               // the back is the last of all
  int wanted_ = 0;                         // reads asked for; the first is in progress
  grpc::ByteBuffer incoming_;
};

class GrpcTransport : public Transport {
 public:
  GrpcTransport(const ClientOptions& options, std::shared_ptr<Scheduler> scheduler)
      : scheduler_(std::move(scheduler)) {
    const auto milliseconds = [](absl::Duration duration) {
      return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(duration), 1 << 30));
    };
    arguments_.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, milliseconds(options.dial_timeout));
    arguments_.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
    arguments_.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    arguments_.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(options.keepalive_time));
    arguments_.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(options.keepalive_timeout));
    arguments_.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    // A cluster's members are reached directly, whatever http_proxy says.
    arguments_.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // Two clients in one process don't share connections, nor each other's backoff.
    arguments_.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments_.SetMaxReceiveMessageSize(-1);
    arguments_.SetMaxSendMessageSize(-1);
  }

  void Unary(CallStart start, std::string request, std::function<void(CallEnd)> done) override {
    auto state = std::make_shared<UnaryState>();
    state->method = std::move(start.method);
    state->request = ToBuffer(request);
    state->done = std::move(done);
    Prepare(start, state->context);
    if (start.cancellation) {
      start.cancellation->OnRequest([weak = std::weak_ptr(state)] {
        if (const auto running = weak.lock()) running->context.TryCancel();
      });
    }
    UnaryState& call = *state;
    StubFor(start.endpoint)
        ->UnaryCall(
            &call.context, call.method, {}, &call.request, &call.response,
            [scheduler = scheduler_, state = std::move(state)](grpc::Status status) mutable {
              scheduler->Post([state = std::move(state), status = std::move(status)] {
                CallEnd end = EndOf(state->context, status);
                if (status.ok()) end.body = ToString(state->response);
                end.metadata = MetadataOf(state->context);
                state->done(std::move(end));
              });
            });
  }

  std::shared_ptr<Stream> OpenStream(CallStart start, StreamEvents events) override {
    auto stream = std::make_shared<GrpcStream>(start.method, std::move(events), scheduler_);
    stream->Open(*StubFor(start.endpoint), start);
    return stream;
  }

 private:
  std::shared_ptr<grpc::GenericStub> StubFor(const std::string& endpoint) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<grpc::GenericStub>& stub = stubs_[endpoint];
    if (stub == nullptr) {
      stub = std::make_shared<grpc::GenericStub>(grpc::CreateCustomChannel(
          TargetOf(endpoint), grpc::InsecureChannelCredentials(), arguments_));
    }
    return stub;
  }

  const std::shared_ptr<Scheduler> scheduler_;
  grpc::ChannelArguments arguments_;
  std::mutex mutex_;  // guards stubs_
  std::map<std::string, std::shared_ptr<grpc::GenericStub>> stubs_;
};

}  // namespace

std::shared_ptr<Transport> MakeGrpcTransport(const ClientOptions& options,
                                             std::shared_ptr<Scheduler> scheduler) {
  return std::make_shared<GrpcTransport>(options, std::move(scheduler));
}

}  // namespace keelson::client::internal
