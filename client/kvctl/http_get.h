// A plain HTTP GET, for what members tell over HTTP only.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::kvctl {

struct HttpAnswer {
  int status = 0;
  std::string date = {};  // the header of that name; empty without
  std::string body = {};
};

// Asks `endpoint` ("host:port", perhaps with "http://" in front). Unavailable or DeadlineExceeded
// if it does not answer within `timeout`; ResourceExhausted for more than 32 MiB.
absl::StatusOr<HttpAnswer> HttpGet(const std::string& endpoint, const std::string& path,
                                   absl::Duration timeout);

}  // namespace keelson::kvctl
