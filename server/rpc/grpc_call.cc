#include "server/rpc/grpc_call.h"

#include <array>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "server/api/call_times.h"
#include "server/rpc/grpc_text.h"
#include "server/rpc/http2_session.h"

namespace keelson::server {
namespace {

constexpr uint32_t kHttp2Cancel = 8;

// A large head is sent apart from its prefix, so that it need not be moved.
constexpr size_t kJoinBelow = 1024;

using FieldsToSend = absl::InlinedVector<HeaderField, 8>;

constexpr std::array<HeaderField, 2> kOkFields = {
    {{":status", "200", true}, {"content-type", "application/grpc", true}}};

void AddPair(std::string_view key, std::string_view value, Http2Stream::Fields* fields) {
  if (IsBinaryKey(key)) {
    fields->emplace_back(key, EncodeBinary(value));
  } else if (IsPrintableValue(value)) {
    fields->emplace_back(key, value);
  }
}

}  // namespace

GrpcCall::GrpcCall(Http2Stream& stream, const Method& method)
    : context_(stream.session().context()),
      stream_(&stream),
      method_(method),
      input_(context_.options.max_receive_message_bytes) {
  caller_.method = method.path;
  caller_.peer = stream.session().peer();
  caller_.metadata = std::move(stream.head().fields());
  if (const auto timeout = stream.head().timeout()) {
    caller_.deadline = context_.Now() + *timeout;
    context_.deadlines.Set(*this, *caller_.deadline);
  }
  ++context_.stats.calls_open;
}

GrpcCall::~GrpcCall() { KEELSON_CHECK(stream_ == nullptr, "a call outlives its stream"); }

void GrpcCall::OnData(std::string_view bytes) {
  if (!live()) return;
  input_.Append(bytes);
  stream_->SetHeldBytes(input_.buffered_bytes());
  flooded_ = stream_->session().holds_too_much();
}

void GrpcCall::OnClosed() {
  CountEnd(static_cast<int>(absl::StatusCode::kCancelled));  // unless it was answered before
  context_.deadlines.Clear(*this);
  --context_.stats.calls_open;
  stream_ = nullptr;
}

void GrpcCall::Run() {
  if (stream_ == nullptr || state_ == State::kFinished) return TellEnd();
  if (state_ == State::kOver) return;
  if (flooded_) {
    return AnswerAndEnd(absl::ResourceExhaustedError("etcdserver: too many requests"));
  }
  if (takes_one_message()) {
    if (state_ == State::kWaiting) StartWithRequest();
  } else {
    if (state_ == State::kWaiting) Start({});
    DeliverMessages();
  }
  if (std::exchange(room_, false) && state_ == State::kOpen && events_.on_writable) {
    events_.on_writable();
  }
}

// Waits for exactly one message and the end of the request.
void GrpcCall::StartWithRequest() {
  stream_->Consume();
  if (const absl::Status status = input_.CheckPrefix(); !status.ok()) return AnswerAndEnd(status);
  const size_t limit = context_.options.max_receive_message_bytes + kMessagePrefixBytes;
  const bool too_many = input_.buffered_bytes() > limit;
  if (!half_closed_ && !too_many) return;
  std::string_view request;
  if (input_.Next(&request) != MessageDeframer::Result::kMessage) {
    return AnswerAndEnd(
        absl::InternalError(input_.buffered_bytes() == 0 ? "EOF" : "unexpected EOF"));
  }
  if (input_.buffered_bytes() > 0) {
    return AnswerAndEnd(absl::InternalError("more than one request message for a unary request"));
  }
  stream_->SetHeldBytes(0);
  Start(request);
}

void GrpcCall::Start(std::string_view request) {
  state_ = State::kOpen;
  ++context_.stats.calls_started;
  if (method_.counts != nullptr) {
    counted_ = true;
    const CallTimes* times = context_.options.call_times;
    timed_ = times != nullptr && times->Wants(method_);
    if (timed_) started_ = context_.Now();
    ++method_.counts->started;
    if (takes_one_message()) ++method_.counts->messages_received;
  }
  context_.stats.message_bytes_received += request.size();
  method_.start(shared_from_this(), request);
}

void GrpcCall::DeliverMessages() {
  std::string_view message;
  while (state_ == State::kOpen && stream_ != nullptr && has_events_ && !paused_) {
    const auto result = input_.Next(&message);
    if (result == MessageDeframer::Result::kError) return AnswerAndEnd(input_.error());
    if (result == MessageDeframer::Result::kNeedMore) {
      stream_->Consume();
      stream_->SetHeldBytes(input_.buffered_bytes());
      return DeliverHalfClose();
    }
    context_.stats.message_bytes_received += message.size();
    if (method_.counts != nullptr) ++method_.counts->messages_received;
    if (events_.on_message) events_.on_message(message);
  }
}

void GrpcCall::DeliverHalfClose() {
  if (!half_closed_ || half_close_told_) return;
  if (input_.buffered_bytes() > 0) return AnswerAndEnd(absl::InternalError("unexpected EOF"));
  half_close_told_ = true;
  if (events_.on_half_close) events_.on_half_close();
}

void GrpcCall::SetEvents(Events events) {
  KEELSON_CHECK(!has_events_, "the events of a call are set once");
  has_events_ = true;
  if (state_ == State::kFinished) return;
  events_ = std::move(events);
  if (state_ == State::kOver || stream_ == nullptr) return TellEnd();
  stream_->Schedule();
}

void GrpcCall::PauseReading(bool paused) {
  if (paused_ == paused) return;
  paused_ = paused;
  if (!paused && stream_ != nullptr && live()) stream_->Schedule();
}

void GrpcCall::AddMetadata(std::string_view key, std::string_view value) {
  if (!live()) return;  // its end was the response, too
  KEELSON_CHECK(!responded_, "leading metadata comes before the first Send");
  AddPair(key, value, &metadata_);
}

void GrpcCall::AddTrailer(std::string_view key, std::string_view value) {
  if (live()) AddPair(key, value, &trailers_);
}

void GrpcCall::SendPart(SharedBody part, size_t rest) {
  if (!live() || stream_ == nullptr) return;
  KEELSON_CHECK(rest_ == 0 || rest_ == part.size() + rest, "the parts make up the message");
  const bool begins = rest_ == 0;
  rest_ = rest;
  if (!responded_) {
    responded_ = true;
    FieldsToSend fields(kOkFields.begin(), kOkFields.end());
    for (const auto& [name, value] : metadata_) fields.push_back({name, value});
    stream_->Respond(fields, false);
  }
  context_.stats.message_bytes_sent += part.size();
  if (!begins) return stream_->Write(std::move(part));
  if (method_.counts != nullptr) ++method_.counts->messages_sent;
  SharedBody framed;
  framed.head.reserve(kMessagePrefixBytes + (part.head.size() < kJoinBelow ? part.head.size() : 0));
  AppendMessagePrefix(part.size() + rest, &framed.head);
  if (part.head.size() < kJoinBelow) {
    framed.head.append(part.head);
    framed.tail = std::move(part.tail);
    return stream_->Write(std::move(framed));
  }
  stream_->Write(std::move(framed));
  stream_->Write(std::move(part));
}

void GrpcCall::Finish(const absl::Status& status) {
  if (!live() || stream_ == nullptr) return;
  CountEnd(status.raw_code());
  Answer(status);
  Conclude(State::kFinished);
  // The events go at the next Run: the caller may be running inside one of them.
  if (has_events_) stream_->Schedule();
}

// Calls that never reached their handler are not counted, as in etcd.
void GrpcCall::CountEnd(int status) {
  if (!std::exchange(counted_, false)) return;
  method_.counts->Handled(status);
  if (timed_) context_.options.call_times->Add(method_, context_.Now() - started_);
}

void GrpcCall::Conclude(State state) {
  state_ = state;
  context_.deadlines.Clear(*this);
  stream_->SetHeldBytes(0);
  stream_->Consume();
}

void GrpcCall::Answer(const absl::Status& status) {
  Http2Stream::Fields end;
  end.reserve(2 + trailers_.size());
  end.emplace_back("grpc-status", absl::StrCat(status.raw_code()));
  if (!status.message().empty())
    end.emplace_back("grpc-message", PercentEncode(ToStd(status.message())));
  for (auto& field : trailers_) end.push_back(std::move(field));
  if (responded_) return stream_->End(std::move(end));
  responded_ = true;
  FieldsToSend fields(kOkFields.begin(), kOkFields.end());
  for (const auto& [name, value] : metadata_) fields.push_back({name, value});
  for (const auto& [name, value] : end) fields.push_back({name, value});
  stream_->Respond(fields, true);
}

// Ends a call that its handler has not finished.
void GrpcCall::AnswerAndEnd(const absl::Status& status) {
  CountEnd(status.raw_code());
  if (stream_->pending_bytes() == 0) {
    Answer(status);
  } else {
    // The client does not even take what was sent; a status behind it would never arrive.
    stream_->Reset(kHttp2Cancel);
  }
  Conclude(State::kOver);
  TellEnd();
}

void GrpcCall::OnDeadline() {
  const auto self = shared_from_this();
  AnswerAndEnd(absl::DeadlineExceededError("context deadline exceeded"));
}

void GrpcCall::TellEnd() {
  const Events events = std::exchange(events_, {});
  if (state_ == State::kFinished) return;
  state_ = State::kOver;
  if (events.on_end) events.on_end();
}

}  // namespace keelson::server
