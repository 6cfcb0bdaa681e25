// Bytes to values and back for every record of the log (README.md, "Bytes"). Pure functions, any
// thread. A decoder gets exactly the bytes of its record and returns nothing where the checksum,
// the tag or a field does not hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "raft/entry.h"
#include "raft/ready.h"
#include "raft/types.h"
#include "storage/wal/wal_format.h"

namespace keelson::storage {

// Whose log it is. Checked on every file.
struct WalIdentity {
  uint64_t cluster_id = 0;
  uint64_t member_id = 0;

  friend bool operator==(const WalIdentity&, const WalIdentity&) = default;
};

struct SegmentHeader {
  uint32_t version = kWalFormatVersion;
  WalIdentity identity;
  uint64_t sequence = 0;
  uint64_t salt = 0;
  uint64_t area_bytes = 0;
  bool has_table = false;
  uint32_t table_checksum = 0;

  uint64_t area_end() const { return kAreaOffset + area_bytes; }
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// What a local checksum binds a record to.
struct RecordPlace {
  uint64_t salt = 0;
  uint64_t group = 0;  // 0 for a frame or stamp
  uint64_t offset = 0;
};

struct GroupFrame {
  uint64_t number = 0;
  uint64_t follows = 0;
  uint64_t durable = 0;
  raft::HardState hard;
  raft::EntryId prev;
  bool resets_log = false;
  uint32_t entries = 0;
  uint32_t bytes = kFrameBytes;

  friend bool operator==(const GroupFrame&, const GroupFrame&) = default;
};

struct EntryHead {
  raft::EntryId id;
  raft::EntryType type = raft::EntryType::kNormal;
  uint32_t payload_bytes = 0;
  uint32_t content_checksum = 0;

  uint64_t record_bytes() const { return kEntryHeadBytes + uint64_t{payload_bytes}; }
  friend bool operator==(const EntryHead&, const EntryHead&) = default;
};

struct CommitSlot {
  WalIdentity identity;
  uint64_t counter = 0;
  raft::Index commit;
  uint64_t durable = 0;

  friend bool operator==(const CommitSlot&, const CommitSlot&) = default;
};

// The first page of a segment: both header copies, no stamp.
std::string EncodeHeaderPage(const SegmentHeader& header);
// `sector`: kSegmentHeaderBytes. A header of a later version decodes; its other fields may be off.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view sector);

// Appends kWalSectorBytes.
void AppendStampSector(uint64_t salt, uint64_t first_group, std::string* out);
std::optional<uint64_t> DecodeStamp(uint64_t salt, std::string_view bytes);

// Appends kFrameBytes.
void AppendFrame(const GroupFrame& frame, RecordPlace place, std::string* out);
std::optional<GroupFrame> DecodeFrame(std::string_view bytes, RecordPlace place);
// A cheap look before DecodeFrame: whether the tag is there.
bool LooksLikeFrame(std::string_view bytes);

// Appends kEntryHeadBytes.
void AppendEntryHead(const EntryHead& head, RecordPlace place, std::string* out);
std::optional<EntryHead> DecodeEntryHead(std::string_view bytes, RecordPlace place);

std::string EncodeCommitSlot(const CommitSlot& slot);
std::optional<CommitSlot> DecodeCommitSlot(std::string_view bytes);

}  // namespace keelson::storage
