// What the store and its batch share. Loop thread; while a batch is handed over, `counts` and
// `recent` belong to the batch's thread.
#pragma once

#include <memory>
#include <string>

#include "storage/mvcc/codec.h"
#include "storage/mvcc/count_index.h"
#include "storage/mvcc/recent_versions.h"
#include "storage/mvcc/rocks_db.h"

namespace keelson::storage {

class ViewState;

struct StoreCore {
  explicit StoreCore(std::shared_ptr<RocksDb> database)
      : db(std::move(database)),
        counts(db->options().count_bucket_keys),
        recent(db->options().recent_bytes) {}

  const std::shared_ptr<RocksDb> db;
  StoreState state;  // after the last commit
  CountIndex counts;
  RecentVersions recent;
  int64_t key_count = 0;
  std::string configuration;
  uint64_t unflushed_bytes = 0;
  uint64_t undo_bytes_at_flush = 0;       // state.undo_bytes when the last flush began
  int64_t revision_at_flush = 0;          // state.revision when the last flush began
  uint64_t superseded_bytes = 0;          // of unflushed_bytes: versions that later ones hide
  std::shared_ptr<const ViewState> view;  // of `state`; null after a commit
  bool batch_open = false;
  // Another thread writes, or has written what is never published: only `view` may be read.
  bool handed_over = false;
};

}  // namespace keelson::storage
