// A file that only takes up room, so that deletes and compaction can run on a full disk.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/fs.h"

namespace keelson::storage {

// Any thread, one call at a time for one path. These block.

// Makes the file, or makes it `bytes` long again; durable when it returns. The one function serves
// the first start and the rebuild after a full disk. ResourceExhausted: there is no room for it,
// and then it takes up none.
absl::Status CreateReserve(FileSystem& fs, const std::string& path, uint64_t bytes);

// Gives the room back, durably. OK where there is no such file.
absl::Status ReleaseReserve(FileSystem& fs, const std::string& path);

// Whether the file is there with at least `bytes`.
absl::StatusOr<bool> HasReserve(FileSystem& fs, const std::string& path, uint64_t bytes);

}  // namespace keelson::storage
