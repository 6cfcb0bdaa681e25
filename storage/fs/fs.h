// The disk seam: everything that storage/ does to a disk goes through FileSystem and File.
//
// Two implementations: PosixFileSystem (posix_fs.h) and FaultyFileSystem (faulty_fs.h), which lives
// in memory and loses unsynced writes, tears them, fills up, fails and flips bits on request.
//
// Durability contract, the same for both: written bytes are durable after Sync or DataSync of that
// file returned OK; a created, renamed or removed name is durable after SyncDirectory of its
// parent. After a failed sync nothing is known of the bytes since the last good one and it is never
// tried again (Rebello et al., ATC'20).
//
// Thread rule: a FileSystem may be used from any thread; a File from one thread at a time, except
// that ReadAt may run beside anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keelson::storage {

// Errors of every method name the path. Codes: NotFound (no such file), AlreadyExists,
// ResourceExhausted (disk full), DataLoss (an I/O error that must stop the member), Internal (any
// other errno, with its text).
class File {
 public:
  virtual ~File() = default;

  // Reads up to `size` bytes at `offset` into `out`; returns how many were read, fewer only at the
  // end of the file.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size, char* out) const = 0;

  // Writes all `parts` one after the other from `offset` on, growing the file where needed. Where
  // the process or the power ends half-way, a 512-byte sector is either written or not.
  virtual absl::Status WriteAt(uint64_t offset, std::span<const std::string_view> parts) = 0;
  absl::Status WriteAt(uint64_t offset, std::string_view data) {
    return WriteAt(offset, std::span<const std::string_view>(&data, 1));
  }

  // Reserves `size` bytes from the start and sets the file's size to it (fallocate).
  virtual absl::Status Allocate(uint64_t size) = 0;
  virtual absl::Status Truncate(uint64_t size) = 0;

  // fdatasync and fsync.
  virtual absl::Status DataSync() = 0;
  virtual absl::Status Sync() = 0;

  virtual absl::StatusOr<uint64_t> Size() const = 0;
  virtual const std::string& path() const = 0;
};

enum class OpenMode {
  kReadOnly,   // must exist
  kReadWrite,  // must exist
  kCreate,     // must not exist
  kCreateOrOpen,
  kCreateOrTruncate,
};

// How writes of a WAL segment become durable; chosen by a probe at start-up.
enum class SyncMethod {
  kFdatasync,  // write, then DataSync
  kDsync,      // every write returns durable (O_DSYNC); DataSync does nothing
};

class FileLock {
 public:
  virtual ~FileLock() = default;  // releases
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::unique_ptr<File>> Open(
      const std::string& path, OpenMode mode, SyncMethod method = SyncMethod::kFdatasync) = 0;

  // Atomic; replaces `to` where it exists.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Removes a directory with all that is in it; OK where there is none.
  virtual absl::Status RemoveAll(const std::string& path) = 0;
  // A second name for the same file (hard link).
  virtual absl::Status Link(const std::string& from, const std::string& to) = 0;
  // Creates missing parents too; directories get mode 0700. OK where it exists.
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  // Names (not paths) of the entries, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  virtual absl::StatusOr<bool> Exists(const std::string& path) = 0;
  virtual absl::StatusOr<uint64_t> FreeBytes(const std::string& path) = 0;
  // How large the disk that holds `path` is, used or not.
  virtual absl::StatusOr<uint64_t> TotalBytes(const std::string& path) = 0;
  // An exclusive lock that ends with the process. FailedPrecondition when another holds it.
  virtual absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// `dir` + "/" + `name`.
std::string JoinPath(std::string_view dir, std::string_view name);

// The directory that holds `path`; "." for a bare name, "/" for the root itself.
std::string ParentDirectory(std::string_view path);

// Creates `path` and its missing parents and syncs every directory that got a new name.
absl::Status CreateDirectoriesDurably(FileSystem& fs, const std::string& path);

// Replaces `path` durably by `data`: writes `path`.tmp, syncs it, renames it, syncs the directory.
absl::Status WriteFileDurably(FileSystem& fs, const std::string& path, std::string_view data);

// Reads a whole file of at most `limit` bytes; ResourceExhausted if it is larger.
absl::StatusOr<std::string> ReadFile(FileSystem& fs, const std::string& path, size_t limit);

}  // namespace keelson::storage
