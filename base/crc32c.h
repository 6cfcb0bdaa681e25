// CRC-32C (Castagnoli), the checksum of every record that we write to disk or send to a peer.
#pragma once

#include <cstdint>
#include <string_view>

namespace keelson {

// Returns the CRC-32C of `data` appended to bytes whose CRC-32C is `crc` (0 for none). Any thread.
// Uses the processor's instruction where there is one.
uint32_t Crc32c(std::string_view data, uint32_t crc = 0);

}  // namespace keelson
