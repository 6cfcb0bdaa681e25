// The checksum of a whole file, read in pieces.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "storage/fs/fs.h"

namespace keelson::storage {

struct FileSum {
  uint64_t size = 0;
  uint32_t crc32c = 0;
};

// Blocking; any thread. Errors of the file system.
absl::StatusOr<FileSum> SumFile(FileSystem* fs, const std::string& path);

}  // namespace keelson::storage
