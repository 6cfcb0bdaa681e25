#include "server/api/http_port.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/api/gateway_routes.h"

namespace keelson::server {
namespace {

constexpr std::string_view kAny = "*";

bool Allows(const std::vector<std::string>& list, std::string_view name) {
  return list.empty() || std::any_of(list.begin(), list.end(), [name](const std::string& entry) {
           return entry == kAny || entry == name;
         });
}

// "example.com" of "example.com:2379", "::1" of "[::1]:2379".
std::string_view HostName(std::string_view host) {
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.rfind(':'));
}

// Adds to what another reply says which scripts may read it.
class CorsReply final : public HttpReply {
 public:
  CorsReply(std::shared_ptr<HttpReply> reply, std::string_view origin)
      : reply_(std::move(reply)), origin_(origin) {}

  void SetEvents(Events events) override { reply_->SetEvents(std::move(events)); }
  void Respond(HttpResponse response) override {
    AddFields(&response);
    reply_->Respond(std::move(response));
  }
  void Begin(HttpResponse head) override {
    AddFields(&head);
    reply_->Begin(std::move(head));
  }
  void Write(std::string bytes) override { reply_->Write(std::move(bytes)); }
  void End() override { reply_->End(); }
  size_t pending_bytes() const override { return reply_->pending_bytes(); }

 private:
  void AddFields(HttpResponse* response) const {
    auto& fields = response->headers;
    fields.emplace_back("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
    fields.emplace_back("Access-Control-Allow-Origin", origin_);
    fields.emplace_back("Access-Control-Allow-Headers", "accept, content-type, authorization");
  }

  const std::shared_ptr<HttpReply> reply_;
  const std::string origin_;
};

HttpResponse UnknownHost(std::string_view host) {
  HttpResponse response;
  response.status = 421;
  response.body = absl::StrCat("The Host \"", ToAbsl(host),
                               "\" of this request is not one that --host-whitelist names.\n");
  return response;
}

}  // namespace

std::string_view HttpPort::AllowedOrigin(const HttpRequest& request) const {
  if (Allows(options_.cors, kAny)) return kAny;
  const std::string_view origin = request.Find("origin");
  return !origin.empty() && Allows(options_.cors, origin) ? origin : std::string_view();
}

void HttpPort::Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  const std::string_view host = HostName(request.Find("host"));
  if (!Allows(options_.host_whitelist, host)) return reply->Respond(UnknownHost(host));
  if (const std::string_view origin = AllowedOrigin(request); !origin.empty()) {
    reply = std::make_shared<CorsReply>(std::move(reply), origin);
  }
  if (request.method == "OPTIONS") return reply->Respond({.body = "", .headers = {}});
  HttpEndpoints& endpoints = gateway_ != nullptr && IsGatewayPath(request.path) ? *gateway_ : rest_;
  endpoints.Handle(request, std::move(reply));
}

}  // namespace keelson::server
