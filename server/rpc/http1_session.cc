#include "server/rpc/http1_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "server/api/call.h"
#include "server/rpc/http_text.h"

namespace keelson::server {
namespace {

// Answers to pipelined requests that wait for the client to read; then no more are asked.
constexpr size_t kMaxOutputBytes = 256 << 10;

}  // namespace

// What the endpoint holds. It is cut off from the session when the answer is complete, or when
// nobody waits for it any more.
class Http1Session::Reply final : public HttpReply {
 public:
  explicit Reply(Http1Session& session) : session_(&session) {}

  void SetEvents(Events events) override { events_ = std::move(events); }
  void Respond(HttpResponse response) override {
    if (session_ == nullptr || session_->state_ != State::kAsking) return;
    session_->Respond(std::move(response));
  }
  void Begin(HttpResponse head) override {
    if (session_ != nullptr && session_->state_ == State::kAsking) session_->Begin(head);
  }
  void Write(std::string bytes) override {
    if (session_ != nullptr) session_->Write(std::move(bytes));
  }
  void End() override {
    if (session_ != nullptr) session_->End();
  }
  size_t pending_bytes() const override { return session_ ? session_->output_.size() : 0; }

  // Lets go of the session, and returns what the endpoint wanted to hear.
  Events CutOff() {
    session_ = nullptr;
    return std::exchange(events_, {});
  }
  void TellRoom() {
    if (events_.on_writable) events_.on_writable();
  }

 private:
  Http1Session* session_;
  Events events_;
};

Http1Session::Http1Session(SessionContext& context, SessionHost& host, std::string peer)
    : context_(context),
      host_(host),
      peer_(std::move(peer)),
      parser_({context.options.http1_max_head_bytes, context.options.max_http_body_bytes}) {
  ArmDeadline();
}

Http1Session::~Http1Session() { Abort(); }

void Http1Session::Receive(std::string_view bytes) {
  if (state_ == State::kEnding) return;
  input_.append(bytes);
}

void Http1Session::ReceiveEof() { eof_ = true; }

void Http1Session::Run() {
  size_t taken = 0;
  bool new_phase = false;
  for (;;) {
    if (state_ == State::kReading && std::exchange(answered_, false)) {
      parser_.Reset();
      new_phase = true;
    }
    const bool more = taken < input_.size() && output_.size() < kMaxOutputBytes;
    if (state_ != State::kReading || !more) break;
    const bool was_idle = parser_.idle();
    const bool was_in_body = parser_.in_body();
    taken += parser_.Feed(std::string_view(input_).substr(taken));
    new_phase |= was_idle || was_in_body != parser_.in_body();
    if (parser_.TakeExpectContinue()) output_.Append("HTTP/1.1 100 Continue\r\n\r\n");
    if (parser_.failed()) AnswerError(parser_.error_status(), parser_.error());
    if (parser_.done()) Ask();
  }
  input_.erase(0, taken);
  if (state_ == State::kStreaming && eof_) return DropReply();
  // A copy: the endpoint may end its answer in there.
  if (std::exchange(room_, false) && reply_) std::shared_ptr<Reply>(reply_)->TellRoom();
  if (state_ != State::kReading) return;
  if (new_phase) ArmDeadline();
  if ((eof_ || draining_) && input_.empty() && (eof_ || parser_.idle())) state_ = State::kEnding;
}

// The deadline of the phase that begins now.
void Http1Session::ArmDeadline() {
  const FrontEndOptions& options = context_.options;
  auto time = options.http1_head_timeout;
  if (parser_.idle()) time = options.http1_idle_timeout;
  if (parser_.in_body()) time = options.http1_body_timeout;
  context_.deadlines.Set(*this, context_.Now() + time);
}

void Http1Session::OnDeadline() {
  if (parser_.idle()) {
    state_ = State::kEnding;
  } else {
    AnswerError(408, "request not complete in time");
  }
  host_.Wake();
}

void Http1Session::Ask() {
  state_ = State::kAsking;
  context_.deadlines.Clear(*this);
  ++context_.stats.http_requests;
  reply_ = std::make_shared<Reply>(*this);
  const Http1Request& parsed = parser_.request();
  const PathAndQuery target = SplitTarget(parsed.target);
  const HttpRequest request{.method = parsed.method,
                            .path = target.path,
                            .query = target.query,
                            .body = parsed.body,
                            .peer = peer_,
                            .headers = parsed.headers};
  context_.endpoints.Handle(request, reply_);
}

void Http1Session::Respond(HttpResponse response) {
  keep_alive_ = parser_.request().keep_alive && !draining_;
  WriteWhole(std::move(response), head_only(), keep_alive_);
  FinishAnswer();
}

void Http1Session::FinishAnswer() {
  std::exchange(reply_, nullptr)->CutOff();
  above_high_water_ = false;
  room_ = false;
  state_ = keep_alive_ && !draining_ ? State::kReading : State::kEnding;
  // The endpoint may still look at its request: the parser is reset at the next Run.
  answered_ = true;
  host_.Wake();
}

void Http1Session::Begin(const HttpResponse& head) {
  // A client of HTTP/1.0 learns of the end by that of the connection.
  chunked_ = parser_.request().minor_version > 0;
  mute_ = head_only() || HasNoBody(head.status);
  keep_alive_ = chunked_ && parser_.request().keep_alive && !draining_;
  WriteHead(head, chunked_ ? "Transfer-Encoding: chunked\r\n" : "", keep_alive_);
  state_ = State::kStreaming;
  host_.Wake();
}

void Http1Session::Write(std::string bytes) {
  KEELSON_CHECK(state_ == State::kStreaming, "an answer in parts begins with its head");
  if (mute_ || bytes.empty()) return;  // an empty chunk would be the last
  if (chunked_) output_.Append(absl::StrCat(absl::Hex(bytes.size()), "\r\n"));
  output_.Append(std::move(bytes));
  if (chunked_) output_.Append("\r\n");
  above_high_water_ |= output_.size() >= Call::kHighWater;
  host_.Wake();
}

void Http1Session::End() {
  KEELSON_CHECK(state_ == State::kStreaming, "an answer in parts begins with its head");
  if (chunked_ && !mute_) output_.Append("0\r\n\r\n");
  FinishAnswer();
}

// The client waits no longer for the answer under way.
void Http1Session::DropReply() {
  state_ = State::kEnding;
  if (!reply_) return;
  const HttpReply::Events events = std::exchange(reply_, nullptr)->CutOff();
  if (events.on_end) events.on_end();
}

void Http1Session::AnswerError(int status, std::string_view why) {
  HttpResponse response;
  response.status = status;
  response.body = absl::StrCat(ToAbsl(why), "\n");
  WriteWhole(std::move(response), /*mute=*/false, /*keep_alive=*/false);
  state_ = State::kEnding;
}

void Http1Session::WriteHead(const HttpResponse& head, std::string_view framing, bool keep_alive) {
  std::string text =
      absl::StrCat("HTTP/1.1 ", head.status, " ", ToAbsl(ReasonPhrase(head.status)), "\r\n");
  const std::string_view date = context_.date.Now();
  if (!date.empty()) absl::StrAppend(&text, "Date: ", ToAbsl(date), "\r\n");
  if (!HasNoBody(head.status)) {
    if (IsFieldValue(head.content_type) && !head.content_type.empty()) {
      absl::StrAppend(&text, "Content-Type: ", head.content_type, "\r\n");
    }
    text.append(framing);
  }
  for (const auto& [name, value] : head.headers) {
    if (IsFieldValue(value)) absl::StrAppend(&text, name, ": ", value, "\r\n");
  }
  if (!keep_alive) {
    text.append("Connection: close\r\n");
  } else if (parser_.request().minor_version == 0) {
    text.append("Connection: keep-alive\r\n");
  }
  text.append("\r\n");
  output_.Append(std::move(text));
}

void Http1Session::WriteWhole(HttpResponse response, bool mute, bool keep_alive) {
  const std::string length = absl::StrCat("Content-Length: ", response.body.size(), "\r\n");
  WriteHead(response, length, keep_alive);
  if (!mute && !HasNoBody(response.status)) output_.Append(std::move(response.body));
}

void Http1Session::Produce(OutputQueue& out, size_t budget) {
  output_.Take(std::min(budget, output_.size()), out);
  if (output_.size() < Call::kLowWater) room_ |= std::exchange(above_high_water_, false);
}

// Also while a request is answered, to hear of a client that goes away; what comes then is the next
// request, and the last that is read ahead.
bool Http1Session::wants_read() const { return state_ != State::kEnding && input_.empty(); }

void Http1Session::Drain() {
  draining_ = true;
  if (state_ == State::kReading && parser_.idle() && input_.empty()) state_ = State::kEnding;
}

void Http1Session::Abort() {
  context_.deadlines.Clear(*this);
  output_ = {};
  DropReply();
}

}  // namespace keelson::server
