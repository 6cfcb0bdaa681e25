// The receiving side: chunks go into a staging directory until every checksum fits.
//
//            Begin                 Write ... Write               Seal
//   nothing -------> receiving -----------------------> complete ------> a generation (install.h)
//                      ^   | broken off; Begin with the same manifest goes on with the first
//                      +---+ file that is not complete, with another one starts anew
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/fs.h"
#include "storage/snapshot/checkpoint.h"
#include "storage/snapshot/manifest.h"

namespace keelson::storage {

// One thread at a time; blocking disk work, so not the loop. At most one per member directory.
class SnapshotReceiver {
 public:
  // Errors: ResourceExhausted where the disk has no room for it; DataLoss.
  static absl::StatusOr<std::unique_ptr<SnapshotReceiver>> Begin(FileSystem* fs,
                                                                 const std::string& root,
                                                                 SnapshotManifest manifest);
  ~SnapshotReceiver();

  // The chunk that Write expects next; the sender starts there.
  SnapshotPosition next() const { return next_; }
  bool complete() const { return next_.file == manifest_.files.size(); }
  const SnapshotManifest& manifest() const { return manifest_; }

  // InvalidArgument: not at next() or beyond the file's end. DataLoss with kChecksumText in its
  // message: the file's bytes do not fit its checksum; that file must be sent again, next() says
  // so.
  absl::Status Write(SnapshotPosition at, std::string_view bytes);

 private:
  friend absl::StatusOr<uint64_t> SealReceived(SnapshotReceiver&);
  SnapshotReceiver(FileSystem* fs, std::string root, SnapshotManifest manifest);
  absl::Status Prepare();
  absl::Status Resume();
  absl::Status OpenNextFile();
  absl::Status FinishFile();
  std::string PathOf(const SnapshotFile& file) const;

  FileSystem* const fs_;
  const std::string root_;
  const SnapshotManifest manifest_;
  SnapshotPosition next_;
  uint32_t crc_ = 0;
  std::unique_ptr<File> file_;  // being written
};

inline constexpr char kChecksumText[] = "does not fit its checksum";

}  // namespace keelson::storage
