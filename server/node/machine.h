// The state machine of one member: the store, the facts beside it, and the queue of committed
// entries on their way into it.
//
// Entries are applied in slices, each slice as one write to the store, so that no turn of the loop
// takes long. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/entry.h"
#include "raft/types.h"
#include "server/apply/applier.h"
#include "server/apply/cluster_facts.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

// Who proposed an entry: a member and its boot.
struct Origin {
  uint64_t member = 0;
  uint64_t boot = 0;
};

// What one slice did. Everything here may be told to clients once the commit index was written.
struct AppliedSlice {
  struct Answer {
    uint64_t sequence = 0;
    ApplyResult result;
  };
  raft::Index last;                        // applied up to here
  std::vector<raft::EntryId> ids;          // the entries, in order
  std::vector<Answer> answers;             // to proposals of this member and boot, in order
  std::vector<storage::Change> changes;    // of keys, in order
  std::vector<LeaseChange> lease_changes;  // in order
  int64_t revision = 0;
  std::optional<int64_t> compacted;  // the new compaction revision
  bool facts_changed = false;        // alarms, member attributes, cluster version
  bool configuration_applied = false;
};

class Machine {
 public:
  // Applies entries of `self` for their waiting clients.
  Machine(std::unique_ptr<storage::MvccStore> store, Origin self);

  // Reads the facts that the store holds. REQUIRES: called once before anything is applied.
  absl::Status Load();

  // REQUIRES: contiguous, after what is applied or queued.
  void Enqueue(std::vector<raft::Entry> entries);

  bool has_work() const { return !queue_.empty(); }
  size_t backlog() const { return queue_.size(); }

  // Applies queued entries up to either limit (at least one) and commits them to the store.
  // Errors stop the member: the store is unusable.
  absl::StatusOr<AppliedSlice> ApplySlice(size_t max_entries, size_t max_bytes);

  // Puts another store in place of the current one (an installed snapshot) and drops the queue.
  // Returns the old store.
  absl::StatusOr<std::unique_ptr<storage::MvccStore>> Replace(
      std::unique_ptr<storage::MvccStore> store);

  storage::MvccStore& store() { return *store_; }
  const storage::MvccStore& store() const { return *store_; }
  const ClusterFacts& facts() const { return facts_; }
  raft::Index applied() const { return store_->applied().index; }

 private:
  absl::Status ApplyEntry(const raft::Entry& entry, storage::ApplyBatch& batch, AppliedSlice* slice,
                          std::optional<std::string>* configuration);

  std::unique_ptr<storage::MvccStore> store_;
  const Origin self_;
  ClusterFacts facts_;
  Applier applier_;
  std::deque<raft::Entry> queue_;
};

// The stored form of an applied configuration: the index at which it was appended and its bytes.
std::string EncodeAppliedConfiguration(raft::Index index, std::string_view configuration);
struct AppliedConfiguration {
  raft::Index index;
  std::string_view configuration;
};
absl::StatusOr<AppliedConfiguration> DecodeAppliedConfiguration(std::string_view stored);

}  // namespace keelson::server
