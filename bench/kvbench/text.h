// Small text helpers over std::string_view (Debian's Abseil is built with a string_view of its
// own).
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::kvbench {

inline void AppendText(std::string& out, std::string_view text) { out.append(text); }
inline void AppendText(std::string& out, std::integral auto number) {
  out.append(std::to_string(number));
}

// The arguments (texts and integers) one after the other.
template <typename... Parts>
std::string Concat(const Parts&... parts) {
  std::string out;
  (AppendText(out, parts), ...);
  return out;
}

// The parts of `text` between `separator`s; empty parts are left out.
inline std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    if (!part.empty()) parts.push_back(part);
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return parts;
}

// Whether the whole of `text` is a number that fits; then it is in `number`.
template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  const char* end = text.data() + text.size();
  Number parsed{};
  const auto result = std::from_chars(text.data(), end, parsed);
  if (result.ec != std::errc() || result.ptr != end) return false;
  number = parsed;
  return true;
}

}  // namespace keelson::kvbench
