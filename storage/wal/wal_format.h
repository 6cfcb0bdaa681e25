// The constants of the log's byte format. The format itself: storage/wal/README.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace keelson::storage {

inline constexpr uint32_t kWalFormatVersion = 1;

inline constexpr uint64_t kWalSectorBytes = 512;

// Segment header.
inline constexpr char kSegmentMagic[] = "KLSNWAL\n";
inline constexpr size_t kSegmentMagicBytes = 8;
inline constexpr size_t kSegmentHeaderBytes = 512;
inline constexpr uint64_t kSegmentHeaderCopies[] = {0, 512};
inline constexpr size_t kSegmentChecksumOffset = 508;
inline constexpr uint32_t kSegmentHasTable = 1;
inline constexpr uint64_t kStampOffset = 3584;
inline constexpr size_t kStampBytes = 16;
inline constexpr uint32_t kStampTag = 0x4553554b;  // "KUSE"
inline constexpr uint64_t kAreaOffset = 4096;
inline constexpr size_t kFingerprintBytes = 4;

// Records.
inline constexpr size_t kFrameBytes = 88;
inline constexpr uint32_t kFrameTag = 0x5052474b;  // "KGRP"
inline constexpr uint32_t kFrameResetsLog = 1;
inline constexpr size_t kEntryHeadBytes = 32;
inline constexpr uint64_t kMaxGroupBytes = uint64_t{1} << 31;

// Commit file.
inline constexpr uint64_t kCommitFileBytes = 4096;
inline constexpr uint64_t kCommitSlots[] = {0, 512};
inline constexpr size_t kCommitSlotBytes = 64;
inline constexpr uint32_t kCommitTag = 0x544d434b;  // "KCMT"

// How much of a file of `file_bytes` is area when the table must fit behind it.
constexpr uint64_t AreaBytesWithTable(uint64_t file_bytes) {
  if (file_bytes <= kAreaOffset) return 0;
  return (file_bytes - kAreaOffset) / (kWalSectorBytes + kFingerprintBytes) * kWalSectorBytes;
}

constexpr uint64_t PadToSector(uint64_t bytes) {
  return (bytes + kWalSectorBytes - 1) / kWalSectorBytes * kWalSectorBytes;
}

}  // namespace keelson::storage
