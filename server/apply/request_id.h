// The name of a write by which a repetition is told from a new one (README, "Applied once").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keelson::server {

// POSITION-NAME: a decimal number, a hyphen, and 1 to kMaxNameBytes printable characters.
struct RequestId {
  std::string text;       // all of it: two that differ anywhere are two ids
  uint64_t position = 0;  // how many named writes the cluster had applied when it was made
  uint64_t digest = 0;    // RequestDigest of what it names

  static constexpr size_t kMaxNameBytes = 64;
};

// InvalidArgument where `text` is none. The digest is left 0.
absl::StatusOr<RequestId> ParseRequestId(std::string_view text);

// Tells requests apart that a client gave the same id by mistake. `kind` is the number of the
// request's field in keelson.v1.LogEntry, `request` its bytes as they came.
uint64_t RequestDigest(uint32_t kind, std::string_view request);

}  // namespace keelson::server
