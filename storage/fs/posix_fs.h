// The disk seam on POSIX files (Linux).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/fs/fs.h"

namespace keelson::storage {

// Stateless; any thread. Files get mode 0600, directories 0700. A failing device (EIO and its kin)
// is DataLoss, a full one (ENOSPC, EDQUOT) is ResourceExhausted. Nothing is retried except a call
// that a signal interrupted (EINTR) and the rest of a short read or write; a sync never is.
class PosixFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode,
                                             SyncMethod method = SyncMethod::kFdatasync) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveAll(const std::string& path) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::StatusOr<bool> Exists(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override;
  absl::StatusOr<uint64_t> TotalBytes(const std::string& path) override;
  // Locks with flock: a second lock by the same process is refused too.
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
};

}  // namespace keelson::storage
