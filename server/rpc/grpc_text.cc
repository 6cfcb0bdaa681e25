#include "server/rpc/grpc_text.h"

#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"

namespace keelson::server {
namespace {

constexpr std::string_view kContentType = "application/grpc";
constexpr size_t kMaxTimeoutDigits = 8;
constexpr int64_t kMaxTimeoutNanos = int64_t{30} * 365 * 24 * 3600 * 1'000'000'000;

// Nanoseconds of a timeout unit, or 0 for a letter that is none.
int64_t UnitNanos(char unit) {
  switch (unit) {
    case 'H':
      return int64_t{3600} * 1'000'000'000;
    case 'M':
      return int64_t{60} * 1'000'000'000;
    case 'S':
      return 1'000'000'000;
    case 'm':
      return 1'000'000;
    case 'u':
      return 1'000;
    case 'n':
      return 1;
    default:
      return 0;
  }
}

bool NeedsEscape(char c) { return c < 0x20 || c > 0x7e || c == '%'; }

}  // namespace

std::optional<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) return std::nullopt;
  const int64_t unit = UnitNanos(text.back());
  if (unit == 0) return std::nullopt;
  int64_t value = 0;
  for (char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > kMaxTimeoutNanos / unit) return std::chrono::nanoseconds(kMaxTimeoutNanos);
  return std::chrono::nanoseconds(value * unit);
}

std::string PercentEncode(std::string_view message) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(message.size());
  for (char c : message) {
    if (!NeedsEscape(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

bool IsGrpcContentType(std::string_view value) {
  if (!absl::StartsWithIgnoreCase(ToAbsl(value), ToAbsl(kContentType))) return false;
  if (value.size() == kContentType.size()) return true;
  const char next = value[kContentType.size()];
  return next == '+' || next == ';';
}

bool IsBinaryKey(std::string_view key) { return key.ends_with("-bin"); }

std::optional<std::string> DecodeBinary(std::string_view text) {
  std::string out;
  if (!absl::Base64Unescape(ToAbsl(text), &out)) return std::nullopt;
  return out;
}

std::string EncodeBinary(std::string_view bytes) {
  std::string out = absl::Base64Escape(ToAbsl(bytes));
  while (!out.empty() && out.back() == '=') out.pop_back();
  return out;
}

bool IsPrintableValue(std::string_view value) {
  for (char c : value) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

absl::Status UnknownPath(std::string_view path, const MethodTable& methods) {
  const size_t slash = path.rfind('/');
  if (path.empty() || path[0] != '/' || slash == 0) {
    return absl::UnimplementedError(
        absl::StrCat("malformed method name: \"", absl::CHexEscape(ToAbsl(path)), "\""));
  }
  const std::string_view service = path.substr(1, slash - 1);
  if (!methods.HasService(path)) {
    return absl::UnimplementedError(absl::StrCat("unknown service ", ToAbsl(service)));
  }
  return absl::UnimplementedError(absl::StrCat("unknown method ", ToAbsl(path.substr(slash + 1)),
                                               " for service ", ToAbsl(service)));
}

}  // namespace keelson::server
