// The replicated state: all versions of all keys, leases and small meta data, in RocksDB.
//
// RocksDB runs without its own log. What a commit writes is in memory until a flush; after a crash
// the store is as it was at the last finished flush, in full: data, applied index and term,
// compaction revision and Raft configuration always belong together. The Raft log replays the
// rest, so it may be dropped only up to flushed_applied().
//
// Thread rule: one thread (the loop) owns the store and calls everything here. ReadViews, and
// BackgroundJob::Run, may run anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/types.h"
#include "storage/fs/fs.h"
#include "storage/mvcc/apply_batch.h"
#include "storage/mvcc/background_job.h"
#include "storage/mvcc/read_view.h"
#include "storage/mvcc/types.h"

namespace keelson::storage {

struct MvccOptions {
  FileSystem* fs =
      nullptr;      // null: RocksDB's own POSIX environment. Not owned; outlives all views.
  std::string dir;  // created where it is missing
  // True: no thread of RocksDB ever runs; flushes and compactions happen inside BackgroundJob::Run
  // only, in a fixed order (simulator, tests). False: compactions run on RocksDB's own thread.
  bool manual_background = false;
  // Open fails where the directory holds no store instead of creating one.
  bool must_exist = false;
  uint64_t block_cache_bytes = 32 << 20;
  uint64_t recent_bytes = 8 << 20;  // newest versions of lately written keys, for their next put
  uint64_t file_bytes = 64 << 20;   // target size of a table file
  uint64_t block_bytes = 4 << 10;
  uint64_t background_bytes_per_second = 64 << 20;  // rate limit of flush and compaction; 0: none
  int compact_at_l0_files = 4;
  // Buckets of the count index are split above this many keys.
  int64_t count_bucket_keys = 2048;
  // Monotonic time for the time part of SliceBudget; any thread. Empty: only keys and bytes count,
  // so that slices do not depend on the machine.
  std::function<uint64_t()> now_micros;
};

// What admission control needs to know. Cheap; any time.
struct StallRisk {
  int l0_files = 0;             // most of any column family
  int unflushed_memtables = 0;  // switched out and waiting for their flush job
  bool writes_would_stall = false;
};

class MvccStore {
 public:
  // Reads a constant number of keys plus the count index (one small record per thousand keys).
  // Errors: DataLoss (damaged or not ours), FailedPrecondition (a newer format), NotFound.
  static absl::StatusOr<std::unique_ptr<MvccStore>> Open(const MvccOptions& options);
  virtual ~MvccStore() = default;

  // State after the last commit.
  virtual raft::EntryId applied() const = 0;
  virtual int64_t revision() const = 0;
  // -1 in a store that was never compacted (what etcd reports).
  virtual int64_t compact_revision() const = 0;
  // Logical bytes of what is kept: the same on every member, small when empty, falls with
  // compaction.
  virtual int64_t db_size() const = 0;
  virtual int64_t key_count() const = 0;
  // The applied Raft configuration, opaque; empty in a fresh store.
  virtual const std::string& configuration() const = 0;

  // State that a power loss now would leave, read back from RocksDB's files.
  virtual absl::StatusOr<raft::EntryId> flushed_applied() const = 0;
  virtual absl::StatusOr<int64_t> flushed_compact_revision() const = 0;

  // REQUIRES: no other live batch.
  virtual std::unique_ptr<ApplyBatch> NewBatch() = 0;
  // The state after the last commit; the same view until the next one.
  virtual ReadViewPtr View() = 0;

  virtual absl::Status ForEachLease(
      const std::function<void(int64_t id, std::string_view record)>& visit) const = 0;
  virtual absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view name) const = 0;
  // Those whose name begins with `prefix`, ascending by name, the name in full.
  virtual absl::Status ForEachMeta(
      std::string_view prefix,
      const std::function<void(std::string_view name, std::string_view value)>& visit) const = 0;

  // Bytes committed since the last StartFlush; the caller starts a flush at its cap.
  virtual uint64_t unflushed_bytes() const = 0;
  // How much of it a flush now would write at most, but for what describes it: without history
  // that is compacted already, and without versions that were replaced meanwhile. More where a view
  // still reads them.
  virtual uint64_t flush_bytes() const = 0;
  // Switches the memtables now; the job writes them out. Null where nothing is unflushed.
  // REQUIRES: the previous flush job has ended. A failed job spends the store: close it, then open
  // it again once the disk is well.
  virtual absl::StatusOr<std::unique_ptr<BackgroundJob>> StartFlush() = 0;
  // Drops history that no longer counts: below the flushed compaction revision and below what
  // any view can read. Null where there is nothing to drop.
  virtual std::unique_ptr<BackgroundJob> StartDropHistory() = 0;
  // manual_background only: one compaction that RocksDB asked for. Null where none waits.
  virtual std::unique_ptr<BackgroundJob> StartCompaction() = 0;
  // While paused no further compaction begins, RocksDB's own neither: each needs room for its
  // output before it gives any back. What StartDropHistory does goes on.
  virtual void PauseCompactions(bool paused) = 0;
  // Checks files, from where the last job's next() says (0: from the first), until `max_bytes` are
  // read.
  virtual std::unique_ptr<VerifyJob> StartVerify(uint64_t from, uint64_t max_bytes) = 0;
  // Hard-links the flushed files into `dir` (must not exist; same file system). The result's index
  // is what the checkpoint's own meta says.
  virtual std::unique_ptr<BackgroundJob> StartCheckpoint(const std::string& dir) = 0;

  // What compactions that run now read. They may write as much before they give any of it back.
  virtual uint64_t compacting_bytes() const = 0;
  // What the next compaction may read at most: level 0 and the level below it. Walks all files.
  virtual uint64_t next_compaction_bytes() const = 0;

  virtual StallRisk stall_risk() const = 0;
  // Physical bytes on disk, for people.
  virtual uint64_t disk_bytes() const = 0;
  // States that are held for readers: by views, and by what reads from them. For monitoring.
  virtual uint64_t open_views() const = 0;

  // The views stay usable; `released` runs once the last of them is gone and the files are closed
  // (on the thread that drops it). Used when another store takes this one's place.
  static void Retire(std::unique_ptr<MvccStore> store, std::function<void()> released);
};

// What a store directory says of itself, read without opening it for writing (checkpoints,
// inspection). Any thread.
struct StoreSummary {
  raft::EntryId applied;
  int64_t revision = 0;
  int64_t compact_revision = 0;
  std::string configuration;
  int64_t keys = 0;  // that exist
};
absl::StatusOr<StoreSummary> ReadStoreSummary(FileSystem* fs, const std::string& dir);

}  // namespace keelson::storage
