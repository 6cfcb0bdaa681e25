// What a snapshot consists of: the identity of the state and each file with its checksum.
//
// Encoding, version 1 (integers are varints unless said otherwise):
//   "KSNP" | version | term | index | revision | configuration (length, bytes)
//   | number of files | per file: name (length, bytes), size, CRC-32C (4 bytes, little endian)
//   | CRC-32C of everything before (4 bytes, little endian)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/types.h"

namespace keelson::storage {

inline constexpr size_t kMaxManifestBytes = 16 << 20;
// The name of the manifest beside the files of a received snapshot.
inline constexpr char kManifestName[] = "SNAPSHOT";

struct SnapshotFile {
  std::string name;  // no directory part
  uint64_t size = 0;
  uint32_t crc32c = 0;
  bool operator==(const SnapshotFile&) const = default;
};

// Value.
struct SnapshotManifest {
  raft::EntryId id;           // the last entry that the state contains; from the files themselves
  int64_t revision = 0;       // the store's
  std::string configuration;  // the applied Raft configuration, opaque
  std::vector<SnapshotFile> files;

  uint64_t total_bytes() const;
  bool operator==(const SnapshotManifest&) const = default;
};

std::string EncodeManifest(const SnapshotManifest& manifest);

// Any bytes may come in. InvalidArgument: not a manifest, damaged, of a newer version, or with file
// names that would leave their directory.
absl::StatusOr<SnapshotManifest> DecodeManifest(std::string_view bytes);

}  // namespace keelson::storage
