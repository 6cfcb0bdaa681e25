#include "server/rpc/http_exchange.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/http2_session.h"
#include "server/rpc/http_text.h"

namespace keelson::server {

HttpExchange::HttpExchange(Http2Stream& stream)
    : context_(stream.session().context()), stream_(&stream) {}

void HttpExchange::OnData(std::string_view bytes) {
  stream_->Consume();
  if (asked_ || too_large_) return;
  if (bytes.size() > context_.options.max_receive_message_bytes - body_.size() ||
      stream_->session().holds_too_much()) {
    too_large_ = true;
    std::string().swap(body_);
  } else {
    body_.append(bytes);
  }
  stream_->SetHeldBytes(body_.size());
}

void HttpExchange::Run() {
  if (stream_ == nullptr || asked_) return;
  if (too_large_) {
    asked_ = true;
    return Respond({.status = 413, .body = "request body too large\n", .headers = {}});
  }
  if (!half_closed_) return;
  asked_ = true;
  ++context_.stats.http_requests;
  RequestHead& head = stream_->head();
  const PathAndQuery target = SplitTarget(head.path());
  HttpRequest request;
  request.method = head.method();
  request.path = target.path;
  request.query = target.query;
  request.body = body_;
  request.headers = std::move(head.fields());
  if (!head.authority().empty()) request.headers.emplace_back("host", head.authority());
  context_.endpoints.Handle(request, [weak = weak_from_this()](HttpResponse response) {
    if (auto self = weak.lock()) self->Respond(response);
  });
}

void HttpExchange::Respond(const HttpResponse& response) {
  if (stream_ == nullptr || std::exchange(responded_, true)) return;
  stream_->SetHeldBytes(0);
  const std::string status = absl::StrCat(response.status);
  const std::string length = absl::StrCat(response.body.size());
  std::vector<HeaderField> fields = {{":status", status}};
  if (!HasNoBody(response.status)) {
    if (IsFieldValue(response.content_type)) {
      fields.push_back({"content-type", response.content_type});
    }
    fields.push_back({"content-length", length});
  }
  for (const auto& [name, value] : response.headers) {
    if (IsFieldValue(value)) fields.push_back({name, value});
  }
  const bool bodiless =
      response.body.empty() || stream_->head().method() == "HEAD" || HasNoBody(response.status);
  stream_->Respond(fields, bodiless);
  if (bodiless) return;
  stream_->Write({response.body, nullptr});
  stream_->End({});
}

}  // namespace keelson::server
