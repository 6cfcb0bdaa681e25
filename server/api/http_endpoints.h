// /version, /health and /metrics.
#pragma once

#include <functional>
#include <string>

#include "server/api/call.h"

namespace keelson::server {

class Node;

// Loop thread only. `node` outlives it.
class NodeEndpoints final : public HttpEndpoints {
 public:
  // `metrics` gives the text of /metrics.
  NodeEndpoints(Node& node, std::function<std::string()> metrics)
      : node_(node), metrics_(std::move(metrics)) {}

  void Handle(const HttpRequest& request, std::function<void(HttpResponse)> respond) override;

 private:
  void Health(const HttpRequest& request, std::function<void(HttpResponse)> respond);
  std::string AlarmReason(const HttpRequest& request) const;

  Node& node_;
  std::function<std::string()> metrics_;
};

}  // namespace keelson::server
