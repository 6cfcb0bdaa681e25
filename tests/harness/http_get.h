// A plain HTTP/1.1 GET on loopback: enough to ask a member for its health.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::testing {

struct HttpAnswer {
  int status = 0;
  std::string body = {};
};

absl::StatusOr<HttpAnswer> HttpGet(int port, const std::string& path, absl::Duration timeout);

}  // namespace keelson::testing
