// The effects of a run of log entries, gathered and then committed as one RocksDB WriteBatch.
//
//        BeginRequest            Put/Delete/...            EndRequest
//   idle ------------> request open ------+------> request open ------------> idle -> Commit
//                          |              AbortRequest (nothing of it remains)  ^
//                          +----------------------------------------------------+
//
// Everything read through the batch sees its own earlier changes, those of the open request too.
// Loop thread only; one batch at a time; the store must outlive it. Dropping a batch without Commit
// leaves the store as it was.
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
#include "storage/mvcc/types.h"

namespace keelson::storage {

struct PutResult {
  KeyValuePtr prev;  // null where the key did not exist
  KeyValuePtr now;
};

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

  // Writes everything at once, together with `applied` and, where it changed, the applied Raft
  // configuration (opaque). The batch is spent afterwards.
  // REQUIRES: no open request; applied.index >= the store's applied().index.
  // Errors: DataLoss or ResourceExhausted; the store must then be closed and opened again.
  virtual absl::StatusOr<CommitResult> Commit(raft::EntryId applied,
                                              std::optional<std::string> configuration = {}) = 0;
};

}  // namespace keelson::storage
