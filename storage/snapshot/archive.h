// A snapshot as one file, for clients: what Maintenance.Snapshot sends, `kvctl snapshot save`
// writes, and `kvd snapshot restore` reads.
//
// Bytes, version 1 (integers are little endian):
//   "KEELSNAP" | version (4) | bytes of the manifest (4) | existing keys (8)
//     | CRC-32C of all before (4) | zeros (4)
//   manifest (manifest.h) | each of its files, in order | zeros up to a multiple of 512
//   SHA-256 of everything before (32)
// A length that leaves 32 over a multiple of 512 is how etcdctl knows that the checksum is there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/sha256.h"
#include "storage/fs/fs.h"
#include "storage/snapshot/checkpoint.h"
#include "storage/snapshot/manifest.h"
#include "storage/snapshot/receiver.h"

namespace keelson::storage {

inline constexpr uint64_t kArchiveBlock = 512;
inline constexpr uint64_t kArchiveHeadBytes = 32;

// Makes the bytes of a checkpoint's archive, one piece after the other. Blocking; any thread, one
// at a time.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(std::shared_ptr<const Checkpoint> checkpoint);

  // Of the archive without its checksum.
  uint64_t total_bytes() const { return total_; }
  uint64_t left_bytes() const { return total_ - done_; }

  // At least one of the bytes that are left and at most `max_bytes`. REQUIRES: some are left.
  // Errors as Checkpoint::Read.
  absl::StatusOr<std::string> Next(size_t max_bytes);
  // The checksum. REQUIRES: none are left; called once.
  std::string Finish() { return sha_.Finish(); }

 private:
  const std::shared_ptr<const Checkpoint> checkpoint_;
  std::string head_;  // with the manifest
  size_t head_done_ = 0;
  SnapshotPosition at_;
  uint64_t total_ = 0;
  uint64_t done_ = 0;
  Sha256 sha_;
};

// What an archive says of itself.
struct ArchiveFacts {
  SnapshotManifest manifest;
  int64_t keys = 0;
  uint64_t file_bytes = 0;  // of the archive, with its checksum
  bool has_checksum =
      false;  // a file that lacks it was not saved to its end, or copied from a disk
  // CRC-32C of the manifest, which has one of each file: equal for equal content of files.
  uint32_t hash = 0;
};

// An archive on the disk. One thread at a time; blocking.
class ArchiveReader {
 public:
  // Called with the bytes done so far, of the files' total.
  using Progress = std::function<void(uint64_t done, uint64_t total)>;

  // InvalidArgument: no archive, or damaged so that this can be seen at once; FailedPrecondition:
  // of a later version. NotFound.
  static absl::StatusOr<std::unique_ptr<ArchiveReader>> Open(FileSystem* fs,
                                                             const std::string& path);

  const ArchiveFacts& facts() const { return facts_; }

  // Reads everything and compares. DataLoss: the checksum is missing, or does not fit.
  absl::Status Verify(const Progress& progress) const;

  // Hands all files to `receiver`, which checks each. REQUIRES: it was begun with facts().manifest.
  absl::Status Unpack(SnapshotReceiver& receiver, const Progress& progress) const;

 private:
  explicit ArchiveReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
  absl::Status ReadFacts();
  absl::StatusOr<std::string> Read(uint64_t offset, size_t size) const;

  const std::unique_ptr<File> file_;
  ArchiveFacts facts_;
  uint64_t files_at_ = 0;
  uint64_t data_bytes_ = 0;  // without the checksum
};

}  // namespace keelson::storage
