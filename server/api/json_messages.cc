#include "server/api/json_messages.h"

namespace keelson::server {
namespace {

constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kNull = "null";

}  // namespace

JsonMessages::Result JsonMessages::Next(std::string_view* message) {
  const std::string_view body = body_;
  const size_t begin = body.find_first_not_of(kBlank, position_);
  if (begin == std::string_view::npos) {
    position_ = body.size();
    return Result::kEnd;
  }
  position_ = begin;
  if (body.substr(begin).starts_with(kNull)) {
    position_ += kNull.size();
    *message = "{}";
    return Result::kMessage;
  }
  const size_t end = body[begin] == '{' ? EndOfObject(begin) : std::string_view::npos;
  if (end == std::string_view::npos) return Result::kMalformed;
  *message = body.substr(begin, end - begin);
  position_ = end;
  return Result::kMessage;
}

// Behind the brace that closes the one at `begin`, or npos.
size_t JsonMessages::EndOfObject(size_t begin) const {
  size_t depth = 0;
  char quote = 0;  // of the string that we are in
  for (size_t i = begin; i < body_.size(); ++i) {
    const char c = body_[i];
    if (quote != 0) {
      if (c == '\\') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace keelson::server
