// How one call ended.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace keelson::kvbench {

// gRPC's codes 0..16, and two ends that never came over the wire.
enum StatusCode : int {
  kOk = 0,
  kUnknown = 2,
  kResourceExhausted = 8,
  kInternal = 13,
  kUnavailable = 14,
  kConnectionLost = 17,
  kClientTimeout = 18,
};
inline constexpr int kStatusCodeCount = 19;

struct GrpcStatus {
  int code = kOk;
  std::string message;
};

inline std::string_view StatusCodeName(int code) {
  static constexpr std::array<std::string_view, kStatusCodeCount> kNames = {
      "OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated", "ConnectionLost",   "ClientTimeout"};
  return code >= 0 && code < kStatusCodeCount ? kNames[static_cast<size_t>(code)] : "Unknown";
}

}  // namespace keelson::kvbench
