// The few pieces of protobuf's wire format that responses are put together from.
#pragma once

#include <bit>
#include <cstddef>
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

// Tag and length of a bytes, string or message field; the bytes follow.
inline void AppendLength(uint32_t field, size_t length, std::string* out) {
  AppendVarint(uint64_t{field} << 3 | 2, out);
  AppendVarint(length, out);
}

// A bytes, string or message field, also when empty.
inline void AppendBytes(uint32_t field, std::string_view value, std::string* out) {
  AppendLength(field, value.size(), out);
  out->append(value);
}

// What the above append, for fields below 16.
inline size_t VarintSize(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}
inline size_t NumberSize(uint64_t value) { return value == 0 ? 0 : 1 + VarintSize(value); }
inline size_t BytesSize(size_t length) { return 1 + VarintSize(length) + length; }

}  // namespace keelson::server::wire
