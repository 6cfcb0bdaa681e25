// Keeps the unflushed tail of the store short, drops history that nobody can read any more, and
// tells up to where the log may be dropped. All disk work runs on the store lane. Loop thread only.
//
//          a job found no room             BeginReplacing        Replaced (another store)
//   good ---------------------> spent ---------------------> replacing ------------------> good
//                                 ^                              |
//                                 +------------------------------+ ReplacingFailed
//
// A spent store is read, and written no more; the node makes another one of what it has flushed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "raft/types.h"
#include "server/node/seams.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::server {

class StoreKeeper {
 public:
  struct Events {
    // Everything up to `applied` is in RocksDB's files: the log before it may go.
    std::function<void(raft::EntryId applied)> on_flushed;
    // Whether the disk has room for a flush of that many bytes. Else it waits for Retry.
    std::function<bool(uint64_t bytes)> has_room;
    // A job found the disk full: the store is spent.
    std::function<void()> on_spent;
    // The store can't be used any more; the member must stop.
    std::function<void(const absl::Status&)> on_failed;
  };

  // `store` gives the current store; it may change between calls, never while busy().
  StoreKeeper(std::function<storage::MvccStore&()> store, Runner* runner,
              uint64_t flush_after_bytes, bool manual_background, Events events);

  // After each applied slice: starts a flush where the tail is long enough.
  void AfterApply();
  // After a compaction was applied: flushes it, then drops the history below it.
  void AfterCompaction();
  // Flushes whatever is unflushed now, then calls `done` (a flush that was running already does not
  // count).
  void FlushNow(std::function<void()> done);
  // Starts what waited for room.
  void Retry();

  bool spent() const { return spent_; }
  // A write found out that the store is spent, before a job has told.
  void FoundSpent();
  // The node replaces a spent store; until it is done nothing runs here. REQUIRES: free to.
  bool free_to_replace() const { return spent_ && !busy(); }
  void BeginReplacing();
  void ReplacingFailed();
  // Another store has taken the place, after BeginReplacing or without it.
  void Replaced();

  // A job runs on the store, or the store is held.
  bool busy() const { return busy_ || held_; }
  // Calls `task` as soon as not busy() (at once if so).
  void WhenFree(std::function<void()> task);

  // From Hold to LetGo no flush and no other job begins; one that runs goes on.
  void Hold() { held_ = true; }
  void LetGo();

 private:
  void StartFlush();
  void Flushed();
  void Finished(const absl::Status& status);
  void StartNext();
  void RunJob(std::unique_ptr<storage::BackgroundJob> job, std::function<void()> then);

  std::function<storage::MvccStore&()> store_;
  Runner* runner_;
  const uint64_t flush_after_bytes_;
  const bool manual_background_;
  Events events_;
  bool busy_ = false;
  bool held_ = false;  // a batch is open
  bool failed_ = false;
  bool spent_ = false;
  bool replacing_ = false;
  bool drop_wanted_ = false;
  bool flush_wanted_ = false;
  std::vector<std::function<void()>> after_flush_;
  std::vector<std::function<void()>> in_this_flush_;
  std::vector<std::function<void()>> when_free_;
};

}  // namespace keelson::server
