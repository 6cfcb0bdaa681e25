#include "server/rpc/http2_router.h"

#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/rpc/grpc_call.h"
#include "server/rpc/grpc_text.h"
#include "server/rpc/http2_session.h"
#include "server/rpc/http_exchange.h"

namespace keelson::server {
namespace {

// Answers with a status and nothing else.
void Reject(Http2Stream& stream, std::string_view http_status, const absl::Status& status) {
  const std::string code = absl::StrCat(status.raw_code());
  const std::string message = PercentEncode(ToStd(status.message()));
  const std::array<HeaderField, 5> fields = {{
      {":status", http_status},
      {"content-type", "application/grpc", true},
      {"grpc-status", code},
      {"grpc-message", message},
      {"grpc-accept-encoding", "identity", true},
  }};
  stream.Respond(fields, true);
}

// What is wrong with a gRPC request, before its method is looked up.
absl::Status CheckGrpc(const RequestHead& head, bool overloaded) {
  if (!head.grpc_error().ok()) return head.grpc_error();
  if (overloaded) return absl::ResourceExhaustedError("etcdserver: too many requests");
  return absl::OkStatus();
}

std::shared_ptr<StreamRole> RouteGrpc(Http2Stream& stream, bool overloaded) {
  const RequestHead& head = stream.head();
  const MethodTable& methods = stream.session().context().methods;
  if (head.method() != "POST") {
    Reject(stream, "405",
           absl::InternalError(
               absl::StrCat("a gRPC request has the method POST, not ", head.method())));
    return nullptr;
  }
  absl::Status status = CheckGrpc(head, overloaded);
  const Method* method = status.ok() ? methods.Find(head.path()) : nullptr;
  if (method != nullptr) return std::make_shared<GrpcCall>(stream, *method);
  if (status.ok()) status = UnknownPath(head.path(), methods);
  Reject(stream, "200", status);
  return nullptr;
}

}  // namespace

std::shared_ptr<StreamRole> RouteRequest(Http2Stream& stream, bool overloaded) {
  const SessionContext& context = stream.session().context();
  RequestHead& head = stream.head();
  head.Complete();
  if (head.too_large()) {
    const size_t limit = context.options.max_header_list_bytes;
    Reject(stream, "431",
           absl::ResourceExhaustedError(
               absl::StrCat("header list larger than max (", limit, " bytes)")));
    return nullptr;
  }
  if (head.is_grpc()) return RouteGrpc(stream, overloaded);
  if (context.methods.Find(head.path()) != nullptr) {
    Reject(stream, "415",
           absl::InternalError("a gRPC request has the content-type application/grpc"));
    return nullptr;
  }
  return std::make_shared<HttpExchange>(stream);
}

}  // namespace keelson::server
