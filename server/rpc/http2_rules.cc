#include "server/rpc/http2_rules.h"

#include <algorithm>
#include <utility>

namespace keelson::server {
namespace {

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

// A token of RFC 9110 in lower case.
bool IsNameChar(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         kMarks.find(c) != std::string_view::npos;
}

// Bytes from 0x80 on are allowed; what tells lines and ends of text apart is not.
bool IsValueChar(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

bool IsGoodValue(std::string_view value) {
  return std::all_of(value.begin(), value.end(), IsValueChar);
}

// Printable ASCII without spaces.
bool IsGoodPseudoValue(std::string_view value) {
  return !value.empty() &&
         std::all_of(value.begin(), value.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

bool IsConnectionSpecific(std::string_view name) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
         name == "transfer-encoding" || name == "upgrade";
}

}  // namespace

Http2Rules::Verdict Http2Rules::OnField(std::string_view name, std::string_view value) {
  if (!name.empty() && name[0] == ':') {
    return OnPseudo(name, value) ? Verdict::kTake : Verdict::kMalformed;
  }
  fields_begun_ = true;
  if (std::any_of(name.begin(), name.end(), IsUpper)) return Verdict::kMalformed;
  if (IsConnectionSpecific(name) || (name == "te" && value != "trailers")) {
    return Verdict::kMalformed;
  }
  if (name == "content-length") {
    return OnContentLength(value) ? Verdict::kTake : Verdict::kMalformed;
  }
  const bool good = !name.empty() && std::all_of(name.begin(), name.end(), IsNameChar);
  return good && IsGoodValue(value) ? Verdict::kTake : Verdict::kDrop;
}

bool Http2Rules::OnPseudo(std::string_view name, std::string_view value) {
  if (fields_begun_) return false;
  if (name == ":authority") return !std::exchange(authority_, true) && IsGoodValue(value);
  if (!IsGoodPseudoValue(value)) return false;
  if (name == ":method") return !std::exchange(method_, true);
  if (name == ":scheme") return !std::exchange(scheme_, true);
  if (name == ":path") return !std::exchange(path_, true) && (value[0] == '/' || value == "*");
  return false;
}

bool Http2Rules::OnContentLength(std::string_view value) {
  constexpr size_t kMostDigits = 18;  // fits 64 bits
  if (length_ || value.empty() || value.size() > kMostDigits) return false;
  uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return false;
    length = 10 * length + static_cast<uint64_t>(c - '0');
  }
  length_ = length;
  return true;
}

bool Http2Rules::IsComplete() const { return method_ && scheme_ && path_; }

bool Http2Rules::IsGoodTrailer(std::string_view name) {
  return !name.empty() && name[0] != ':' && std::none_of(name.begin(), name.end(), IsUpper) &&
         !IsConnectionSpecific(name) && name != "content-length";
}

bool Http2Rules::OnBody(uint64_t bytes) {
  received_ += bytes;
  return !length_ || received_ <= *length_;
}

}  // namespace keelson::server
