// The paths of the JSON gateway and the RPC behind each.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace keelson::server {

struct GatewayRoute {
  std::string_view path;  // "/v3/kv/put"
  std::string_view rpc;   // "/etcdserverpb.KV/Put"
};

// All, each path once; an RPC may have several.
std::span<const GatewayRoute> GatewayRoutes();

// Whether `path` is the gateway's to answer: it begins with /v3/, or with the prefix that an older
// release had.
bool IsGatewayPath(std::string_view path);

// `path` with today's prefix. REQUIRES: IsGatewayPath(path).
std::string GatewayPath(std::string_view path);

}  // namespace keelson::server
