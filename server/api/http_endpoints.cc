#include "server/api/http_endpoints.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

HttpResponse Text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HttpResponse Json(std::string body) {
  HttpResponse response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

HttpResponse HealthAnswer(std::string_view reason) {
  const bool healthy = reason.empty();
  return Text(healthy ? 200 : 503, absl::StrCat("{\"health\":\"", healthy ? "true" : "false",
                                                "\",\"reason\":\"", ToAbsl(reason), "\"}"));
}

// Whether the query has `name=value` among its pairs.
bool QueryHas(std::string_view query, std::string_view pair) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    if (query.substr(0, end) == pair) return true;
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

void NodeEndpoints::Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  const auto respond = [&reply](HttpResponse response) { reply->Respond(std::move(response)); };
  const bool known =
      request.path == "/version" || request.path == "/health" || request.path == "/metrics";
  if (!known) return respond(Text(404, "404 page not found\n"));
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refused = Text(405, "Method Not Allowed\n");
    refused.headers.emplace_back("allow", "GET");
    return respond(std::move(refused));
  }
  if (request.path == "/health") return Health(request, std::move(reply));
  if (request.path == "/metrics") {
    HttpResponse response = Text(200, metrics_());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return respond(std::move(response));
  }
  respond(Json(absl::StrCat("{\"etcdserver\":\"", kApiVersion, "\",\"etcdcluster\":\"",
                            ClusterApiVersion(node_.facts().version()), "\",\"storage\":\"",
                            kStorageVersion, "\"}")));
}

std::string NodeEndpoints::AlarmReason(const HttpRequest& request) const {
  const ClusterFacts& facts = node_.facts();
  if (facts.HasAlarm(AlarmKind::kCorrupt) && !QueryHas(request.query, "exclude=CORRUPT")) {
    return "ALARM CORRUPT";
  }
  // Another member's full disk alone is no reason to send clients away from this one.
  if (node_.RefusesGrowth() && !QueryHas(request.query, "exclude=NOSPACE")) {
    return "ALARM NOSPACE";
  }
  return "";
}

void NodeEndpoints::Health(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  if (const std::string reason = AlarmReason(request); !reason.empty()) {
    return reply->Respond(HealthAnswer(reason));
  }
  if (QueryHas(request.query, "serializable=true")) return reply->Respond(HealthAnswer(""));
  if (!node_.HasLeader()) return reply->Respond(HealthAnswer("RAFT NO LEADER"));
  node_.WhenReadable([reply = std::move(reply)](const absl::Status& status) {
    if (status.ok()) return reply->Respond(HealthAnswer(""));
    reply->Respond(HealthAnswer(absl::StrCat("RANGE ERROR:", status.message())));
  });
}

}  // namespace keelson::server
