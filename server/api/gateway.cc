#include "server/api/gateway.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/api/gateway_errors.h"
#include "server/api/gateway_routes.h"

namespace keelson::server {
namespace {

constexpr std::string_view kMetadataPrefix = "grpc-metadata-";

// "/etcdserverpb.KV/Put" as protobuf names it.
std::string DescriptorName(std::string_view rpc) {
  std::string name(rpc.substr(1));
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

void Refuse(HttpReply& reply, int status, const absl::Status& error) {
  HttpResponse response = ErrorResponse(error, /*stream=*/false);
  response.status = status;
  reply.Respond(std::move(response));
}

}  // namespace

Gateway::Gateway(const MethodTable& methods, GatewayOptions options)
    : methods_(methods), world_(std::make_shared<GatewayWorld>(std::move(options))) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const GatewayRoute& route : GatewayRoutes()) {
    Route& entry = routes_[route.path];
    entry.rpc = route.rpc;
    if (const auto* method = pool->FindMethodByName(DescriptorName(route.rpc))) {
      entry.request_type = method->input_type()->full_name();
      entry.response_type = method->output_type()->full_name();
    }
  }
}

void Gateway::Handle(const HttpRequest& request, std::shared_ptr<HttpReply> reply) {
  const auto found = routes_.find(GatewayPath(request.path));
  if (found == routes_.end()) return Refuse(*reply, 404, absl::NotFoundError("Not Found"));
  if (request.method != "POST") {
    return Refuse(*reply, 405, absl::UnimplementedError("Method Not Allowed"));
  }
  const Route& route = found->second;
  const Method* method = methods_.Find(route.rpc);
  if (method == nullptr || route.request_type.empty()) {
    const size_t slash = route.rpc.rfind('/');
    return Refuse(*reply, 501,
                  absl::UnimplementedError(
                      absl::StrCat("unknown method ", ToAbsl(route.rpc.substr(slash + 1)),
                                   " for service ", ToAbsl(route.rpc.substr(1, slash - 1)))));
  }
  const GatewayCall::Target target{*method, route.request_type, route.response_type};
  std::make_shared<GatewayCall>(world_, target, ContextOf(request, *method), request,
                                std::move(reply))
      ->Begin();
}

CallContext Gateway::ContextOf(const HttpRequest& request, const Method& method) {
  CallContext context;
  context.method = method.path;
  context.peer = request.peer;
  for (const auto& [name, value] : request.headers) {
    if (name == "authorization") {
      context.metadata.emplace_back(name, value);
    } else if (std::string_view(name).starts_with(kMetadataPrefix)) {
      context.metadata.emplace_back(name.substr(kMetadataPrefix.size()), value);
    }
  }
  // Tells that the connection's certificate is not the caller's.
  context.metadata.emplace_back("grpcgateway-accept", request.Find("accept"));
  return context;
}

}  // namespace keelson::server
