#include "server/api/gateway_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "server/api/gateway_errors.h"

namespace keelson::server {
namespace {

// What is turned from or into JSON on the loop: at most some two milliseconds of work.
constexpr size_t kOnLoopBytes = 32 << 10;

}  // namespace

GatewayCall::GatewayCall(std::shared_ptr<GatewayWorld> world, const Target& target,
                         CallContext caller, const HttpRequest& request,
                         std::shared_ptr<HttpReply> reply)
    : world_(std::move(world)),
      target_(target),
      caller_(std::move(caller)),
      reply_(std::move(reply)),
      input_(std::string(request.body)) {}

GatewayCall::~GatewayCall() { LetGo(held_bytes_); }

void GatewayCall::Begin() {
  reply_->SetEvents({.on_end = [self = shared_from_this()] { self->OnGone(); },
                     .on_writable = [self = shared_from_this()] { self->OnRoom(); }});
  if (takes_one_message()) return StartWithRequest();
  Start({});
  Schedule();
}

// What stands behind the message is not looked at, as in etcd; no message at all is an empty one.
void GatewayCall::StartWithRequest() {
  std::string_view json;
  const auto found = input_.Next(&json);
  if (found == JsonMessages::Result::kMalformed) {
    return AnswerAndEnd(absl::InvalidArgumentError("the body is no JSON object"));
  }
  if (found == JsonMessages::Result::kEnd) json = "{}";
  Decode(json, [self = shared_from_this()](const absl::StatusOr<std::string>& request) {
    if (self->state_ != State::kWaiting) return;
    if (!request.ok()) return self->AnswerAndEnd(request.status());
    self->Start(*request);
  });
}

void GatewayCall::Start(std::string_view request) {
  state_ = State::kOpen;
  if (MethodCounts* counts = target_.method.counts) {
    counted_ = true;
    started_micros_ = world_->options.loop.LiveMicros();
    ++counts->started;
    if (takes_one_message()) ++counts->messages_received;
  }
  target_.method.start(shared_from_this(), request);
}

void GatewayCall::SetEvents(Events events) {
  KEELSON_CHECK(!has_events_, "the events of a call are set once");
  has_events_ = true;
  if (state_ == State::kFinished) return;
  events_ = std::move(events);
  if (state_ == State::kOver) return LetGoOfEvents(/*tell_end=*/true);
  if (!takes_one_message()) Schedule();
}

void GatewayCall::PauseReading(bool paused) {
  paused_ = paused;
  if (!paused && !takes_one_message()) Schedule();
}

void GatewayCall::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  world_->options.loop.Post([self = shared_from_this()] {
    self->scheduled_ = false;
    self->Deliver();
  });
}

void GatewayCall::Deliver() {
  size_t bytes = 0;
  while (bytes < kOnLoopBytes) {
    if (!DeliverNext(&bytes)) return;
  }
  Schedule();
}

// Whether there may be another to deliver now.
bool GatewayCall::DeliverNext(size_t* bytes) {
  if (state_ != State::kOpen || !has_events_ || paused_ || decoding_) return false;
  std::string_view json;
  switch (input_.Next(&json)) {
    case JsonMessages::Result::kEnd:
      DeliverHalfClose();
      return false;
    case JsonMessages::Result::kMalformed:
      AnswerAndEnd(absl::InvalidArgumentError("the body is no sequence of JSON objects"));
      return false;
    case JsonMessages::Result::kMessage:
      break;
  }
  // Even the smallest costs some microseconds.
  *bytes += json.size() + 512;
  decoding_ = true;
  Decode(json, [self = shared_from_this()](const absl::StatusOr<std::string>& message) {
    self->OnDecoded(message);
  });
  return !decoding_;
}

void GatewayCall::OnDecoded(const absl::StatusOr<std::string>& message) {
  decoding_ = false;
  if (state_ != State::kOpen) return;
  if (!message.ok()) return AnswerAndEnd(message.status());
  if (target_.method.counts != nullptr) ++target_.method.counts->messages_received;
  // A copy: the handler may end the call in there, and with it the events.
  const auto on_message = events_.on_message;
  if (on_message) on_message(*message);
  Schedule();
}

void GatewayCall::DeliverHalfClose() {
  if (std::exchange(half_close_told_, true)) return;
  const auto on_half_close = events_.on_half_close;
  if (on_half_close) on_half_close();
}

void GatewayCall::Decode(std::string_view json, Transcoded done) {
  const auto decode = [world = world_, type = target_.request_type](std::string_view text) {
    const size_t limit = world->options.max_request_bytes;
    auto bytes = world->codec.ToProto(type, text);
    if (bytes.ok() && bytes->size() > limit) {
      bytes = absl::ResourceExhaustedError(absl::StrCat("grpc: received message larger than max (",
                                                        bytes->size(), " vs. ", limit, ")"));
    }
    return bytes;
  };
  if (json.size() <= kOnLoopBytes) return done(decode(json));
  auto text = std::make_shared<std::string>(json);
  auto result = std::make_shared<absl::StatusOr<std::string>>(std::string());
  world_->options.run_beside([decode, text, result] { *result = decode(*text); },
                             [done = std::move(done), result] { done(std::move(*result)); });
}

void GatewayCall::AddMetadata(std::string_view key, std::string_view value) {
  if (live()) metadata_.emplace_back(key, value);
}

void GatewayCall::AddTrailer(std::string_view key, std::string_view value) {
  if (live()) trailers_.emplace_back(key, value);
}

void GatewayCall::SendPart(SharedBody part, size_t rest) {
  if (!live()) return;
  KEELSON_CHECK(rest_ == 0 || rest_ == part.size() + rest, "the parts make up the message");
  if (rest_ == 0 && !Admit(part.size() + rest)) return;
  rest_ = rest;
  message_.size += part.size();
  message_.parts.push_back(std::move(part));
  if (rest > 0) return;
  if (target_.method.counts != nullptr) ++target_.method.counts->messages_sent;
  queued_bytes_ += message_.size;
  queue_.push_back(std::exchange(message_, {}));
  if (is_stream()) EncodeNext();
  above_high_water_ |= pending_bytes() >= kHighWater;
}

// Whether a message of that size may come: its JSON takes memory until it is sent.
bool GatewayCall::Admit(size_t message_bytes) {
  if (message_bytes > world_->options.max_answer_bytes) {
    AnswerAndEnd(absl::ResourceExhaustedError(
        absl::StrCat("grpc: received message larger than max (", message_bytes, " vs. ",
                     world_->options.max_answer_bytes, ")")));
    return false;
  }
  if (world_->held_bytes + message_bytes > world_->options.max_held_bytes) {
    AnswerAndEnd(absl::ResourceExhaustedError("etcdserver: too many requests"));
    return false;
  }
  Hold(message_bytes);
  return true;
}

void GatewayCall::Finish(const absl::Status& status) {
  if (!live()) return;
  CountEnd(status.raw_code());
  state_ = State::kFinished;
  status_ = status;
  // Not now: the handler may be running inside one of them.
  if (has_events_) LetGoOfEvents(/*tell_end=*/false);
  if (!is_stream() && status.ok() && queue_.empty()) queue_.emplace_back();
  EncodeNext();
}

void GatewayCall::EncodeNext() {
  while (!encoding_ && state_ != State::kOver) {
    if (!is_stream() && !status_.ok()) return Conclude();
    if (queue_.empty()) {
      if (state_ == State::kFinished) Conclude();
      return;
    }
    encoding_ = true;
    Message message = std::move(queue_.front());
    queue_.pop_front();
    const size_t size = message.size;
    Encode(std::move(message), [self = shared_from_this(), size](absl::StatusOr<std::string> json) {
      self->encoding_ = false;
      self->queued_bytes_ -= size;
      self->LetGo(size);
      if (self->state_ != State::kOver) self->OnEncoded(std::move(json));
    });
  }
}

std::string GatewayCall::Message::Join() const {
  std::string bytes;
  bytes.reserve(size);
  for (const SharedBody& part : parts) {
    bytes.append(part.head);
    if (part.tail) bytes.append(*part.tail);
  }
  return bytes;
}

void GatewayCall::Encode(Message message, Transcoded done) {
  const auto encode = [world = world_, type = target_.response_type](const Message& parts) {
    return world->codec.ToJson(type, parts.Join());
  };
  if (message.size <= kOnLoopBytes) return done(encode(message));
  auto shared = std::make_shared<Message>(std::move(message));
  auto result = std::make_shared<absl::StatusOr<std::string>>(std::string());
  world_->options.run_beside(
      [encode, shared, result] { *result = encode(std::exchange(*shared, {})); },
      [self = shared_from_this(), done = std::move(done), result] {
        done(std::move(*result));
        self->EncodeNext();
        self->OnRoom();
      });
}

void GatewayCall::OnEncoded(absl::StatusOr<std::string> json) {
  if (!json.ok()) return AnswerAndEnd(json.status());
  if (is_stream()) return WriteLine(absl::StrCat("{\"result\":", *json, "}\n"));
  state_ = State::kOver;
  HttpResponse response = Head();
  response.body = *std::move(json);
  for (const auto& [key, value] : trailers_) {
    response.headers.emplace_back(absl::StrCat("Grpc-Trailer-", key), value);
  }
  reply_->Respond(std::move(response));
}

HttpResponse GatewayCall::Head() const {
  HttpResponse head;
  head.content_type = "application/json";
  AddMetadataTo(&head);
  return head;
}

void GatewayCall::AddMetadataTo(HttpResponse* response) const {
  for (const auto& [key, value] : metadata_) {
    response->headers.emplace_back(absl::StrCat("Grpc-Metadata-", key), value);
  }
}

void GatewayCall::WriteLine(std::string line) {
  if (!std::exchange(begun_, true)) reply_->Begin(Head());
  reply_->Write(std::move(line));
}

// Ends the answer: all that the handler sent is written.
void GatewayCall::Conclude() {
  state_ = State::kOver;
  if (!status_.ok()) return AnswerError(status_);
  if (!begun_) reply_->Begin(Head());
  reply_->End();
}

void GatewayCall::AnswerError(const absl::Status& status) {
  if (!begun_) {
    HttpResponse response = ErrorResponse(status, is_stream());
    AddMetadataTo(&response);
    return reply_->Respond(std::move(response));
  }
  reply_->Write(absl::StrCat(StreamErrorBody(status), "\n"));
  reply_->End();
}

// Ends a call that its handler has not finished.
void GatewayCall::AnswerAndEnd(const absl::Status& status) {
  const bool handler_waits = state_ == State::kOpen;
  CountEnd(status.raw_code());
  state_ = State::kOver;
  AnswerError(status);
  if (handler_waits) LetGoOfEvents(/*tell_end=*/true);
}

void GatewayCall::OnGone() {
  const bool handler_waits = state_ == State::kOpen;
  CountEnd(static_cast<int>(absl::StatusCode::kCancelled));  // unless it was answered before
  state_ = State::kOver;
  const Events events = std::exchange(events_, {});
  if (handler_waits && events.on_end) events.on_end();
}

void GatewayCall::LetGoOfEvents(bool tell_end) {
  world_->options.loop.Post([self = shared_from_this(), tell_end] {
    const Events events = std::exchange(self->events_, {});
    if (tell_end && events.on_end) events.on_end();
  });
}

size_t GatewayCall::pending_bytes() const {
  // Not their sum: that can stay above the mark while neither is, and nobody would tell its fall.
  return is_stream() ? std::max(queued_bytes_, reply_->pending_bytes()) : 0;
}

void GatewayCall::OnRoom() {
  if (state_ != State::kOpen || pending_bytes() >= kHighWater) return;
  if (!std::exchange(above_high_water_, false)) return;
  const auto on_writable = events_.on_writable;
  if (on_writable) on_writable();
}

void GatewayCall::Hold(size_t bytes) {
  held_bytes_ += bytes;
  world_->held_bytes += bytes;
}

void GatewayCall::LetGo(size_t bytes) {
  held_bytes_ -= bytes;
  world_->held_bytes -= bytes;
}

// Calls that never reached their handler are not counted, as in etcd.
void GatewayCall::CountEnd(int status) {
  if (!std::exchange(counted_, false)) return;
  target_.method.counts->Handled(status);
  CallTimes* const times = world_->options.call_times;
  if (times != nullptr && times->Wants(target_.method)) {
    const uint64_t took = world_->options.loop.LiveMicros() - started_micros_;
    times->Add(target_.method, std::chrono::microseconds(took));
  }
}

}  // namespace keelson::server
