// Fixed-width numbers in the peer format: little endian.
#pragma once

#include <cstdint>

namespace keelson::server {

inline void PutFixed32(char* to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

inline uint32_t GetFixed32(const char* from) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(from[i])} << (8 * i);
  return value;
}

}  // namespace keelson::server
