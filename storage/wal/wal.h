// The write-ahead log: raft entries, hard state and snapshot markers, durable in segment files.
// Bytes, recovery table and invariants: README.md.
//
//   loop: Append(batch) ... ; job = TakeWrite() -> runner: job->Run() -> loop: WriteDone(job)
//         after it and after Release: upkeep = TakeUpkeep() -> runner -> UpkeepDone(upkeep)
//
// Everything here runs on the loop's thread; Run() of the jobs runs anywhere.
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
#include "raft/log_reader.h"
#include "raft/ready.h"
#include "storage/fs/fs.h"
#include "storage/wal/commit_file.h"
#include "storage/wal/log_index.h"
#include "storage/wal/pending_group.h"
#include "storage/wal/recovery.h"
#include "storage/wal/segment_reader.h"
#include "storage/wal/wal_upkeep.h"
#include "storage/wal/wal_write.h"

namespace keelson::storage {

struct WalOptions {
  WalIdentity identity;
  // Of a full-size segment file. At least 16 KiB, a multiple of 4096.
  uint64_t segment_bytes = 64 << 20;
  // Of a segment that is made because none is ready (also at every start). Multiple of 4096.
  uint64_t on_demand_bytes = 4 << 20;
  // How many full-size segments are kept ready.
  size_t ready_segments = 2;
  SyncMethod method = SyncMethod::kFdatasync;
  // 64 uniform random bits; salts of segments. REQUIRES: set.
  std::function<uint64_t()> random;
};

// What Open found.
struct WalRecovery {
  bool is_new = false;  // there was no log
  // Commit: the larger of log and side file, never above the last entry. Zeros in a new log.
  raft::HardState hard_state;
  raft::EntryId base;  // the entry before the first one kept
  raft::EntryId last;  // equal to base when the log is empty
  // The last snapshot that replaced the log, if its marker is still there.
  std::optional<raft::EntryId> snapshot_marker;
  bool cut_torn_tail = false;  // a write that power loss tore was dropped; it was never acked
  bool commit_may_be_behind = false;  // the commit file was missing or damaged
  std::vector<std::string> notes;     // for the operator's log
};

struct WalStats {
  uint64_t groups = 0;  // written since Open
  uint64_t bytes = 0;   // of them, with padding
  uint64_t segments_made_on_demand = 0;
  size_t segments = 0;  // of the log
  size_t ready = 0;     // spares
  size_t released = 0;  // waiting for upkeep
  size_t marks = 0;     // entries of the in-memory index
};

class Wal : public raft::LogReader {
 public:
  // Blocks. Recovers the log in `dir` (made if missing), repeats what wasn't proven durable, begins
  // a new segment; what it reports is durable. `fs` must outlive the Wal. Errors:
  //   DataLoss            damage that is no torn write, a file missing, a failing disk
  //   FailedPrecondition  another member's or cluster's files, or a later format
  //   ResourceExhausted   no room for a new segment: release the reserve file and try again
  static absl::StatusOr<std::unique_ptr<Wal>> Open(FileSystem* fs, std::string dir,
                                                   WalOptions options, WalRecovery* recovery);
  // Drops jobs that were not given back; what they wrote may or may not be found later.
  ~Wal() override;

  // Takes a batch in; no I/O. REQUIRES: batches come in the order of seq; entries follow or replace
  // the log's; term, vote and commit don't go back.
  void Append(raft::PersistBatch batch);
  // The log is replaced by the snapshot that ends at `snapshot`: base and last entry become it. No
  // I/O; durable when the next TakeWrite's job is. REQUIRES: the snapshot is durable itself.
  void SaveSnapshotMarker(raft::EntryId snapshot, const raft::HardState& hard_state);

  // Everything appended since the last one as one job; null while one is out, after a failure, and
  // when nothing but a commit index is waiting (it rides with the next job, see WriteCommit).
  std::unique_ptr<WalWrite> TakeWrite();
  // Publishes what the job made durable. REQUIRES: the job of the last TakeWrite, after Run().
  // ResourceExhausted: the disk was full, the job's content waits for the next TakeWrite. Other
  // errors are final, see status().
  absl::Status WriteDone(std::unique_ptr<WalWrite> job);

  // All batches up to this seq are complete (raft::PersistBatch::must_sync), to be passed to
  // Core::Persisted. A batch with nothing but a commit index is complete with the one before it.
  uint64_t complete_seq() const { return complete_seq_; }

  // Writes, without a sync, how far readers of this member may have seen: to be called before an
  // answer leaves that depends on `commit`. What the durable log does not hold yet is left out;
  // nothing that readers saw can depend on it. Does nothing when the file says so already.
  absl::Status WriteCommit(raft::Index commit);

  // raft::LogReader, by pread of what is mostly in the page cache, every byte verified. Also
  // Unavailable for entries that aren't durable yet; FailedPrecondition for an unknown entry type.
  absl::StatusOr<std::vector<raft::Entry>> Read(raft::Index lo, raft::Index hi,
                                                size_t max_bytes) override;
  absl::StatusOr<raft::Term> TermAt(raft::Index index) override;

  // Entries up to `index` are no longer needed: segments that hold nothing else leave the log. The
  // base moves to the end of the last one. REQUIRES: `index` is applied and the state that holds it
  // is durable without the log.
  void Release(raft::Index index);

  // The last entry that has to go so that the log's segments hold at most `bytes` on disk, for
  // Release: whole segments, never the one that is written to; none while the log is smaller.
  raft::Index LastBeyond(uint64_t bytes) const;

  // Whether upkeep may take room on the disk for new segments, or only what segments have already.
  enum class Growth { kAllowed, kNone };
  // What is to be done to keep segments ready; null when nothing is, or while one is out.
  std::unique_ptr<WalUpkeep> TakeUpkeep(Growth growth = Growth::kAllowed);
  // ResourceExhausted: try again when there is space. Other errors are final, see status().
  absl::Status UpkeepDone(std::unique_ptr<WalUpkeep> job);

  // Not OK after a failed write or sync: the member must stop. It names the file.
  const absl::Status& status() const { return status_; }
  // The last write found no space and is waiting.
  bool is_full() const { return full_; }

  raft::EntryId base() const { return index_.terms().base(); }
  raft::Index durable_last() const { return index_.last(); }
  raft::EntryId last() const { return terms_.last_id(); }  // with what is still to be written
  WalStats stats() const;

 private:
  Wal(FileSystem* fs, std::string dir, WalOptions options);

  absl::Status Recover(WalRecovery* recovery);
  absl::StatusOr<std::vector<std::string>> SegmentNames();
  absl::StatusOr<PendingGroup> Repetition(const GroupFrame& group);
  absl::Status BeginNewSegment(const RecoveredLog& log);
  SegmentPlan PlanSegment(uint64_t file_bytes);
  std::unique_ptr<WalWrite> MakeWrite(PendingGroup group);
  void PlaceWrite(WalWrite* job, bool new_segment);
  void Publish(const WalWrite& job);
  void Retire(std::shared_ptr<Segment> segment);
  void SetHardState(const raft::HardState& hard_state);
  raft::Index SafeLast() const;
  std::shared_ptr<Segment> FindSegment(uint64_t sequence) const;
  absl::Status ReadRun(SegmentReader& reader, const Segment& segment, const EntryMark& mark,
                       raft::Index from, raft::Index limit, size_t max_bytes, size_t* cost,
                       std::vector<raft::Entry>* out) const;
  absl::Status Fail(absl::Status status);

  FileSystem* const fs_;
  const std::string dir_;
  const WalOptions options_;
  std::unique_ptr<CommitFile> commit_file_;
  absl::Status status_;
  bool full_ = false;

  // What is durable.
  LogIndex index_;
  std::deque<std::shared_ptr<Segment>> segments_;  // of the log, oldest first; back() is written to
  uint64_t write_offset_ = 0;                      // in segments_.back()
  uint64_t durable_group_ = 0;

  // What was appended, durable or not.
  TermRuns terms_;
  raft::HardState hard_;
  PendingGroup pending_;
  bool write_out_ = false;
  raft::Index write_out_first_;  // of the job's entries; none = it has none
  bool write_out_resets_ = false;
  uint64_t next_group_ = 1;
  uint64_t follows_ = 0;
  uint64_t complete_seq_ = 0;
  uint64_t last_seq_ = 0;

  // Segments outside of the log.
  std::deque<std::shared_ptr<Segment>> ready_;
  std::deque<std::shared_ptr<Segment>> released_;
  bool upkeep_out_ = false;
  uint64_t next_sequence_ = 1;
  WalStats counted_;
};

}  // namespace keelson::storage
