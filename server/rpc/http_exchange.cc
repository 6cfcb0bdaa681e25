#include "server/rpc/http_exchange.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "server/rpc/http2_session.h"
#include "server/rpc/http_text.h"

namespace keelson::server {

HttpExchange::HttpExchange(Http2Stream& stream)
    : context_(stream.session().context()), stream_(&stream) {}

void HttpExchange::OnData(std::string_view bytes) {
  stream_->Consume();
  if (state_ != State::kReading || too_large_) return;
  if (bytes.size() > context_.options.max_http_body_bytes - body_.size() ||
      stream_->session().holds_too_much()) {
    too_large_ = true;
    std::string().swap(body_);
  } else {
    body_.append(bytes);
  }
  stream_->SetHeldBytes(body_.size());
}

void HttpExchange::Run() {
  if (stream_ == nullptr) return TellEnd();
  if (state_ == State::kReading) {
    if (too_large_) {
      state_ = State::kAsked;
      return Respond({.status = 413, .body = "request body too large\n", .headers = {}});
    }
    if (half_closed_) Ask();
  }
  if (std::exchange(room_, false) && state_ == State::kBegun && events_.on_writable) {
    events_.on_writable();
  }
}

void HttpExchange::Ask() {
  state_ = State::kAsked;
  ++context_.stats.http_requests;
  RequestHead& head = stream_->head();
  const PathAndQuery target = SplitTarget(head.path());
  HttpRequest request;
  request.method = head.method();
  request.path = target.path;
  request.query = target.query;
  request.body = body_;
  request.peer = stream_->session().peer();
  request.headers = std::move(head.fields());
  if (!head.authority().empty()) request.headers.emplace_back("host", head.authority());
  context_.endpoints.Handle(request, shared_from_this());
}

bool HttpExchange::bodiless(const HttpResponse& head) const {
  return stream_->head().method() == "HEAD" || HasNoBody(head.status);
}

void HttpExchange::SendHead(const HttpResponse& head, bool with_length, bool end) {
  stream_->SetHeldBytes(0);
  const std::string status = absl::StrCat(head.status);
  const std::string length = absl::StrCat(head.body.size());
  std::vector<HeaderField> fields = {{":status", status}};
  const std::string_view date = context_.date.Now();
  if (!date.empty()) fields.push_back({"date", date});
  if (!HasNoBody(head.status)) {
    if (IsFieldValue(head.content_type)) fields.push_back({"content-type", head.content_type});
    if (with_length) fields.push_back({"content-length", length});
  }
  std::vector<std::string> names;  // HTTP/2 has them in lower case
  names.reserve(head.headers.size());
  for (const auto& [name, value] : head.headers) {
    if (!IsFieldValue(value)) continue;
    names.push_back(ToLower(name));
    fields.push_back({names.back(), value});
  }
  stream_->Respond(fields, end);
}

void HttpExchange::Respond(HttpResponse response) {
  if (stream_ == nullptr || state_ != State::kAsked) return;
  state_ = State::kEnded;
  const bool no_body = response.body.empty() || bodiless(response);
  SendHead(response, /*with_length=*/true, /*end=*/no_body);
  if (no_body) return;
  stream_->Write({std::move(response.body), nullptr});
  stream_->End({});
}

void HttpExchange::Begin(HttpResponse head) {
  if (stream_ == nullptr || state_ != State::kAsked) return;
  state_ = State::kBegun;
  mute_ = bodiless(head);
  SendHead(head, /*with_length=*/false, /*end=*/mute_);
}

void HttpExchange::Write(std::string bytes) {
  if (stream_ == nullptr || mute_) return;
  KEELSON_CHECK(state_ != State::kAsked, "an answer in parts begins with its head");
  if (state_ == State::kBegun) stream_->Write({std::move(bytes), nullptr});
}

void HttpExchange::End() {
  if (stream_ == nullptr || state_ != State::kBegun) return;
  state_ = State::kEnded;
  if (!mute_) stream_->End({});
}

void HttpExchange::TellEnd() {
  const Events events = std::exchange(events_, {});
  const bool unanswered = state_ == State::kAsked || state_ == State::kBegun;
  state_ = State::kEnded;
  if (unanswered && events.on_end) events.on_end();
}

}  // namespace keelson::server
