// The effects of a run of log entries, gathered and then committed as one RocksDB WriteBatch.
//
//        BeginRequest            Put/Delete/...            EndRequest
//   idle ------------> request open ------+------> request open ------------> idle -> Commit
//                          |              AbortRequest (nothing of it remains)  ^
//                          +----------------------------------------------------+
//
// Everything read through the batch sees its own earlier changes, those of the open request too.
// One batch at a time; the store must outlive it. Dropping a batch that wrote nothing leaves the
// store as it was.
//
// Large requests: a limit of work tells them apart before they hold up the loop. Such a request
// gets a batch of its own, which another thread fills and writes:
//
//   NewBatch --HandOver--> requests, Prepare (one other thread) --> Publish (loop)
//
// From HandOver to Publish the store answers from the state before the batch, and starts no flush:
// what Prepare wrote is neither visible nor durable until Publish, and then all of it is.
//
// Thread rule: the loop, and between HandOver and Publish one other thread; never two at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/types.h"
#include "storage/mvcc/types.h"

namespace keelson::storage {

struct PutResult {
  KeyValuePtr prev;  // null where the key did not exist
  KeyValuePtr now;
};

// Whether a call of a batch failed because the request goes beyond the limit of work.
bool IsTooMuchWork(const absl::Status& status);

struct CommitResult {
  std::vector<Change> changes;  // in revision order
  int64_t revision = 0;         // the store's, after the commit
};

class ApplyBatch {
 public:
  virtual ~ApplyBatch() = default;

  virtual void BeginRequest() = 0;
  // Returns the store's revision after the request: one more than before iff it changed a key.
  virtual int64_t EndRequest() = 0;
  // Takes back what the request did, leases and meta blobs included.
  virtual void AbortRequest() = 0;

  // The calls from here on may do that much more work (0: any amount), in units of about a
  // microsecond. Beyond it Get, Range, Count, Put, Delete, DeleteRange and LeaseKeys fail with
  // IsTooMuchWork, and the request must be aborted. No clock is read: what was done before decides.
  virtual void LimitWork(uint64_t units) = 0;
  // Work done since the batch was made, with or without a limit.
  virtual uint64_t work() const = 0;

  // The revision before the open request, plus one once the request has changed a key: what an
  // inner response of a transaction states.
  virtual int64_t revision() const = 0;
  virtual int64_t compact_revision() const = 0;
  // Logical bytes kept, the batch included.
  virtual int64_t db_size() const = 0;

  // Null where the key does not exist. `at` <= 0: now. OutOfRange like ReadView.
  virtual absl::StatusOr<KeyValuePtr> Get(std::string_view key, int64_t at = 0) = 0;
  // Ascending; at most `limit` keys (0: all).
  virtual absl::StatusOr<std::vector<KeyValuePtr>> Range(const KeyRange& range, int64_t at = 0,
                                                         uint64_t limit = 0) = 0;
  virtual absl::StatusOr<int64_t> Count(const KeyRange& range, int64_t at = 0) = 0;

  // REQUIRES: an open request; key not empty. Errors are DataLoss only.
  virtual absl::StatusOr<PutResult> Put(std::string_view key, std::string_view value,
                                        int64_t lease) = 0;
  // The removed version, null where there was none.
  virtual absl::StatusOr<KeyValuePtr> Delete(std::string_view key) = 0;
  // Removes every key of the range; returns the removed versions in key order.
  virtual absl::StatusOr<std::vector<KeyValuePtr>> DeleteRange(const KeyRange& range) = 0;

  // History below `revision` is gone for every later read, at once. Physical removal is a
  // background matter. REQUIRES: compact_revision() < revision <= revision(), no change in the
  // open request.
  virtual absl::Status SetCompactRevision(int64_t revision) = 0;

  // The store's revision rises by `revisions`, none of which changed anything, and all history up
  // to there counts as compacted: for a store that takes the place of one that had gone further.
  // REQUIRES: no request, revisions > 0.
  virtual void SkipRevisions(int64_t revisions) = 0;

  // Lease records are opaque. Attachments follow from Put and Delete; DeleteLease does not touch
  // them: delete LeaseKeys(id) first.
  virtual void PutLease(int64_t id, std::string_view record) = 0;
  virtual void DeleteLease(int64_t id) = 0;
  virtual absl::StatusOr<std::optional<std::string>> GetLease(int64_t id) = 0;
  // The keys attached to a lease, ascending.
  virtual absl::StatusOr<std::vector<std::string>> LeaseKeys(int64_t id) = 0;

  // Small named blobs (alarms, members, cluster version...).
  virtual void PutMeta(std::string_view name, std::string_view value) = 0;
  virtual void DeleteMeta(std::string_view name) = 0;
  virtual absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view name) = 0;

  // Another thread goes on with the batch from here. REQUIRES: nothing was done with it yet. Loop
  // thread.
  virtual void HandOver() = 0;

  // First half of a commit: writes everything at once, together with `applied` and, where it
  // changed, the applied Raft configuration (opaque).
  // REQUIRES: no open request; applied.index >= the store's applied().index.
  // Errors: DataLoss or ResourceExhausted; the store must then be closed and opened again. The same
  // holds for a batch that is dropped between Prepare and Publish.
  virtual absl::Status Prepare(raft::EntryId applied, std::optional<std::string> configuration) = 0;
  // Second half, on the loop: what was written is the store's state. The batch is spent.
  // REQUIRES: Prepare returned OK.
  virtual CommitResult Publish() = 0;

  // Both.
  absl::StatusOr<CommitResult> Commit(raft::EntryId applied,
                                      std::optional<std::string> configuration = {}) {
    if (auto status = Prepare(applied, std::move(configuration)); !status.ok()) return status;
    return Publish();
  }
};

}  // namespace keelson::storage
