// The sending side: a frozen copy of the flushed state, and its bytes chunk by chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/fs.h"
#include "storage/mvcc/background_job.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/snapshot/manifest.h"

namespace keelson::storage {

// A place in a snapshot's byte stream. One past the last file is the end.
struct SnapshotPosition {
  uint64_t file = 0;  // index in the manifest
  uint64_t offset = 0;
  auto operator<=>(const SnapshotPosition&) const = default;
};

// A directory of hard-linked files; removed with the last reference. Any thread.
class Checkpoint {
 public:
  Checkpoint(FileSystem* fs, std::string dir, SnapshotManifest manifest, int64_t keys);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  const SnapshotManifest& manifest() const { return manifest_; }
  // How many keys exist in it.
  int64_t keys() const { return keys_; }

  struct Chunk {
    SnapshotPosition at;
    std::string bytes;      // empty only at the end of the snapshot
    SnapshotPosition next;  // where to go on
  };
  // At most `max_bytes` of one file from `at` on; any position, any number of times. Blocking disk
  // read. InvalidArgument outside the manifest; DataLoss where the file shrank or can't be read.
  absl::StatusOr<Chunk> Read(SnapshotPosition at, size_t max_bytes) const;

 private:
  FileSystem* const fs_;
  const std::string dir_;
  const SnapshotManifest manifest_;
  const int64_t keys_;
};

// Makes a checkpoint of what the store has flushed when Run is called; flush first for a fresh one.
class CheckpointJob : public BackgroundJob {
 public:
  // After a successful Run.
  virtual std::shared_ptr<const Checkpoint> checkpoint() const = 0;
};

// Loop thread. `root` is the member's db directory (layout.h); `number` tells its checkpoints apart
// and is not used twice in one run of the process.
std::unique_ptr<CheckpointJob> StartCheckpoint(MvccStore& store, FileSystem* fs,
                                               const std::string& root, uint64_t number);

}  // namespace keelson::storage
