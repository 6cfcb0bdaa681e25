// Any bytes are safe to decode, and what decodes has exactly one encoding.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "raft/config_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto decoded = keelson::raft::DecodeConfiguration(bytes);
  if (decoded.ok()) {
    KEELSON_CHECK(keelson::raft::EncodeConfiguration(*decoded) == bytes, "two forms of one value");
  }
  return 0;
}
