// The store's disk work, each piece a BackgroundJob. They keep the database open by themselves.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "storage/mvcc/background_job.h"
#include "storage/mvcc/rocks_db.h"

namespace keelson::storage {

// Writes out the memtables that were switched before. The flushed state must then have reached
// `applied_index`.
std::unique_ptr<BackgroundJob> MakeFlushJob(std::shared_ptr<RocksDb> db, uint64_t applied_index);

// Removes files of "undo" that lie wholly below the bound, and rewrites files of "latest" of which
// tombstones that the bound covers make up a large part.
std::unique_ptr<BackgroundJob> MakeDropHistoryJob(std::shared_ptr<RocksDb> db, int64_t bound);

// Of the files from number `from` on, until `max_bytes` are read; at least one.
std::unique_ptr<VerifyJob> MakeVerifyJob(std::shared_ptr<RocksDb> db, uint64_t from,
                                         uint64_t max_bytes);

std::unique_ptr<BackgroundJob> MakeCompactionJob(std::shared_ptr<RocksDb> db);
std::unique_ptr<BackgroundJob> MakeCheckpointJob(std::shared_ptr<RocksDb> db, std::string dir);

}  // namespace keelson::storage
