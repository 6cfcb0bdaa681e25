// etcd's JSON gateway: the RPCs as POST requests with JSON bodies, below /v3/.
//
//   POST /v3/kv/put {"key":"Zm9v"} --> route --> GatewayCall --> the same handler as over gRPC
//   stream: one line {"result":...} a message, sent at once; {"error":...} where it fails
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "server/api/gateway_call.h"
#include "server/api/http.h"

namespace keelson::server {

// Answers the paths of gateway_routes.h, and those below them with 404. Loop thread only.
class Gateway final : public HttpEndpoints {
 public:
  // `methods` outlives it, and so do its calls' loop and runner.
  Gateway(const MethodTable& methods, GatewayOptions options);

  void Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) override;

 private:
  struct Route {
    std::string_view rpc;
    // Of messages whose .proto is linked in; empty for an RPC of one that is not.
    std::string request_type;
    std::string response_type;
  };

  static CallContext ContextOf(const HttpRequest& request, const Method& method);

  const MethodTable& methods_;
  const std::shared_ptr<GatewayWorld> world_;
  absl::flat_hash_map<std::string_view, Route> routes_;
};

}  // namespace keelson::server
