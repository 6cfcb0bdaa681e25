#include "storage/wal/record_codec.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"
#include "storage/wal/little_endian.h"

namespace keelson::storage {
namespace {

// The checksum of `bytes`, whose first four are left out, at its place.
uint32_t LocalChecksum(std::string_view bytes, RecordPlace place) {
  std::array<char, 24> binding;
  PutLittle(place.salt, binding.data());
  PutLittle(place.group, binding.data() + 8);
  PutLittle(place.offset, binding.data() + 16);
  return Crc32c(bytes.substr(4), Crc32c(std::string_view(binding.data(), binding.size())));
}

bool LocalChecksumHolds(std::string_view bytes, RecordPlace place) {
  return GetLittle<uint32_t>(bytes.data()) == LocalChecksum(bytes, place);
}

}  // namespace

std::string EncodeHeaderPage(const SegmentHeader& header) {
  KEELSON_CHECK(header.area_bytes % kWalSectorBytes == 0, "an area is whole sectors");
  std::string sector(kSegmentHeaderBytes, '\0');
  char* out = sector.data();
  std::memcpy(out, kSegmentMagic, kSegmentMagicBytes);
  PutLittle(header.version, out + 8);
  PutLittle(header.has_table ? kSegmentHasTable : uint32_t{0}, out + 12);
  PutLittle(header.identity.cluster_id, out + 16);
  PutLittle(header.identity.member_id, out + 24);
  PutLittle(header.sequence, out + 32);
  PutLittle(header.salt, out + 40);
  PutLittle(header.area_bytes, out + 48);
  PutLittle(header.table_checksum, out + 56);
  PutLittle(Crc32c(std::string_view(sector).substr(0, kSegmentChecksumOffset)),
            out + kSegmentChecksumOffset);
  std::string page(kAreaOffset, '\0');
  for (uint64_t copy : kSegmentHeaderCopies) page.replace(copy, sector.size(), sector);
  return page;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view sector) {
  KEELSON_CHECK(sector.size() == kSegmentHeaderBytes, "a header is one sector");
  const char* in = sector.data();
  if (std::memcmp(in, kSegmentMagic, kSegmentMagicBytes) != 0) return std::nullopt;
  if (GetLittle<uint32_t>(in + kSegmentChecksumOffset) !=
      Crc32c(sector.substr(0, kSegmentChecksumOffset))) {
    return std::nullopt;
  }
  SegmentHeader header;
  header.version = GetLittle<uint32_t>(in + 8);
  header.has_table = (GetLittle<uint32_t>(in + 12) & kSegmentHasTable) != 0;
  header.identity.cluster_id = GetLittle<uint64_t>(in + 16);
  header.identity.member_id = GetLittle<uint64_t>(in + 24);
  header.sequence = GetLittle<uint64_t>(in + 32);
  header.salt = GetLittle<uint64_t>(in + 40);
  header.area_bytes = GetLittle<uint64_t>(in + 48);
  header.table_checksum = GetLittle<uint32_t>(in + 56);
  return header;
}

void AppendStampSector(uint64_t salt, uint64_t first_group, std::string* out) {
  std::string sector(kWalSectorBytes, '\0');
  PutLittle(kStampTag, sector.data() + 4);
  PutLittle(first_group, sector.data() + 8);
  const std::string_view stamp(sector.data(), kStampBytes);
  PutLittle(LocalChecksum(stamp, {.salt = salt, .offset = kStampOffset}), sector.data());
  out->append(sector);
}

std::optional<uint64_t> DecodeStamp(uint64_t salt, std::string_view bytes) {
  KEELSON_CHECK(bytes.size() == kStampBytes, "the caller cuts out the stamp");
  if (GetLittle<uint32_t>(bytes.data() + 4) != kStampTag) return std::nullopt;
  if (!LocalChecksumHolds(bytes, {.salt = salt, .offset = kStampOffset})) return std::nullopt;
  return GetLittle<uint64_t>(bytes.data() + 8);
}

void AppendFrame(const GroupFrame& frame, RecordPlace place, std::string* out) {
  KEELSON_CHECK(place.group == 0, "a frame is found before its number is known");
  KEELSON_CHECK(place.offset % kWalSectorBytes == 0, "a group begins on a sector");
  std::array<char, kFrameBytes> bytes{};
  char* at = bytes.data();
  PutLittle(kFrameTag, at + 4);
  PutLittle(frame.bytes, at + 8);
  PutLittle(frame.entries, at + 12);
  PutLittle(frame.number, at + 16);
  PutLittle(frame.follows, at + 24);
  PutLittle(frame.durable, at + 32);
  PutLittle(frame.hard.term.value(), at + 40);
  PutLittle(frame.hard.vote.value(), at + 48);
  PutLittle(frame.hard.commit.value(), at + 56);
  PutLittle(frame.prev.term.value(), at + 64);
  PutLittle(frame.prev.index.value(), at + 72);
  PutLittle(frame.resets_log ? kFrameResetsLog : uint32_t{0}, at + 80);
  PutLittle(LocalChecksum(std::string_view(at, kFrameBytes), place), at);
  out->append(at, kFrameBytes);
}

bool LooksLikeFrame(std::string_view bytes) {
  return bytes.size() >= kFrameBytes && GetLittle<uint32_t>(bytes.data() + 4) == kFrameTag;
}

std::optional<GroupFrame> DecodeFrame(std::string_view bytes, RecordPlace place) {
  KEELSON_CHECK(bytes.size() == kFrameBytes, "the caller cuts out the frame");
  if (!LooksLikeFrame(bytes) || !LocalChecksumHolds(bytes, place)) return std::nullopt;
  const char* at = bytes.data();
  GroupFrame frame;
  frame.bytes = GetLittle<uint32_t>(at + 8);
  frame.entries = GetLittle<uint32_t>(at + 12);
  frame.number = GetLittle<uint64_t>(at + 16);
  frame.follows = GetLittle<uint64_t>(at + 24);
  frame.durable = GetLittle<uint64_t>(at + 32);
  frame.hard.term = raft::Term(GetLittle<uint64_t>(at + 40));
  frame.hard.vote = raft::NodeId(GetLittle<uint64_t>(at + 48));
  frame.hard.commit = raft::Index(GetLittle<uint64_t>(at + 56));
  frame.prev.term = raft::Term(GetLittle<uint64_t>(at + 64));
  frame.prev.index = raft::Index(GetLittle<uint64_t>(at + 72));
  frame.resets_log = (GetLittle<uint32_t>(at + 80) & kFrameResetsLog) != 0;
  const uint64_t least = kFrameBytes + uint64_t{frame.entries} * kEntryHeadBytes;
  bool holds = frame.bytes >= least && frame.number > 0 && frame.follows < frame.number &&
               frame.durable < frame.number;
  return holds ? std::optional<GroupFrame>(frame) : std::nullopt;
}

void AppendEntryHead(const EntryHead& head, RecordPlace place, std::string* out) {
  KEELSON_CHECK(place.group != 0, "an entry belongs to a group");
  std::array<char, kEntryHeadBytes> bytes{};
  char* at = bytes.data();
  PutLittle(head.payload_bytes, at + 4);
  PutLittle(head.content_checksum, at + 8);
  at[12] = static_cast<char>(head.type);
  PutLittle(head.id.term.value(), at + 16);
  PutLittle(head.id.index.value(), at + 24);
  PutLittle(LocalChecksum(std::string_view(at, kEntryHeadBytes), place), at);
  out->append(at, kEntryHeadBytes);
}

std::optional<EntryHead> DecodeEntryHead(std::string_view bytes, RecordPlace place) {
  KEELSON_CHECK(bytes.size() == kEntryHeadBytes, "the caller cuts out the head");
  if (!LocalChecksumHolds(bytes, place)) return std::nullopt;
  const char* at = bytes.data();
  EntryHead head;
  head.payload_bytes = GetLittle<uint32_t>(at + 4);
  head.content_checksum = GetLittle<uint32_t>(at + 8);
  head.type = static_cast<raft::EntryType>(at[12]);
  head.id.term = raft::Term(GetLittle<uint64_t>(at + 16));
  head.id.index = raft::Index(GetLittle<uint64_t>(at + 24));
  return head;
}

std::string EncodeCommitSlot(const CommitSlot& slot) {
  std::string bytes(kCommitSlotBytes, '\0');
  char* at = bytes.data();
  PutLittle(kCommitTag, at + 4);
  PutLittle(uint64_t{kWalFormatVersion}, at + 8);
  PutLittle(slot.identity.cluster_id, at + 16);
  PutLittle(slot.identity.member_id, at + 24);
  PutLittle(slot.counter, at + 32);
  PutLittle(slot.commit.value(), at + 40);
  PutLittle(slot.durable, at + 48);
  PutLittle(Crc32c(std::string_view(bytes).substr(4)), at);
  return bytes;
}

std::optional<CommitSlot> DecodeCommitSlot(std::string_view bytes) {
  KEELSON_CHECK(bytes.size() == kCommitSlotBytes, "the caller cuts out the slot");
  const char* at = bytes.data();
  if (GetLittle<uint32_t>(at + 4) != kCommitTag) return std::nullopt;
  if (GetLittle<uint32_t>(at) != Crc32c(bytes.substr(4))) return std::nullopt;
  if (GetLittle<uint64_t>(at + 8) != kWalFormatVersion) return std::nullopt;
  CommitSlot slot;
  slot.identity.cluster_id = GetLittle<uint64_t>(at + 16);
  slot.identity.member_id = GetLittle<uint64_t>(at + 24);
  slot.counter = GetLittle<uint64_t>(at + 32);
  slot.commit = raft::Index(GetLittle<uint64_t>(at + 40));
  slot.durable = GetLittle<uint64_t>(at + 48);
  return slot;
}

}  // namespace keelson::storage
