// Small pieces of HTTP syntax that both protocol versions need. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::server {

// A request target, cut at the first '?'.
struct PathAndQuery {
  std::string_view path;
  std::string_view query;
};
PathAndQuery SplitTarget(std::string_view target);

// True if `text` may stand as a field's value: no control characters but tab.
bool IsFieldValue(std::string_view text);

// True for a method's or field's name (RFC 9110 section 5.6.2).
bool IsToken(std::string_view text);

// Without spaces and tabs at both ends.
std::string_view TrimBlanks(std::string_view text);

// The parts between separators; always at least one.
std::vector<std::string_view> SplitAt(std::string_view text, char separator);

// Equal but for the case of ASCII letters.
bool IsWord(std::string_view text, std::string_view word);

std::string ToLower(std::string_view text);

// Digits only, few enough not to overflow.
bool ParseDecimal(std::string_view text, size_t* value);
bool ParseHex(std::string_view text, size_t* value);

// The standard phrase of a status code, or "Status".
std::string_view ReasonPhrase(int status);

// True for answers that never have a body (204, 304).
bool HasNoBody(int status);

}  // namespace keelson::server
