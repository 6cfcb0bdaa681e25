// How far back physical removal may go.
//
// Two things hold history back: the compaction revision in the last flushed state (what a crash
// would bring back) and the compaction revision of the oldest view (what a reader may still ask
// for). The compaction filters remove what lies below the smaller of the two, and only that:
// RocksDB's snapshots do not protect records from its compaction filters.
//
// A flush brings its own compaction revision to the disk in one step with everything else, so of
// the records that it would write, those below that revision (and below any view's) are left out.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "rocksdb/compaction_filter.h"
#include "rocksdb/table_properties.h"

namespace keelson::storage {

// Any thread.
class Retention {
 public:
  // A view that reads from `compact_revision` on begins and ends.
  void AddView(int64_t compact_revision);
  void RemoveView(int64_t compact_revision);

  // Allows removal below `flushed_compact_revision` and below what any view reads; never goes back.
  // Views added later have at least that compaction revision, so they are safe too. Returns the
  // new bound.
  int64_t Advance(int64_t flushed_compact_revision);

  // Before a flush of a state with this compaction revision: what the flush may leave out.
  void BeginFlush(int64_t compact_revision);
  // Undo records in memtables below it are not written to files, nor what those at it replaced.
  int64_t flush_leaves_out_below() const {
    return flush_leaves_out_below_.load(std::memory_order_acquire);
  }

  // Undo records below it, what those at it replaced, and tombstones at or below it may be removed.
  // Grows only.
  int64_t droppable_below() const { return droppable_below_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::map<int64_t, int> views_;  // compaction revision -> how many; under mutex_
  std::atomic<int64_t> droppable_below_{-1};
  std::atomic<int64_t> flush_leaves_out_below_{-1};
};

// Filters that remove dead tombstones from "latest" and dead records from "undo"; the latter also
// in flushes.
std::shared_ptr<rocksdb::CompactionFilterFactory> MakeLatestFilter(
    std::shared_ptr<const Retention> retention);
std::shared_ptr<rocksdb::CompactionFilterFactory> MakeUndoFilter(
    std::shared_ptr<const Retention> retention);

// Notes in each file of "latest" how many tombstones it holds and the oldest of them.
std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> MakeTombstoneCounter();
struct TombstoneCount {
  uint64_t tombstones = 0;
  int64_t oldest = 0;  // revision
};
TombstoneCount ReadTombstoneCount(const rocksdb::TableProperties& properties);

}  // namespace keelson::storage
