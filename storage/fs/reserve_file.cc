#include "storage/fs/reserve_file.h"

#include <memory>

#include "base/check.h"

namespace keelson::storage {

absl::StatusOr<bool> HasReserve(FileSystem& fs, const std::string& path, uint64_t bytes) {
  auto file = fs.Open(path, OpenMode::kReadOnly);
  if (absl::IsNotFound(file.status())) return false;
  if (!file.ok()) return file.status();
  absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  return *size >= bytes;
}

absl::Status CreateReserve(FileSystem& fs, const std::string& path, uint64_t bytes) {
  KEELSON_CHECK(bytes > 0, "a reserve takes up room");
  absl::StatusOr<bool> there = HasReserve(fs, path, bytes);
  if (!there.ok()) return there.status();
  if (*there) return absl::OkStatus();
  auto file = fs.Open(path, OpenMode::kCreateOrOpen);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Allocate(bytes);
  if (status.ok()) status = (*file)->Sync();
  if (status.ok()) return fs.SyncDirectory(ParentDirectory(path));
  file->reset();
  if (absl::IsResourceExhausted(status)) {
    absl::Status released = ReleaseReserve(fs, path);
    if (!released.ok()) return released;
  }
  return status;
}

absl::Status ReleaseReserve(FileSystem& fs, const std::string& path) {
  absl::Status status = fs.Remove(path);
  if (absl::IsNotFound(status)) return absl::OkStatus();
  return status.ok() ? fs.SyncDirectory(ParentDirectory(path)) : status;
}

}  // namespace keelson::storage
