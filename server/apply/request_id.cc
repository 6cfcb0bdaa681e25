#include "server/apply/request_id.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "base/crc32c.h"
#include "base/view.h"
#include "server/apply/request_errors.h"

namespace keelson::server {

absl::StatusOr<RequestId> ParseRequestId(std::string_view text) {
  RequestId id;
  const size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos) return errors::InvalidRequestId();
  const std::string_view number = text.substr(0, hyphen);
  const std::string_view name = text.substr(hyphen + 1);
  const bool digits =
      std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool printable =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  const bool sized = !name.empty() && name.size() <= RequestId::kMaxNameBytes;
  if (!digits || !printable || !sized || !absl::SimpleAtoi(ToAbsl(number), &id.position)) {
    return errors::InvalidRequestId();
  }
  id.text = std::string(text);
  return id;
}

uint64_t RequestDigest(uint32_t kind, std::string_view request) {
  const uint64_t checksum = Crc32c(request);
  return (checksum << 32) | ((uint64_t{kind} << 24) ^ request.size());
}

}  // namespace keelson::server
