// One entry of the replicated log. Values; the payload is shared, never copied, between the log in
// memory, the WAL, the peers and apply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "raft/types.h"

namespace keelson::raft {

// What an entry carries. The values are part of the WAL and peer formats.
enum class EntryType : uint8_t {
  kNormal = 0,  // bytes for the state machine
  kConfig = 1,  // a complete Configuration (raft/config_codec.h)
  kNoop = 2,    // nothing; a leader appends one at the start of its term
};

struct Entry {
  Term term{};
  Index index{};
  EntryType type = EntryType::kNormal;
  // ContentChecksum of this entry, set once by the leader that appended it.
  uint32_t checksum = 0;
  // Null means an empty payload.
  std::shared_ptr<const std::string> payload{};

  EntryId id() const { return EntryId{term, index}; }
  std::string_view bytes() const { return payload ? std::string_view(*payload) : ""; }
};

// What an entry costs in windows, messages and memory bounds: its payload and a fixed overhead.
inline constexpr size_t kEntryOverheadBytes = 64;
inline size_t EntryCost(const Entry& entry) { return kEntryOverheadBytes + entry.bytes().size(); }

// CRC-32C over index (8 bytes, little endian), term (8, little endian), type (1) and payload. Who
// receives an entry from a disk or a peer compares it with `checksum` before handing it on.
uint32_t ContentChecksum(const Entry& entry);
uint32_t ContentChecksum(EntryId id, EntryType type, std::string_view payload);

// Builds an entry with its checksum set. A null payload is an empty one.
Entry MakeEntry(EntryId id, EntryType type, std::shared_ptr<const std::string> payload);

}  // namespace keelson::raft
