// RocksDB's file-system interface over our disk seam, so that RocksDB runs on whatever FileSystem
// the store was given: the faulty one in the simulator, with the same calls in the same order.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "rocksdb/file_system.h"
#include "storage/fs/fs.h"

namespace keelson::storage {

// `fs` is not owned and must outlive the result and every file opened through it. Any thread.
std::shared_ptr<rocksdb::FileSystem> MakeRocksFileSystem(FileSystem* fs);

// NotFound becomes a missing path, ResourceExhausted "no space", everything else an I/O error that
// is not to be retried.
rocksdb::IOStatus ToRocks(const absl::Status& status);

// Damage and I/O errors become DataLoss, a full disk ResourceExhausted. `what` says what was tried.
absl::Status FromRocks(const rocksdb::Status& status, std::string_view what);

}  // namespace keelson::storage
