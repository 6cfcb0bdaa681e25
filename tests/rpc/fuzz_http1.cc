// Arbitrary bytes into the HTTP/1.1 parser: every cut of the bytes gives the same requests, and no
// limit is passed.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "server/rpc/http1_parser.h"

namespace keelson::server {
namespace {

constexpr Http1Limits kLimits{.max_head_bytes = 2000, .max_body_bytes = 500};

// All that is parsed, as one text.
std::string ParseAll(std::string_view input, size_t cut) {
  std::string result;
  Http1Parser parser(kLimits);
  while (!input.empty()) {
    std::string_view part = input.substr(0, cut);
    input.remove_prefix(part.size());
    while (!part.empty()) {
      part.remove_prefix(parser.Feed(part));
      if (parser.TakeExpectContinue()) result += "continue;";
      if (parser.failed()) return result + "error " + std::to_string(parser.error_status());
      if (!parser.done()) continue;
      const Http1Request& request = parser.request();
      KEELSON_CHECK(request.body.size() <= kLimits.max_body_bytes, "the body's limit holds");
      result += request.method + " " + request.target + " " + request.body + ";";
      for (const auto& [name, value] : request.headers) {
        KEELSON_CHECK(value.find('\n') == std::string::npos, "a value is one line");
        result += name + ":" + value + ";";
      }
      parser.Reset();
    }
  }
  return result;
}

}  // namespace
}  // namespace keelson::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using keelson::server::ParseAll;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = ParseAll(input, SIZE_MAX);
  KEELSON_CHECK(whole == ParseAll(input, 1 + data[0] % 16), "the cut of the bytes does not matter");
  return 0;
}
