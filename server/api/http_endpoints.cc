#include "server/api/http_endpoints.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/api/health_checks.h"
#include "server/api/json_codec.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

constexpr std::string_view kLivez = "/livez";
constexpr std::string_view kReadyz = "/readyz";

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

// Calls `visit` with name and value of each of the query's pairs.
template <typename Visit>
void ForEachPair(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    visit(pair.substr(0, equals), pair.substr(std::min(pair.size(), equals + 1)));
  }
}

bool QueryHas(std::string_view query, std::string_view name) {
  bool found = false;
  ForEachPair(query, [&](std::string_view key, std::string_view) { found |= key == name; });
  return found;
}

bool QueryHas(std::string_view query, std::string_view name, std::string_view value) {
  bool found = false;
  ForEachPair(query, [&](std::string_view key, std::string_view text) {
    found |= key == name && text == value;
  });
  return found;
}

// "/livez" and its checks as sub-paths; the same of "/readyz".
bool IsChecksPath(std::string_view path) {
  for (const std::string_view root : {kLivez, kReadyz}) {
    if (path == root) return true;
    if (!path.starts_with(root) || path[root.size()] != '/') continue;
    const auto names = HealthCheckNames(root == kReadyz);
    return std::find(names.begin(), names.end(), path.substr(root.size() + 1)) != names.end();
  }
  return false;
}

// The checks that a request asks for.
std::vector<std::string_view> ChecksOf(const HttpRequest& request) {
  const bool ready = request.path.starts_with(kReadyz);
  const std::string_view one = request.path.substr((ready ? kReadyz : kLivez).size());
  std::vector<std::string_view> names;
  for (const std::string_view name : HealthCheckNames(ready)) {
    const bool wanted = one.empty() || one.substr(1) == name;
    if (wanted && !QueryHas(request.query, "exclude", name)) names.push_back(name);
  }
  return names;
}

}  // namespace

bool IsMonitoringPath(std::string_view path) {
  return path == "/health" || path == "/metrics" || IsChecksPath(path);
}

NodeEndpoints::Handler NodeEndpoints::HandlerOf(std::string_view path) {
  if (path == "/version") return &NodeEndpoints::Version;
  if (path == "/health") return &NodeEndpoints::Health;
  if (path == "/metrics") return &NodeEndpoints::Metrics;
  if (path == "/debug/vars") return &NodeEndpoints::DebugVars;
  if (IsChecksPath(path)) return &NodeEndpoints::Checks;
  return nullptr;
}

void NodeEndpoints::Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  const Handler handler = HandlerOf(request.path);
  if (handler == nullptr) return reply->Respond(Text(404, "404 page not found\n"));
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refused = Text(405, "Method Not Allowed\n");
    refused.headers.emplace_back("Allow", "GET");
    return reply->Respond(std::move(refused));
  }
  (this->*handler)(request, std::move(reply));
}

void NodeEndpoints::Version(const HttpRequest& /*request*/, std::shared_ptr<HttpReply> reply) {
  reply->Respond(Json(absl::StrCat(
      "{\"etcdserver\":\"", node_.options().api_version, "\",\"etcdcluster\":\"",
      ClusterApiVersion(node_.facts().version()), "\",\"storage\":\"", kStorageVersion, "\"}")));
}

void NodeEndpoints::Metrics(const HttpRequest& /*request*/, std::shared_ptr<HttpReply> reply) {
  HttpResponse response = Text(200, pages_.metrics());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply->Respond(std::move(response));
}

void NodeEndpoints::DebugVars(const HttpRequest& /*request*/, std::shared_ptr<HttpReply> reply) {
  reply->Respond(Json(pages_.debug_vars()));
}

std::string NodeEndpoints::AlarmReason(const HttpRequest& request) const {
  const ClusterFacts& facts = node_.facts();
  // Another member's wrong state alone is no reason either.
  const bool corrupt = node_.OutOfService() || facts.IsClusterCorrupt();
  if (corrupt && !QueryHas(request.query, "exclude", "CORRUPT")) {
    return "ALARM CORRUPT";
  }
  // Another member's full disk alone is no reason to send clients away from this one.
  if (node_.RefusesGrowth() && !QueryHas(request.query, "exclude", "NOSPACE")) {
    return "ALARM NOSPACE";
  }
  return "";
}

void NodeEndpoints::AnswerHealth(HttpReply& reply, std::string_view reason) {
  const bool healthy = reason.empty();
  ++(healthy ? health_counts_.successes : health_counts_.failures);
  reply.Respond(Text(healthy ? 200 : 503, absl::StrCat("{\"health\":\"", healthy ? "true" : "false",
                                                       "\",\"reason\":", JsonQuote(reason), "}")));
}

void NodeEndpoints::Health(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  if (const std::string reason = AlarmReason(request); !reason.empty()) {
    return AnswerHealth(*reply, reason);
  }
  if (node_.status().log_write_for >= kDiskHangs) {
    return AnswerHealth(*reply, "RANGE ERROR:the disk hangs");
  }
  if (QueryHas(request.query, "serializable", "true")) return AnswerHealth(*reply, "");
  if (!node_.HasLeader()) return AnswerHealth(*reply, "RAFT NO LEADER");
  node_.WhenReadable([this, reply = std::move(reply)](const absl::Status& status) {
    if (status.ok()) return AnswerHealth(*reply, "");
    AnswerHealth(*reply, absl::StrCat("RANGE ERROR:", status.message()));
  });
}

void NodeEndpoints::Checks(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  const bool verbose = QueryHas(request.query, "verbose");
  RunHealthChecks(node_, ChecksOf(request),
                  [reply = std::move(reply), verbose](const HealthReport& report) {
                    if (!report.ok) return reply->Respond(Text(503, report.lines));
                    reply->Respond(Text(200, verbose ? report.lines + "ok" : "ok"));
                  });
}

}  // namespace keelson::server
