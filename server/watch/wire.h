// The few pieces of protobuf's wire format that responses are put together from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::server::wire {

inline void AppendVarint(uint64_t value, std::string* out) {
  while (value >= 0x80) {
    out->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out->push_back(static_cast<char>(value));
}

// A number field; zero is the default and is left out.
inline void AppendNumber(uint32_t field, uint64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(uint64_t{field} << 3, out);
  AppendVarint(value, out);
}

// A bytes, string or message field, also when empty.
inline void AppendBytes(uint32_t field, std::string_view value, std::string* out) {
  AppendVarint(uint64_t{field} << 3 | 2, out);
  AppendVarint(value.size(), out);
  out->append(value);
}

}  // namespace keelson::server::wire
