#include "raft/entry.h"

#include <array>
#include <utility>

#include "base/crc32c.h"

namespace keelson::raft {
namespace {

void PutLittleEndian(uint64_t value, char* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

uint32_t ContentChecksum(const Entry& entry) {
  return ContentChecksum(entry.id(), entry.type, entry.bytes());
}

uint32_t ContentChecksum(EntryId id, EntryType type, std::string_view payload) {
  std::array<char, 17> head;
  PutLittleEndian(id.index.value(), head.data());
  PutLittleEndian(id.term.value(), head.data() + 8);
  head[16] = static_cast<char>(type);
  return Crc32c(payload, Crc32c(std::string_view(head.data(), head.size())));
}

Entry MakeEntry(EntryId id, EntryType type, std::shared_ptr<const std::string> payload) {
  Entry entry{.term = id.term, .index = id.index, .type = type, .payload = std::move(payload)};
  entry.checksum = ContentChecksum(entry);
  return entry;
}

}  // namespace keelson::raft
