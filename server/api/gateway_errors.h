// How the JSON gateway says what went wrong. Each body has the fields of all of etcd's releases,
// for clients know one or the other.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/api/http.h"

namespace keelson::server {

// The HTTP status of a gRPC code.
int HttpStatusOf(const absl::Status& error);

// {"error":...,"code":...,"message":...}
std::string ErrorBody(const absl::Status& error);

// {"error":{"grpc_code":...,"http_code":...,"message":...,"http_status":...,"code":...}}
std::string StreamErrorBody(const absl::Status& error);

// The answer to a call that failed before it answered anything; `stream` is its body's shape.
HttpResponse ErrorResponse(const absl::Status& error, bool stream);

}  // namespace keelson::server
