// Reads and verifies the records of one segment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/segment.h"

namespace keelson::storage {

// A record that does not hold what was written: the bytes that it covers, and how it shows.
struct RecordDamage {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::string what;
};

struct EntryView {
  EntryHead head;
  std::string_view payload;  // valid until the reader is used again
  uint64_t offset = 0;       // of the record
};

// Errors are those of the file: damage is a value. Never allocates more than the file is long. One
// thread at a time.
class SegmentReader {
 public:
  // `window_bytes`: how much is read at once. `segment` must outlive the reader.
  SegmentReader(const Segment* segment, size_t window_bytes);

  // The frame at `offset`; nothing where there is none that is valid.
  absl::StatusOr<std::optional<GroupFrame>> Frame(uint64_t offset);

  // The entry record at `offset` in the group `frame` that begins at `group_offset`.
  // Sets either `entry` (verified, content too) or `damage`.
  absl::Status Entry(const GroupFrame& frame, uint64_t group_offset, uint64_t offset,
                     EntryView* entry, std::optional<RecordDamage>* damage);

  // Goes through all entries of a group; stops at the first damage and returns it.
  absl::StatusOr<std::optional<RecordDamage>> VisitEntries(
      const GroupFrame& frame, uint64_t group_offset,
      const std::function<void(const EntryView&)>& visit);

  // Calls `visit` for each valid frame on a sector in [offset, end of the area).
  absl::Status VisitFrames(uint64_t offset,
                           const std::function<void(const GroupFrame&, uint64_t)>& visit);

  // The group of the stamp; nothing where it is damaged or was never written.
  absl::StatusOr<std::optional<uint64_t>> Stamp();
  absl::StatusOr<bool> StampIsEmpty();

  // Whether the sector of the area that holds `offset` is as it was before this life of the
  // segment. DataLoss when that can't be told because the table is damaged.
  absl::StatusOr<bool> HoldsOldContent(uint64_t offset);
  // Whether any sector of the area that [begin, end) touches does.
  absl::StatusOr<bool> TouchesOldContent(uint64_t begin, uint64_t end);

 private:
  // The bytes [offset, offset + size). REQUIRES: they are within the file.
  absl::StatusOr<std::string_view> Get(uint64_t offset, size_t size);
  absl::Status LoadTable();

  const Segment* const segment_;
  const size_t window_bytes_;
  std::string window_;
  uint64_t window_offset_ = 0;
  std::optional<std::string> table_;
};

}  // namespace keelson::storage
