// Byte formats of what the store keeps in RocksDB. Format version 1; see README.md.
//
// Decoders check every length; they return false on bytes that are not of this format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "raft/types.h"
#include "storage/mvcc/version.h"

namespace keelson::storage {

inline constexpr uint32_t kFormatVersion = 1;

// --- keys --------------------------------------------------------------------------------------
// undo: main (8 bytes, big endian), sub (4 bytes, big endian): byte order is revision order.
inline constexpr size_t kUndoKeyBytes = 12;
std::string UndoKey(Revision revision);
void AppendUndoKey(Revision revision, std::string* out);
bool DecodeUndoKey(std::string_view bytes, Revision* revision);

// leases: id (8 bytes, big endian). lease_keys: the same followed by the attached key.
std::string LeaseRecordKey(int64_t id);
bool DecodeLeaseRecordKey(std::string_view bytes, int64_t* id);
std::string LeaseAttachmentKey(int64_t id, std::string_view key);

// meta: one letter says what it is.
inline constexpr std::string_view kStateKey = "s";
inline constexpr std::string_view kConfigurationKey = "c";
inline constexpr std::string_view kCountHeaderKey = "n";
inline constexpr std::string_view kCountBucketPrefix = "k";  // + first key of the bucket
inline constexpr std::string_view kBlobPrefix = "b";         // + name

// --- values ------------------------------------------------------------------------------------
// The value in latest.
void EncodeVersion(const Version& version, std::string* out);
// `key` becomes part of the decoded pair.
bool DecodeVersion(std::string_view bytes, std::string_view key, Version* version);
// Only what a scan needs to tell whether the record counts, without copying the value.
struct VersionHead {
  Revision mod;
  bool deleted = false;
};
bool DecodeVersionHead(std::string_view bytes, VersionHead* head);
// The pair of a record that is no tombstone, without copying anything.
bool DecodePair(std::string_view bytes, std::string_view key, KeyValueRef* pair);
// Like DecodeVersion, but the value stays empty.
bool DecodeVersionWithoutValue(std::string_view bytes, std::string_view key, Version* version);

// The value in undo: what the change at this revision replaced.
struct UndoRecord {
  bool change_deleted = false;      // the change was a delete
  uint64_t bytes_before = 0;        // logical bytes of all undo records before this one, ever
  std::string_view key;             // into the decoded bytes
  std::optional<Version> previous;  // nullopt: the key did not exist; depth is not kept
};
void EncodeUndo(bool change_deleted, uint64_t bytes_before, std::string_view key,
                const Version* previous, std::string* out);
bool DecodeUndo(std::string_view bytes, UndoRecord* record);
// The same record without the version that it replaced, for a compaction at revision `main`. False
// where there is none, or where it is of that revision itself and so the value of another change.
bool EncodeUndoWithoutPrevious(std::string_view undo, int64_t main, std::string* out);
// Only flags, bytes_before and key; `previous_live` tells whether a pair was replaced.
struct UndoHead {
  bool change_deleted = false;
  bool previous_live = false;
  uint64_t bytes_before = 0;
  std::string_view key;
};
bool DecodeUndoHead(std::string_view bytes, UndoHead* head);

// The store's own state; written with every commit.
struct StoreState {
  raft::EntryId applied;
  int64_t revision = 1;
  int64_t compact_revision = -1;
  uint64_t live_bytes = 0;     // logical bytes of all existing pairs
  uint64_t undo_bytes = 0;     // of all undo records ever written
  uint64_t dropped_bytes = 0;  // of those at or below the compaction revision
  uint64_t db_size() const { return live_bytes + undo_bytes - dropped_bytes; }
  bool operator==(const StoreState&) const = default;
};
std::string EncodeState(const StoreState& state);
// False also for another format; `version` tells.
bool DecodeState(std::string_view bytes, StoreState* state, uint32_t* version);

// --- primitives, for neighbours ------------------------------------------------------------------
void AppendVarint(uint64_t value, std::string* out);
bool TakeVarint(std::string_view* bytes, uint64_t* value);

}  // namespace keelson::storage
