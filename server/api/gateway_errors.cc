#include "server/api/gateway_errors.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/api/json_codec.h"

namespace keelson::server {
namespace {

struct HttpCode {
  int status;
  std::string_view phrase;
};

constexpr HttpCode kBadRequest{400, "Bad Request"};
constexpr HttpCode kConflict{409, "Conflict"};
constexpr HttpCode kInternal{500, "Internal Server Error"};

// By the number of the gRPC code.
constexpr std::array<HttpCode, 17> kCodes = {{
    {200, "OK"},
    {499, "Client Closed Request"},
    kInternal,  // Unknown
    kBadRequest,
    {504, "Gateway Timeout"},
    {404, "Not Found"},
    kConflict,  // AlreadyExists
    {403, "Forbidden"},
    {429, "Too Many Requests"},
    kBadRequest,  // FailedPrecondition
    kConflict,    // Aborted
    kBadRequest,  // OutOfRange
    {501, "Not Implemented"},
    kInternal,
    {503, "Service Unavailable"},
    kInternal,  // DataLoss
    {401, "Unauthorized"},
}};

const HttpCode& CodeOf(const absl::Status& error) {
  const auto code = static_cast<size_t>(error.raw_code());
  return code < kCodes.size() ? kCodes[code] : kInternal;
}

}  // namespace

int HttpStatusOf(const absl::Status& error) { return CodeOf(error).status; }

std::string ErrorBody(const absl::Status& error) {
  const std::string text = JsonQuote(ToStd(error.message()));
  return absl::StrCat("{\"error\":", text, ",\"code\":", error.raw_code(), ",\"message\":", text,
                      "}");
}

std::string StreamErrorBody(const absl::Status& error) {
  const HttpCode& http = CodeOf(error);
  return absl::StrCat("{\"error\":{\"grpc_code\":", error.raw_code(),
                      ",\"http_code\":", http.status,
                      ",\"message\":", JsonQuote(ToStd(error.message())), ",\"http_status\":\"",
                      ToAbsl(http.phrase), "\",\"code\":", error.raw_code(), "}}");
}

HttpResponse ErrorResponse(const absl::Status& error, bool stream) {
  HttpResponse response;
  response.status = HttpStatusOf(error);
  response.content_type = "application/json";
  response.body = stream ? absl::StrCat(StreamErrorBody(error), "\n") : ErrorBody(error);
  if (error.code() == absl::StatusCode::kUnauthenticated) {
    response.headers.emplace_back("WWW-Authenticate", error.message());
  }
  return response;
}

}  // namespace keelson::server
