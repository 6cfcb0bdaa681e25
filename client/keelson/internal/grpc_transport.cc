#include "client/keelson/internal/grpc_transport.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace keelson::client::internal {
namespace {

constexpr char kScheme[] = "dns:///";

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
         !absl::StartsWith(text, "etcdserver: ");
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
  constexpr absl::string_view kBeforeReason = "last error: UNKNOWN: ";
  const std::string& text = status.error_message();
  const size_t at = NeverConnected(status) ? text.find(kBeforeReason) : std::string::npos;
  return at == std::string::npos ? text : text.substr(at + kBeforeReason.size());
}

CallEnd EndOf(const grpc::ClientContext& context, const grpc::Status& status) {
  CallEnd end;
  end.reach = ReachOf(context, status);
  if (!status.ok()) {
    end.status = absl::Status(static_cast<absl::StatusCode>(status.error_code()), Reason(status));
  }
  return end;
}

void Prepare(const CallStart& start, grpc::ClientContext& context) {
  for (const auto& [key, value] : start.metadata) context.AddMetadata(key, value);
  if (start.timeout == absl::InfiniteDuration()) return;
  context.set_deadline(absl::ToChronoTime(absl::Now() + start.timeout));
}

// A call in flight owns itself through its completion.
struct UnaryState {
  grpc::ClientContext context;
  std::string method;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

// Keeps itself alive until OnDone. gRPC wants one write and one read at a time, and all operations
// started before the hold is released.
class GrpcStream : public Stream,
                   public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                   public std::enable_shared_from_this<GrpcStream> {
 public:
  GrpcStream(std::string method, StreamEvents events)
      : method_(std::move(method)), events_(std::move(events)) {}

  void Open(grpc::GenericStub& stub, const CallStart& start) {
    self_ = shared_from_this();
    Prepare(start, context_);
    stub.PrepareBidiStreamingCall(&context_, method_, {}, this);
    AddHold();
    StartCall();
  }

  void Send(std::string message) override {
    absl::MutexLock lock(&mutex_);
    if (closed_) return;
    outgoing_.push_back(ToBuffer(message));
    if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
  }

  void Read() override {
    absl::MutexLock lock(&mutex_);
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
    absl::MutexLock lock(&mutex_);
    outgoing_.pop_front();
    if (!closed_ && !outgoing_.empty()) StartWrite(&outgoing_.front());
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Close();
    events_.on_message(ToString(incoming_));
    absl::MutexLock lock(&mutex_);
    --wanted_;
    if (!closed_ && wanted_ > 0) StartRead(&incoming_);
  }

  void OnDone(const grpc::Status& status) override {
    CallEnd end = EndOf(context_, status);
    if (end.status.ok()) end.status = absl::UnavailableError("the member ended the stream");
    events_.on_end(std::move(end));
    self_.reset();
  }

 private:
  // From now on no operation is started, so gRPC may finish.
  void Close() {
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return;
      closed_ = true;
    }
    RemoveHold();
  }

  const std::string method_;
  const StreamEvents events_;
  grpc::ClientContext context_;
  std::shared_ptr<GrpcStream> self_;  // from Open to OnDone
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<grpc::ByteBuffer> outgoing_ ABSL_GUARDED_BY(mutex_);  // the front is being written
  int wanted_ ABSL_GUARDED_BY(mutex_) = 0;  // reads asked for; the first is in progress
  grpc::ByteBuffer incoming_;
};

class GrpcTransport : public Transport {
 public:
  explicit GrpcTransport(const ClientOptions& options) {
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
    Prepare(start, state->context);
    StubFor(start.endpoint)
        ->UnaryCall(&state->context, state->method, {}, &state->request, &state->response,
                    [state, done = std::move(done)](grpc::Status status) {
                      CallEnd end = EndOf(state->context, status);
                      if (status.ok()) end.body = ToString(state->response);
                      done(std::move(end));
                    });
  }

  std::shared_ptr<Stream> OpenStream(CallStart start, StreamEvents events) override {
    auto stream = std::make_shared<GrpcStream>(start.method, std::move(events));
    stream->Open(*StubFor(start.endpoint), start);
    return stream;
  }

 private:
  std::shared_ptr<grpc::GenericStub> StubFor(const std::string& endpoint) {
    absl::MutexLock lock(&mutex_);
    std::shared_ptr<grpc::GenericStub>& stub = stubs_[endpoint];
    if (stub == nullptr) {
      stub = std::make_shared<grpc::GenericStub>(grpc::CreateCustomChannel(
          absl::StrCat(kScheme, endpoint), grpc::InsecureChannelCredentials(), arguments_));
    }
    return stub;
  }

  grpc::ChannelArguments arguments_;
  absl::Mutex mutex_;
  std::map<std::string, std::shared_ptr<grpc::GenericStub>> stubs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<Transport> MakeGrpcTransport(const ClientOptions& options) {
  return std::make_shared<GrpcTransport>(options);
}

}  // namespace keelson::client::internal
