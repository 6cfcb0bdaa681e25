// The text formats of gRPC over HTTP/2: timeouts, messages, binary metadata, content types, paths.
// Pure functions; none keeps state.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/api/call.h"

namespace keelson::server {

// Parses "100m" and the like: one to eight digits and a unit of H M S m u n. Nullopt if malformed.
// Values over thirty years count as thirty years, so that adding one to a clock cannot overflow.
std::optional<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text);

// Encodes a status message for "grpc-message": bytes outside 0x20..0x7e and '%' become %XX.
std::string PercentEncode(std::string_view message);

// True for "application/grpc", alone or followed by '+' or ';'.
bool IsGrpcContentType(std::string_view value);

// True for metadata keys whose values are bytes, in base64 on the wire.
bool IsBinaryKey(std::string_view key);

// Decodes one value of a "-bin" key, with or without padding. Nullopt if it is not base64.
std::optional<std::string> DecodeBinary(std::string_view text);

// Encodes one value of a "-bin" key, without padding.
std::string EncodeBinary(std::string_view bytes);

// True if a metadata value may stand in a header as it is: 0x20..0x7e only.
bool IsPrintableValue(std::string_view value);

// The status for a path that `methods` does not know: Unimplemented with the text of a Go server
// for a malformed path, an unknown service or an unknown method.
absl::Status UnknownPath(std::string_view path, const MethodTable& methods);

}  // namespace keelson::server
