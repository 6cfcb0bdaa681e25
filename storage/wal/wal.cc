#include "storage/wal/wal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::storage {

using raft::EntryId;
using raft::HardState;
using raft::Index;

void Wal::SetHardState(const HardState& hard_state) {
  KEELSON_CHECK(hard_state.term >= hard_.term, "a term never goes back");
  KEELSON_CHECK(hard_state.commit >= hard_.commit, "a commit index never goes back");
  KEELSON_CHECK(
      hard_state.term > hard_.term || hard_.vote.IsNone() || hard_state.vote == hard_.vote,
      "a member votes once in a term");
  hard_ = hard_state;
}

void Wal::Append(raft::PersistBatch batch) {
  KEELSON_CHECK(batch.seq > last_seq_, "batches come in order");
  last_seq_ = batch.seq;
  PendingGroup group;
  group.last_seq = batch.seq;
  group.needs_write = batch.must_sync || !batch.entries.empty();
  if (batch.hard_state.has_value()) {
    group.needs_write = group.needs_write || batch.hard_state->term != hard_.term ||
                        batch.hard_state->vote != hard_.vote;
    SetHardState(*batch.hard_state);
  }
  if (!batch.entries.empty()) {
    const Index first = batch.entries.front().index;
    KEELSON_CHECK(!first.IsNone() && terms_.Covers(first.Prev()), "entries follow the log");
    group.prev = {terms_.At(first.Prev()), first.Prev()};
    terms_.TruncateTo(first.Prev());
    for (const raft::Entry& entry : batch.entries) terms_.Append(entry.id());
    group.entries = std::move(batch.entries);
  }
  pending_.Absorb(std::move(group));
  if (!write_out_ && !pending_.needs_write) complete_seq_ = pending_.last_seq;
}

void Wal::SaveSnapshotMarker(EntryId snapshot, const HardState& hard_state) {
  KEELSON_CHECK(!snapshot.index.IsNone(), "a snapshot ends with an entry");
  SetHardState(hard_state);
  PendingGroup group;
  group.resets_log = true;
  group.needs_write = true;
  group.prev = snapshot;
  terms_.Reset(snapshot);
  pending_.Absorb(std::move(group));
}

SegmentPlan Wal::PlanSegment(uint64_t file_bytes) {
  SegmentPlan plan;
  plan.fs = fs_;
  plan.dir = dir_;
  plan.identity = options_.identity;
  plan.method = options_.method;
  plan.sequence = next_sequence_++;
  plan.salt = options_.random();
  plan.file_bytes = file_bytes;
  return plan;
}

std::unique_ptr<WalWrite> Wal::MakeWrite(PendingGroup group) {
  KEELSON_CHECK(!write_out_, "one group is in flight at a time");
  if (!group.resets_log && group.entries.empty()) group.prev = terms_.last_id();
  GroupFrame frame;
  frame.number = next_group_++;
  frame.follows = follows_;
  frame.durable = durable_group_;
  frame.hard = hard_;
  frame.prev = group.prev;
  frame.resets_log = group.resets_log;
  frame.entries = static_cast<uint32_t>(group.entries.size());
  frame.bytes = static_cast<uint32_t>(GroupBytes(group.entries));
  write_out_ = true;
  write_out_first_ = group.HasEntries() ? group.entries.front().index : Index();
  write_out_resets_ = group.resets_log;
  return std::unique_ptr<WalWrite>(new WalWrite(frame, std::move(group)));
}

void Wal::PlaceWrite(WalWrite* job, bool new_segment) {
  const uint64_t bytes = job->bytes();
  if (!new_segment && write_offset_ + bytes <= segments_.back()->header.area_end()) {
    job->segment_ = segments_.back();
    job->offset_ = write_offset_;
    return;
  }
  if (!ready_.empty() && kAreaOffset + bytes <= ready_.front()->header.area_end()) {
    job->segment_ = std::move(ready_.front());
    ready_.pop_front();
    return;
  }
  constexpr uint64_t kPage = 4096;
  const uint64_t needed = (kAreaOffset + bytes + kPage - 1) / kPage * kPage;
  job->plan_ = PlanSegment(std::max(needed, options_.on_demand_bytes));
  job->zeroed_bytes_ = options_.on_demand_bytes;
}

std::unique_ptr<WalWrite> Wal::TakeWrite() {
  if (write_out_ || !status_.ok() || !pending_.needs_write) return nullptr;
  std::unique_ptr<WalWrite> job = MakeWrite(std::exchange(pending_, PendingGroup()));
  PlaceWrite(job.get(), false);
  return job;
}

absl::Status Wal::WriteDone(std::unique_ptr<WalWrite> job) {
  KEELSON_CHECK(write_out_ && job != nullptr, "a job comes back once");
  KEELSON_CHECK(job->outcome_ != WalWrite::Outcome::kNotRun, "a job comes back after its run");
  write_out_ = false;
  switch (job->outcome_) {
    case WalWrite::Outcome::kNoSpace: {
      full_ = true;
      PendingGroup later = std::exchange(pending_, std::move(job->group_));
      pending_.Absorb(std::move(later));
      return job->status_;
    }
    case WalWrite::Outcome::kDurable:
      full_ = false;
      Publish(*job);
      return absl::OkStatus();
    default:
      return Fail(job->status_);
  }
}

void Wal::Publish(const WalWrite& job) {
  const uint64_t sequence = job.segment_->header.sequence;
  if (segments_.empty() || segments_.back() != job.segment_) {
    segments_.push_back(job.segment_);
    if (job.plan_.fs != nullptr) ++counted_.segments_made_on_demand;
  }
  write_offset_ = job.offset_ + job.bytes();
  durable_group_ = job.frame_.number;
  follows_ = job.frame_.number;
  bool holds = index_.BeginGroup(job.frame_, sequence, job.offset_);
  uint64_t at = job.offset_ + kFrameBytes;
  for (const raft::Entry& entry : job.group_.entries) {
    holds = holds && index_.AddEntry(entry.id(), at);
    at += kEntryHeadBytes + entry.bytes().size();
  }
  KEELSON_CHECK(holds, "what was written follows the log");
  ++counted_.groups;
  counted_.bytes += job.bytes();
  complete_seq_ = std::max(complete_seq_, job.group_.last_seq);
  if (!pending_.needs_write) complete_seq_ = std::max(complete_seq_, pending_.last_seq);
}

absl::Status Wal::Fail(absl::Status status) {
  KEELSON_CHECK(!status.ok(), "a failure has a reason");
  if (status_.ok()) status_ = std::move(status);
  return status_;
}

Index Wal::SafeLast() const {
  if (pending_.resets_log || (write_out_ && write_out_resets_)) return Index();
  Index safe = index_.last();
  if (pending_.HasEntries()) safe = std::min(safe, pending_.entries.front().index.Prev());
  if (write_out_ && !write_out_first_.IsNone()) safe = std::min(safe, write_out_first_.Prev());
  return safe;
}

absl::Status Wal::WriteCommit(Index commit) {
  if (!status_.ok()) return status_;
  // A commit index may be known before the entry is durable here; then the place in the durable log
  // may still hold another entry, which a restart would take for committed.
  const Index safe = std::min(commit, SafeLast());
  if (safe <= commit_file_->commit()) return absl::OkStatus();
  absl::Status status = commit_file_->Write(safe, durable_group_);
  return status.ok() ? status : Fail(std::move(status));
}

void Wal::Retire(std::shared_ptr<Segment> segment) { released_.push_back(std::move(segment)); }

void Wal::Release(Index index) {
  while (segments_.size() > 1 && index_.IsBehind(segments_.front()->header.sequence, index)) {
    index_.DropSegment(segments_.front()->header.sequence);
    Retire(std::move(segments_.front()));
    segments_.pop_front();
  }
  // Terms below are needed no more, unless a snapshot that is still to be written moved on already.
  const Index base = index_.terms().base().index;
  if (terms_.Covers(base)) terms_.MoveBase(base);
}

Index Wal::LastBeyond(uint64_t bytes) const {
  uint64_t kept = 0;
  size_t oldest_kept = segments_.size();
  while (oldest_kept > 0 && kept + segments_[oldest_kept - 1]->file_bytes <= bytes) {
    kept += segments_[--oldest_kept]->file_bytes;
  }
  oldest_kept = std::min(oldest_kept, segments_.size() - 1);
  if (oldest_kept == 0) return base().index;
  for (size_t i = oldest_kept; i < segments_.size(); ++i) {
    const std::optional<Index> first = index_.FirstIn(segments_[i]->header.sequence);
    if (first) return first->Prev();
  }
  return index_.last();
}

std::unique_ptr<WalUpkeep> Wal::TakeUpkeep(Growth growth) {
  if (upkeep_out_ || !status_.ok()) return nullptr;
  std::unique_ptr<WalUpkeep> job(new WalUpkeep(fs_, dir_));
  size_t missing = options_.ready_segments - std::min(options_.ready_segments, ready_.size());
  for (std::shared_ptr<Segment>& old_segment : released_) {
    WalUpkeep::Task task;
    task.recycle = missing > 0 && old_segment->is_recyclable &&
                   old_segment->file_bytes == options_.segment_bytes;
    if (task.recycle) {
      task.plan = PlanSegment(options_.segment_bytes);
      --missing;
    }
    task.old_segment = std::move(old_segment);
    job->tasks_.push_back(std::move(task));
  }
  released_.clear();
  for (; growth == Growth::kAllowed && missing > 0; --missing) {
    WalUpkeep::Task task;
    task.plan = PlanSegment(options_.segment_bytes);
    job->tasks_.push_back(std::move(task));
  }
  if (job->tasks_.empty()) return nullptr;
  upkeep_out_ = true;
  return job;
}

absl::Status Wal::UpkeepDone(std::unique_ptr<WalUpkeep> job) {
  KEELSON_CHECK(upkeep_out_ && job != nullptr, "a job comes back once");
  upkeep_out_ = false;
  for (std::shared_ptr<Segment>& segment : job->ready_) ready_.push_back(std::move(segment));
  if (job->status_.ok()) return absl::OkStatus();
  if (!absl::IsResourceExhausted(job->status_)) return Fail(job->status_);
  for (size_t i = job->tasks_.size(); i-- > job->done_;) {
    if (job->tasks_[i].old_segment != nullptr) {
      released_.push_front(std::move(job->tasks_[i].old_segment));
    }
  }
  return job->status_;
}

WalStats Wal::stats() const {
  WalStats stats = counted_;
  stats.segments = segments_.size();
  stats.ready = ready_.size();
  stats.released = released_.size();
  stats.marks = index_.marks();
  return stats;
}

}  // namespace keelson::storage
