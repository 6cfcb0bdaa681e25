// How many keys exist, by ranges of the key space, so that a count need not read every key.
//
// The key space is cut into buckets of at most a few thousand keys; each knows its first possible
// key and how many keys exist in it. A count adds up the buckets inside the range and reads the
// keys of the two at its ends. Large buckets are split, small neighbours joined. The split point
// is found by reading a few keys after each commit, never all at once. Tombstones weigh as much as
// keys until they may be gone from the disk: reading a bucket means passing them.
//
//   +--------------+----------------+-----------------------+
//   | "" : 1800    | "m" : 2010     | "z" : 3 ... to infinity
//   +--------------+----------------+-----------------------+
//
// The index is written to meta just before the memtables are switched for a flush, so a flushed
// state always holds the counts that belong to it.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/mvcc/rocks_db.h"
#include "storage/mvcc/types.h"

namespace keelson::storage {

// The index at one moment; never changes. Any thread.
struct CountTable {
  std::shared_ptr<const std::vector<std::string>> begins;  // ascending, the first is ""
  std::vector<int64_t> counts;

  // `known` keys plus those in the ranges still to be read (two at most).
  struct Plan {
    int64_t known = 0;
    std::vector<KeyRange> to_read;
  };
  Plan PlanCount(const KeyRange& range) const;
};

// Counts the existing keys of `range` by reading them.
absl::StatusOr<int64_t> CountByReading(const RocksDb& db, const rocksdb::ReadOptions& read,
                                       const KeyRange& range);
absl::StatusOr<int64_t> CountKeys(const RocksDb& db, const rocksdb::ReadOptions& read,
                                  const CountTable& table, const KeyRange& range);

// Loop thread only.
class CountIndex {
 public:
  explicit CountIndex(int64_t bucket_keys);

  // Reads what Save wrote for the state at `applied_index` and `revision`. Where it does not belong
  // to that state, counts all keys anew and notes it in rebuilds().
  absl::Status Load(const RocksDb& db, uint64_t applied_index, int64_t revision);
  // Adds what changed since the last Save to `batch`. Joins small buckets whose tombstones are at
  // or below `droppable_below`.
  void Save(const RocksDb& db, uint64_t applied_index, int64_t droppable_below,
            rocksdb::WriteBatch* batch);

  // At `revision` one key came into being (1) or ceased to exist (-1).
  void Add(std::string_view key, int delta, int64_t revision);
  // Goes on with a split, reading at most `max_keys` keys. REQUIRES: the database holds exactly
  // the keys that were added.
  absl::Status Balance(const RocksDb& db, int64_t max_keys);

  int64_t total() const { return total_; }
  size_t buckets() const { return buckets_.size(); }
  uint64_t rebuilds() const { return rebuilds_; }
  // The same object until the next change.
  std::shared_ptr<const CountTable> Publish();

 private:
  struct Bucket {
    int64_t keys = 0;
    int64_t tombstones = 0;   // made since they were last known to be gone; too many at most
    int64_t last_delete = 0;  // revision
    bool dirty = true;        // not saved since its last change
  };
  struct Split {
    std::string begin;   // of the bucket
    std::string cursor;  // records of the bucket before it are counted
    int64_t keys = 0;    // counted
    int64_t records = 0;
    int64_t wanted = 0;  // records
  };

  size_t BucketOf(std::string_view key) const;
  void SplitAt(std::string_view key);
  void JoinSmall(int64_t droppable_below);
  void Clear();
  absl::Status LoadBuckets(const RocksDb& db, int64_t revision);
  absl::Status Rebuild(const RocksDb& db);
  std::vector<std::string>& MutableBegins();

  const int64_t bucket_keys_;
  std::shared_ptr<std::vector<std::string>> begins_;  // shared with published tables
  std::vector<Bucket> buckets_;                       // one for each of begins_
  std::set<std::string> vanished_;                    // saved buckets that are no more
  int64_t total_ = 0;
  uint64_t rebuilds_ = 0;
  std::unique_ptr<Split> split_;
  std::shared_ptr<const CountTable> published_;
};

}  // namespace keelson::storage
