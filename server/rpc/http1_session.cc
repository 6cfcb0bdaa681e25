#include "server/rpc/http1_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/rpc/http_text.h"

namespace keelson::server {
namespace {

// Answers to pipelined requests that wait for the client to read; then no more are asked.
constexpr size_t kMaxOutputBytes = 256 << 10;

}  // namespace

Http1Session::Http1Session(SessionContext& context, SessionHost& host)
    : context_(context),
      host_(host),
      parser_({context.options.http1_max_head_bytes, context.options.max_receive_message_bytes}) {
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
    if (parser_.TakeExpectContinue()) output_.append("HTTP/1.1 100 Continue\r\n\r\n");
    if (parser_.failed()) AnswerError(parser_.error_status(), parser_.error());
    if (parser_.done()) Ask();
  }
  input_.erase(0, taken);
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
  ticket_ = std::make_shared<Ticket>(Ticket{this});
  const Http1Request& parsed = parser_.request();
  const PathAndQuery target = SplitTarget(parsed.target);
  const HttpRequest request{.method = parsed.method,
                            .path = target.path,
                            .query = target.query,
                            .body = parsed.body,
                            .headers = parsed.headers};
  context_.endpoints.Handle(request,
                            [weak = std::weak_ptr<Ticket>(ticket_)](HttpResponse response) {
                              if (auto ticket = weak.lock()) ticket->session->OnResponse(response);
                            });
}

void Http1Session::OnResponse(const HttpResponse& response) {
  ticket_.reset();
  const Http1Request& request = parser_.request();
  const bool keep_alive = request.keep_alive && !draining_;
  WriteResponse(response, request.method == "HEAD", keep_alive);
  state_ = keep_alive ? State::kReading : State::kEnding;
  // The endpoint may still look at its request: the parser is reset at the next Run.
  answered_ = true;
  host_.Wake();
}

void Http1Session::AnswerError(int status, std::string_view why) {
  HttpResponse response;
  response.status = status;
  response.body = absl::StrCat(ToAbsl(why), "\n");
  WriteResponse(response, false, false);
  state_ = State::kEnding;
}

void Http1Session::WriteResponse(const HttpResponse& response, bool bodiless, bool keep_alive) {
  absl::StrAppend(&output_, "HTTP/1.1 ", response.status, " ",
                  ToAbsl(ReasonPhrase(response.status)), "\r\n");
  if (!HasNoBody(response.status)) {
    if (IsFieldValue(response.content_type) && !response.content_type.empty()) {
      absl::StrAppend(&output_, "Content-Type: ", response.content_type, "\r\n");
    }
    absl::StrAppend(&output_, "Content-Length: ", response.body.size(), "\r\n");
  }
  for (const auto& [name, value] : response.headers) {
    if (IsFieldValue(value)) absl::StrAppend(&output_, name, ": ", value, "\r\n");
  }
  if (!keep_alive) {
    output_.append("Connection: close\r\n");
  } else if (parser_.request().minor_version == 0) {
    output_.append("Connection: keep-alive\r\n");
  }
  output_.append("\r\n");
  if (!bodiless && !HasNoBody(response.status)) output_.append(response.body);
}

void Http1Session::Produce(OutputQueue& out, size_t /*budget*/) {
  if (output_.empty()) return;
  if (output_.size() < OutputQueue::kShareFrom) {
    out.Append(output_);
    output_.clear();
    return;
  }
  const auto shared = std::make_shared<const std::string>(std::exchange(output_, {}));
  out.AppendShared(shared, 0, shared->size());
}

bool Http1Session::wants_read() const { return state_ == State::kReading && input_.empty(); }

void Http1Session::Drain() {
  draining_ = true;
  if (state_ == State::kReading && parser_.idle() && input_.empty()) state_ = State::kEnding;
}

void Http1Session::Abort() {
  context_.deadlines.Clear(*this);
  ticket_.reset();
  state_ = State::kEnding;
  output_.clear();
}

}  // namespace keelson::server
