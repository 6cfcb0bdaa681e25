// Reads and decodes records of one state of the database. Any thread; see ReadView for errors.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "storage/mvcc/codec.h"
#include "storage/mvcc/rocks_db.h"
#include "storage/mvcc/version.h"

namespace keelson::storage {

class RecordReader : public UndoSource {
 public:
  // `snapshot` null: the newest state. Neither is owned.
  RecordReader(const RocksDb* db, const rocksdb::Snapshot* snapshot) : db_(db) {
    read_.snapshot = snapshot;
  }

  // The newest version of `key`, a tombstone or null too.
  absl::StatusOr<VersionPtr> ReadLatest(std::string_view key) const;
  absl::StatusOr<VersionPtr> ReadUndo(Revision superseded_by, std::string_view key) override;

  // An iterator over [begin, end) of a family; `upper_bound` must outlive it. Bulk reads leave the
  // block cache to others.
  std::unique_ptr<rocksdb::Iterator> Iterate(Family family, const rocksdb::Slice* upper_bound,
                                             bool bulk) const;

  // One that gives up (status Incomplete) rather than pass over more than a few deleted records:
  // for many short reads, which need no end then.
  std::unique_ptr<rocksdb::Iterator> IterateShort(Family family) const;

  absl::Status Damaged(std::string_view what) const;
  const RocksDb& db() const { return *db_; }
  const rocksdb::ReadOptions& read_options() const { return read_; }

 private:
  const RocksDb* const db_;
  rocksdb::ReadOptions read_;
};

}  // namespace keelson::storage
