// Fixed-width little-endian numbers in byte buffers.
#pragma once

#include <cstdint>
#include <cstring>

namespace keelson::storage {

template <typename Number>
void PutLittle(Number value, char* out) {
  for (size_t i = 0; i < sizeof(Number); ++i) out[i] = static_cast<char>(value >> (8 * i));
}

template <typename Number>
Number GetLittle(const char* in) {
  Number value = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) {
    value |= static_cast<Number>(static_cast<uint8_t>(in[i])) << (8 * i);
  }
  return value;
}

}  // namespace keelson::storage
