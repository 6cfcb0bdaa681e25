#include "storage/mvcc/manifest_tail.h"

#include <cstdint>

#include "base/crc32c.h"

namespace keelson::storage {
namespace {

// The format of RocksDB's logs: blocks of 32 KiB with records of a header (masked CRC-32C of type
// and data, size, type) and data. A logical record is one kFull, or kFirst, kMiddle..., kLast; the
// end of a block that has no room for a header is zeros.
constexpr size_t kBlock = 32 << 10;
constexpr size_t kHeader = 7;
enum Type : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint32_t Little(std::string_view bytes) {
  uint32_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return number;
}

uint32_t Mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8; }

}  // namespace

std::optional<size_t> TornManifestTail(std::string_view manifest) {
  size_t at = 0;
  size_t sound = 0;  // behind the last whole logical record
  while (at < manifest.size()) {
    const size_t left = kBlock - at % kBlock;
    if (left < kHeader) {
      at += left;
      continue;
    }
    // What the file's end cuts off RocksDB takes for what it is.
    if (manifest.size() - at < kHeader) return std::nullopt;
    const size_t size = Little(manifest.substr(at + 4, 2));
    const auto type = static_cast<uint8_t>(manifest[at + 6]);
    const bool fits = size <= left - kHeader;
    if (fits && at + kHeader + size > manifest.size()) return std::nullopt;
    const bool good =
        fits && type >= kFull && type <= kLast &&
        Little(manifest.substr(at, 4)) == Mask(Crc32c(manifest.substr(at + 6, size + 1)));
    if (!good) break;
    at += kHeader + size;
    if (type == kFull || type == kLast) sound = at;
  }
  if (at >= manifest.size() || manifest.size() - sound > kManifestTail) return std::nullopt;
  return sound;
}

}  // namespace keelson::storage
