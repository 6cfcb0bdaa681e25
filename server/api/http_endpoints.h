// What a member says of itself over plain HTTP: /version, /health, /livez, /readyz, /metrics,
// /debug/vars.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/api/http.h"

namespace keelson::server {

class Node;

// Answers to /health so far.
struct HealthCounts {
  uint64_t successes = 0;
  uint64_t failures = 0;
};

// Loop thread only. It outlives what is not answered yet, and `node` it.
class NodeEndpoints final : public HttpEndpoints {
 public:
  struct Pages {
    std::function<std::string()> metrics;     // the text of /metrics
    std::function<std::string()> debug_vars;  // the JSON object of /debug/vars
  };
  NodeEndpoints(Node& node, Pages pages) : node_(node), pages_(std::move(pages)) {}

  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override;

  const HealthCounts& health_counts() const { return health_counts_; }

 private:
  using Handler = void (NodeEndpoints::*)(const HttpRequest&, std::shared_ptr<HttpReply>);
  static Handler HandlerOf(std::string_view path);

  void Version(const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  void Metrics(const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  void DebugVars(const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  void Health(const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  void Checks(const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  void AnswerHealth(HttpReply& reply, std::string_view reason);
  std::string AlarmReason(const HttpRequest& request) const;

  Node& node_;
  const Pages pages_;
  HealthCounts health_counts_;
};

// Whether the path is one that a listener for monitoring serves, too: health and metrics.
bool IsMonitoringPath(std::string_view path);

}  // namespace keelson::server
