// /version, /health and /metrics.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/api/http.h"

namespace keelson::server {

class Node;

// Loop thread only. `node` outlives it.
class NodeEndpoints final : public HttpEndpoints {
 public:
  // `metrics` gives the text of /metrics.
  NodeEndpoints(Node& node, std::function<std::string()> metrics)
      : node_(node), metrics_(std::move(metrics)) {}

  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override;

 private:
  void Health(const HttpRequest& request, std::shared_ptr<HttpReply> reply);
  std::string AlarmReason(const HttpRequest& request) const;

  Node& node_;
  std::function<std::string()> metrics_;
};

}  // namespace keelson::server
