// The part of Wal that opens a log: recovery, then a new segment with the first group of this life.
#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/wal/wal.h"

namespace keelson::storage {

using raft::EntryId;
using raft::Index;

namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kLeastSegmentBytes = 16 << 10;

bool EndsWith(std::string_view name, std::string_view suffix) {
  return name.size() >= suffix.size() && name.substr(name.size() - suffix.size()) == suffix;
}

}  // namespace

Wal::Wal(FileSystem* fs, std::string dir, WalOptions options)
    : fs_(fs), dir_(std::move(dir)), options_(std::move(options)) {}

Wal::~Wal() = default;

absl::StatusOr<std::unique_ptr<Wal>> Wal::Open(FileSystem* fs, std::string dir, WalOptions options,
                                               WalRecovery* recovery) {
  KEELSON_CHECK(fs != nullptr && recovery != nullptr, "a log needs a disk, and says what it found");
  KEELSON_CHECK(options.random != nullptr, "salts need a source of random numbers");
  KEELSON_CHECK(
      options.segment_bytes >= kLeastSegmentBytes && options.segment_bytes % kPageBytes == 0 &&
          options.on_demand_bytes >= 2 * kPageBytes && options.on_demand_bytes % kPageBytes == 0,
      "segments are whole pages with room for groups");
  std::unique_ptr<Wal> wal(new Wal(fs, std::move(dir), std::move(options)));
  *recovery = WalRecovery();
  absl::Status status = wal->Recover(recovery);
  if (!status.ok()) return status;
  return wal;
}

// Also removes segments that were never finished.
absl::StatusOr<std::vector<std::string>> Wal::SegmentNames() {
  auto names = fs_->List(dir_);
  if (!names.ok()) return names.status();
  std::vector<std::string> segments;
  for (const std::string& name : *names) {
    uint64_t sequence = 0;
    if (ParseSegmentFileName(name, &sequence)) {
      segments.push_back(name);
    } else if (EndsWith(name, kUnfinishedSuffix)) {
      absl::Status status = fs_->Remove(JoinPath(dir_, name));
      if (!status.ok()) return status;
    }
  }
  // Also makes durable what a killed process renamed last.
  absl::Status status = fs_->SyncDirectory(dir_);
  if (!status.ok()) return status;
  return segments;
}

absl::Status Wal::Recover(WalRecovery* recovery) {
  absl::Status status = CreateDirectoriesDurably(*fs_, dir_);
  if (!status.ok()) return status;
  auto names = SegmentNames();
  if (!names.ok()) return names.status();
  auto commit = CommitFile::Open(fs_, dir_, options_.identity, names->empty(), &recovery->notes);
  if (!commit.ok()) return commit.status();
  commit_file_ = std::move(*commit);

  SegmentPlan plan;
  plan.fs = fs_;
  plan.dir = dir_;
  plan.identity = options_.identity;
  plan.method = options_.method;
  DurableEvidence evidence{commit_file_->durable(), absl::StrCat("'", commit_file_->path(), "'")};
  auto log = RecoverLog(plan, *names, std::move(evidence), &recovery->notes);
  if (!log.ok()) return log.status();

  index_ = log->index;
  terms_ = log->index.terms();
  hard_ = log->hard;
  hard_.commit = std::max({hard_.commit, commit_file_->commit(), base().index});
  hard_.commit = std::min(hard_.commit, index_.last());
  segments_.assign(log->segments.begin(), log->segments.end());
  next_sequence_ = log->highest_sequence + 1;
  next_group_ = std::max(log->highest_group, commit_file_->durable()) + 1;
  status = BeginNewSegment(*log);
  if (!status.ok()) return status;

  for (std::shared_ptr<Segment>& segment : log->unused) Retire(std::move(segment));
  Release(Index());
  recovery->is_new = log->groups == 0;
  recovery->hard_state = hard_;
  recovery->base = base();
  recovery->last = last();
  recovery->snapshot_marker = log->snapshot_marker;
  recovery->cut_torn_tail = log->cut_torn_tail;
  recovery->commit_may_be_behind = commit_file_->may_be_behind();
  return absl::OkStatus();
}

// What the unproven group `group` brought, to be written again.
absl::StatusOr<PendingGroup> Wal::Repetition(const GroupFrame& group) {
  PendingGroup again;
  again.resets_log = group.resets_log;
  again.prev = group.prev;
  Index next = group.prev.index.Next();
  while (group.entries > again.entries.size()) {
    auto entries = Read(next, index_.last().Next(), kMaxGroupBytes);
    if (!entries.ok()) return entries.status();
    for (raft::Entry& entry : *entries) again.entries.push_back(std::move(entry));
    next = again.entries.back().index.Next();
  }
  KEELSON_CHECK(again.entries.size() == group.entries, "the last group ends with the last entry");
  return again;
}

absl::Status Wal::BeginNewSegment(const RecoveredLog& log) {
  PendingGroup first;
  follows_ = log.last_group.number;
  durable_group_ = log.last_group.number;
  if (!log.last_is_proven) {
    auto again = Repetition(log.last_group);
    if (!again.ok()) return again.status();
    first = std::move(*again);
    follows_ = log.last_group.follows;
    durable_group_ = log.last_group.follows;
  }
  std::unique_ptr<WalWrite> job = MakeWrite(std::move(first));
  PlaceWrite(job.get(), true);
  absl::Status run = job->Run();
  absl::Status done = WriteDone(std::move(job));
  return run.ok() ? done : run;
}

}  // namespace keelson::storage
