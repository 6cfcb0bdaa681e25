// Where a member keeps its store, and how a received snapshot takes its place.
//
//   <root>/CURRENT        names the generation in use
//   <root>/0000000007/    a generation: one RocksDB directory
//   <root>/incoming/      a snapshot being received
//   <root>/outgoing/N/    a checkpoint being sent
//   <root>/reopening/     the next generation of a spent store, in the making
//
// Installing goes through these steps; after a crash behind any of them OpenCurrent finds either
// the old state or the new one, whole:
//
//   1 SealReceived      files, manifest and directory durable under the next generation's name
//   2 SwitchCurrent     CURRENT durable; from here on a restart opens the new generation
//   3 (WAL marker: index and term of the snapshot, by the owner of the log. A restart that finds
//      the store's applied index beyond the end of the log writes the marker before anything else.)
//   4 ReleaseGeneration of the old one, once its last view is gone (MvccStore::Retire); a restart
//      does it in OpenCurrent
//
// All functions block on the disk; one thread at a time per root. Errors: DataLoss,
// ResourceExhausted, FailedPrecondition (a newer format).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/fs.h"
#include "storage/mvcc/background_job.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/snapshot/receiver.h"

namespace keelson::storage {

std::string GenerationDir(const std::string& root, uint64_t generation);
std::string IncomingDir(const std::string& root);
std::string OutgoingDir(const std::string& root);
std::string CurrentPath(const std::string& root);

struct OpenedStore {
  std::unique_ptr<MvccStore> store;
  uint64_t generation = 0;
};

// Opens the generation that CURRENT names; in an empty root makes the first one. Removes what else
// an ended process left behind. `options.fs` may be null (RocksDB's own), `fs` not; both must mean
// the same disk. options.dir is ignored. DataLoss where generations exist but no CURRENT.
absl::StatusOr<OpenedStore> OpenCurrent(FileSystem* fs, const std::string& root,
                                        MvccOptions options);

// Step 1. Reads every file back and compares its checksum. REQUIRES: receiver.complete(). Returns
// the new generation.
absl::StatusOr<uint64_t> SealReceived(SnapshotReceiver& receiver);

// Step 2. REQUIRES: the generation was sealed.
absl::Status SwitchCurrent(FileSystem* fs, const std::string& root, uint64_t generation);

// Opens a sealed generation, before or after the switch.
absl::StatusOr<OpenedStore> OpenGeneration(FileSystem* fs, const std::string& root,
                                           uint64_t generation, MvccOptions options);

// For a store that a failed flush has spent, once its disk is well: the next generation, made of
// hard links to what the store has flushed, and the switch to it. The spent store serves its views
// on, so nobody waits for the log to be replayed onto the new one.
class ReopenJob : public BackgroundJob {
 public:
  // After a successful Run, once.
  virtual OpenedStore TakeOpened() = 0;
};

// Loop thread. REQUIRES: until the job ends no other one runs on this root.
std::unique_ptr<ReopenJob> StartReopen(MvccStore& store, FileSystem* fs, const std::string& root,
                                       MvccOptions options);

// Step 4. OK where it is gone already. REQUIRES: CURRENT names another one and it is closed.
absl::Status ReleaseGeneration(FileSystem* fs, const std::string& root, uint64_t generation);

}  // namespace keelson::storage
