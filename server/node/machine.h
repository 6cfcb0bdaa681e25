// The state machine of one member: the store, the facts beside it, and the queue of committed
// entries on their way into it.
//
// Entries are applied in slices, each slice as one write to the store, so that no turn of the loop
// takes long. An entry that alone would take too long (a delete of many keys, a transaction with
// large ranges, the end of a lease with many keys) is applied on another thread, alone:
//
//   ApplySlice -----------> slice applied, the next entry fits too
//       |  next is large
//       v
//   front_is_large --StartLarge--> job runs elsewhere --FinishLarge--> slice with this one entry
//                                      \--DropLarge: another store takes the place of this one
//
// Meanwhile the store answers from the state before the entry, and nothing else is applied. Loop
// thread only, but for the job.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
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
#include "server/node/seams.h"
#include "server/node/slice_limits.h"
#include "storage/mvcc/apply_batch.h"
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
    raft::Index index;
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
  Duration commit_took{};  // of the write to the store
};

class Machine {
 public:
  // Applies entries of `self` for their waiting clients. `reads`: the newest log entries that this
  // member reads. `clock` (may be null) outlives the machine.
  Machine(std::unique_ptr<storage::MvccStore> store, Origin self, uint32_t reads = kEntryVersion,
          const Loop* clock = nullptr, const RequestLimits& requests = {});
  ~Machine();

  // Reads the facts that the store holds. Unimplemented: a newer version wrote them. REQUIRES:
  // called once before anything is applied.
  absl::Status Load();

  // REQUIRES: contiguous, after what is applied or queued.
  void Enqueue(std::vector<raft::Entry> entries);

  // Something is queued that can be applied now.
  bool has_work() const { return !queue_.empty() && large_ == nullptr; }
  size_t backlog() const { return queue_.size(); }

  // Applies queued entries up to the first limit and commits them to the store. A slice without
  // entries: the next one is large. REQUIRES: has_work(), and that is not known yet.
  // On an error nothing leaves the queue, and the facts may be ahead of the store: only another
  // machine can go on from what the store has flushed. ResourceExhausted: the disk is full. Other
  // errors stop the member; Unimplemented: a newer version wrote the entry.
  absl::StatusOr<AppliedSlice> ApplySlice(const SliceLimits& limits);

  // The next entry is large; its turn comes with StartLarge.
  bool front_is_large() const { return front_is_large_; }
  // Begins with it. The job is run once, on any thread, while the machine lives. The store must not
  // be flushed until the end. REQUIRES: front_is_large().
  std::function<void()> StartLarge();
  bool large_runs() const { return large_ != nullptr; }
  // REQUIRES: the job has run. Errors as from ApplySlice.
  absl::StatusOr<AppliedSlice> FinishLarge();
  // REQUIRES: the job has run. The store is spent: the next call is Replace.
  void DropLarge();

  // Takes what is queued out, for a machine that goes on in this one's place.
  std::vector<raft::Entry> TakeQueue();
  std::unique_ptr<storage::MvccStore> TakeStore() { return std::move(store_); }

  // Puts another store in place of the current one (an installed snapshot) and drops the queue.
  // Returns the old store. Errors as from Load.
  absl::StatusOr<std::unique_ptr<storage::MvccStore>> Replace(
      std::unique_ptr<storage::MvccStore> store);

  storage::MvccStore& store() { return *store_; }
  const storage::MvccStore& store() const { return *store_; }
  const ClusterFacts& facts() const { return facts_; }
  // While a large entry runs: as it was before it.
  uint64_t request_position() const { return request_position_; }
  raft::Index applied() const { return store_->applied().index; }

 private:
  // False: the entry is too large for the batch's limit of work, and nothing has happened.
  absl::StatusOr<bool> ApplyEntry(const raft::Entry& entry, storage::ApplyBatch& batch,
                                  AppliedSlice* slice, std::optional<std::string>* configuration);

  std::unique_ptr<storage::MvccStore> store_;
  const Origin self_;
  const uint32_t reads_;
  const Loop* const clock_;
  ClusterFacts facts_;
  RequestTable requests_;
  uint64_t request_position_ = 0;  // of what is committed to the store
  Applier applier_;
  std::deque<raft::Entry> queue_;  // an entry leaves it once it is committed to the store
  bool front_is_large_ = false;

  uint64_t Micros() const { return clock_ == nullptr ? 0 : clock_->LiveMicros(); }

  struct Large;
  void RunLarge(const raft::Entry& entry, Large* large);
  void Conclude(storage::CommitResult committed, AppliedSlice* slice);
  std::unique_ptr<Large> large_;  // goes before the store
};

// The stored form of an applied configuration: the index at which it was appended and its bytes.
std::string EncodeAppliedConfiguration(raft::Index index, std::string_view configuration);
struct AppliedConfiguration {
  raft::Index index;
  std::string_view configuration;
};
absl::StatusOr<AppliedConfiguration> DecodeAppliedConfiguration(std::string_view stored);

}  // namespace keelson::server
