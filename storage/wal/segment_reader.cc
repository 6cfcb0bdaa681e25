#include "storage/wal/segment_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "raft/entry.h"
#include "storage/wal/little_endian.h"

namespace keelson::storage {

SegmentReader::SegmentReader(const Segment* segment, size_t window_bytes)
    : segment_(segment), window_bytes_(window_bytes) {
  KEELSON_CHECK(window_bytes >= kWalSectorBytes, "a window holds a sector at least");
}

absl::StatusOr<std::string_view> SegmentReader::Get(uint64_t offset, size_t size) {
  KEELSON_CHECK(offset + size <= segment_->file_bytes, "reads stay within the file");
  if (offset < window_offset_ || offset + size > window_offset_ + window_.size()) {
    const size_t wanted =
        std::min<uint64_t>(std::max(size, window_bytes_), segment_->file_bytes - offset);
    window_.resize(wanted);
    absl::StatusOr<size_t> got = segment_->file->ReadAt(offset, wanted, window_.data());
    window_offset_ = offset;
    if (!got.ok()) window_.clear();
    if (!got.ok()) return got.status();
    window_.resize(*got);
    if (*got < size) return WalDamage(*segment_, offset + *got, "the file became shorter");
  }
  return std::string_view(window_).substr(offset - window_offset_, size);
}

absl::StatusOr<std::optional<GroupFrame>> SegmentReader::Frame(uint64_t offset) {
  KEELSON_CHECK(offset >= kAreaOffset && offset % kWalSectorBytes == 0, "a group is on a sector");
  if (offset >= segment_->header.area_end()) return std::optional<GroupFrame>();
  absl::StatusOr<std::string_view> bytes = Get(offset, kFrameBytes);
  if (!bytes.ok()) return bytes.status();
  auto frame = DecodeFrame(*bytes, {.salt = segment_->header.salt, .offset = offset});
  if (frame.has_value() && frame->bytes > segment_->header.area_end() - offset) frame.reset();
  return frame;
}

absl::Status SegmentReader::Entry(const GroupFrame& frame, uint64_t group_offset, uint64_t offset,
                                  EntryView* entry, std::optional<RecordDamage>* damage) {
  const uint64_t group_end = group_offset + frame.bytes;
  if (offset + kEntryHeadBytes > group_end) {
    *damage = {group_offset, offset, "a group has more entries than bytes"};
    return absl::OkStatus();
  }
  absl::StatusOr<std::string_view> bytes = Get(offset, kEntryHeadBytes);
  if (!bytes.ok()) return bytes.status();
  const RecordPlace place{.salt = segment_->header.salt, .group = frame.number, .offset = offset};
  std::optional<EntryHead> head = DecodeEntryHead(*bytes, place);
  if (!head.has_value()) {
    *damage = {offset, offset + kEntryHeadBytes, "the head of an entry is damaged"};
    return absl::OkStatus();
  }
  const uint64_t end = offset + head->record_bytes();
  if (end > group_end) {
    *damage = {offset, offset + kEntryHeadBytes, "an entry is longer than its group"};
    return absl::OkStatus();
  }
  bytes = Get(offset, head->record_bytes());
  if (!bytes.ok()) return bytes.status();
  entry->head = *head;
  entry->payload = bytes->substr(kEntryHeadBytes);
  entry->offset = offset;
  if (raft::ContentChecksum(head->id, head->type, entry->payload) != head->content_checksum) {
    *damage = {offset, end,
               absl::StrCat("the content of entry ", head->id.index.value(), " of term ",
                            head->id.term.value(), " is damaged")};
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RecordDamage>> SegmentReader::VisitEntries(
    const GroupFrame& frame, uint64_t group_offset,
    const std::function<void(const EntryView&)>& visit) {
  std::optional<RecordDamage> damage;
  uint64_t offset = group_offset + kFrameBytes;
  for (uint32_t i = 0; i < frame.entries; ++i) {
    EntryView entry;
    absl::Status status = Entry(frame, group_offset, offset, &entry, &damage);
    if (!status.ok()) return status;
    if (damage.has_value()) return damage;
    visit(entry);
    offset += entry.head.record_bytes();
  }
  if (offset != group_offset + frame.bytes) {
    damage = {group_offset, group_offset + frame.bytes, "a group has more bytes than entries"};
  }
  return damage;
}

absl::Status SegmentReader::VisitFrames(
    uint64_t offset, const std::function<void(const GroupFrame&, uint64_t)>& visit) {
  offset = std::max(PadToSector(offset), kAreaOffset);
  for (; offset < segment_->header.area_end(); offset += kWalSectorBytes) {
    absl::StatusOr<std::string_view> bytes = Get(offset, kFrameBytes);
    if (!bytes.ok()) return bytes.status();
    if (!LooksLikeFrame(*bytes)) continue;
    auto frame = DecodeFrame(*bytes, {.salt = segment_->header.salt, .offset = offset});
    if (frame.has_value()) visit(*frame, offset);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> SegmentReader::Stamp() {
  absl::StatusOr<std::string_view> bytes = Get(kStampOffset, kStampBytes);
  if (!bytes.ok()) return bytes.status();
  return DecodeStamp(segment_->header.salt, *bytes);
}

absl::StatusOr<bool> SegmentReader::StampIsEmpty() {
  absl::StatusOr<std::string_view> bytes = Get(kStampOffset, kStampBytes);
  if (!bytes.ok()) return bytes.status();
  return bytes->find_first_not_of('\0') == std::string_view::npos;
}

absl::Status SegmentReader::LoadTable() {
  const SegmentHeader& header = segment_->header;
  const size_t size = header.area_bytes / kWalSectorBytes * kFingerprintBytes;
  std::string table(size, '\0');
  absl::StatusOr<size_t> got = segment_->file->ReadAt(header.area_end(), size, table.data());
  if (!got.ok()) return got.status();
  if (*got != size || Crc32c(table) != header.table_checksum) {
    return WalDamage(*segment_, header.area_end(),
                     "the table of old content is damaged, so the end of the log can't be told");
  }
  table_ = std::move(table);
  return absl::OkStatus();
}

absl::StatusOr<bool> SegmentReader::HoldsOldContent(uint64_t offset) {
  KEELSON_CHECK(offset >= kAreaOffset && offset < segment_->header.area_end(),
                "only the area has old content");
  const uint64_t sector = (offset - kAreaOffset) / kWalSectorBytes;
  if (segment_->header.has_table && !table_.has_value()) {
    absl::Status status = LoadTable();
    if (!status.ok()) return status;
  }
  absl::StatusOr<std::string_view> bytes =
      Get(kAreaOffset + sector * kWalSectorBytes, kWalSectorBytes);
  if (!bytes.ok()) return bytes.status();
  if (!segment_->header.has_table) return bytes->find_first_not_of('\0') == std::string_view::npos;
  return GetLittle<uint32_t>(table_->data() + sector * kFingerprintBytes) == Crc32c(*bytes);
}

absl::StatusOr<bool> SegmentReader::TouchesOldContent(uint64_t begin, uint64_t end) {
  KEELSON_CHECK(begin < end, "a record has bytes");
  for (uint64_t at = begin / kWalSectorBytes * kWalSectorBytes; at < end; at += kWalSectorBytes) {
    absl::StatusOr<bool> old_content = HoldsOldContent(at);
    if (!old_content.ok() || *old_content) return old_content;
  }
  return false;
}

}  // namespace keelson::storage
