// The side file `commit`: how far this member's promises to its readers go, for restarts after
// SIGKILL. Written in place, never synced.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/fs.h"
#include "storage/wal/record_codec.h"

namespace keelson::storage {

// Loop thread.
class CommitFile {
 public:
  // Opens or makes `dir`/commit; its name is durable then. `notes` gets what the operator should
  // hear of: a missing file (unless `log_is_new`) or a damaged slot. FailedPrecondition when it
  // belongs to another member.
  static absl::StatusOr<std::unique_ptr<CommitFile>> Open(FileSystem* fs, const std::string& dir,
                                                          WalIdentity identity, bool log_is_new,
                                                          std::vector<std::string>* notes);

  // The newest valid slot.
  raft::Index commit() const { return last_.commit; }
  uint64_t durable() const { return last_.durable; }
  // A slot was damaged or the file was missing: commit() may be too low.
  bool may_be_behind() const { return may_be_behind_; }
  const std::string& path() const { return file_->path(); }

  // Writes the other slot. REQUIRES: neither number falls.
  absl::Status Write(raft::Index commit, uint64_t durable);

 private:
  CommitFile(std::unique_ptr<File> file, WalIdentity identity);
  absl::Status Load(std::vector<std::string>* notes);

  std::unique_ptr<File> file_;
  CommitSlot last_;
  bool may_be_behind_ = false;
};

}  // namespace keelson::storage
