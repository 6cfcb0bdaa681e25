#include "raft/log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace keelson::raft {

Log::Log(Start start, LogReader* reader)
    : reader_(reader),
      base_(start.base),
      last_(start.last),
      commit_(start.commit),
      handed_out_(start.applied),
      before_memory_(start.last) {
  KEELSON_CHECK(reader_ != nullptr, "the log needs a reader");
  if (!start.tail.empty()) {
    const Index first = start.tail.front().index;
    KEELSON_CHECK(first > base_.index, "the tail begins inside what is gone");
    // The term before the tail is only known where the tail begins at the base.
    before_memory_ = EntryId{first.Prev() == base_.index ? base_.term : Term(), first.Prev()};
    for (Entry& entry : start.tail) {
      memory_bytes_ += EntryCost(entry);
      memory_.push_back(std::move(entry));
    }
    KEELSON_CHECK(memory_.back().id() == last_, "the tail does not end at the last entry");
  }
  KEELSON_CHECK(base_.index <= handed_out_ && handed_out_ <= commit_ && commit_ <= last_.index,
                "log marks out of order at the start");
}

const Entry& Log::InMemory(Index index) const {
  KEELSON_CHECK(index >= memory_first() && index <= last_.index, "entry is not in memory");
  return memory_[index - memory_first()];
}

absl::StatusOr<Term> Log::TermAt(Index index) const {
  if (index < base_.index || index > last_.index) {
    return absl::OutOfRangeError("no such entry in the log");
  }
  if (index == base_.index) return base_.term;
  if (index == last_.index) return last_.term;
  if (index >= memory_first()) return InMemory(index).term;
  if (index == before_memory_.index && !before_memory_.term.IsNone()) return before_memory_.term;
  return reader_->TermAt(index);
}

absl::StatusOr<std::vector<Entry>> Log::Slice(Index lo, Index hi, size_t max_bytes) const {
  KEELSON_CHECK(lo < hi && hi <= last_.index.Next(), "slice outside the log");
  if (lo <= base_.index) return absl::OutOfRangeError("dropped by compaction");
  if (lo < memory_first()) return reader_->Read(lo, std::min(hi, memory_first()), max_bytes);
  std::vector<Entry> entries;
  size_t bytes = 0;
  for (Index index = lo; index < hi; index = index.Next()) {
    const Entry& entry = InMemory(index);
    bytes += EntryCost(entry);
    if (bytes > max_bytes && !entries.empty()) break;
    entries.push_back(entry);
  }
  return entries;
}

EntryId Log::LastNotAfter(Index index, Term term, Index floor) const {
  Index at = std::min(index, last_.index);
  if (index > last_.index && last_.term <= term) return last_;
  while (at > floor && at >= memory_first() && InMemory(at).term > term) at = at.Prev();
  at = std::max(at, std::min(floor, last_.index));
  if (at == base_.index) return base_;
  if (at >= memory_first()) return InMemory(at).id();
  return EntryId{at == before_memory_.index ? before_memory_.term : Term(), at};
}

std::vector<EntryId> Log::InMemoryTail(size_t count) const {
  std::vector<EntryId> ids;
  const size_t first = memory_.size() - std::min(count, memory_.size());
  for (size_t i = first; i < memory_.size(); ++i) ids.push_back(memory_[i].id());
  return ids;
}

void Log::Append(Entry entry) {
  KEELSON_CHECK(entry.index == last_.index.Next(), "a gap in the log");
  KEELSON_CHECK(entry.term >= last_.term, "terms decrease in the log");
  last_ = entry.id();
  memory_bytes_ += EntryCost(entry);
  memory_.push_back(std::move(entry));
}

void Log::TruncateAfter(EntryId keep) {
  KEELSON_CHECK(keep.index >= commit_, "a committed entry would be truncated");
  KEELSON_CHECK(keep.index < last_.index, "nothing to truncate");
  while (!memory_.empty() && memory_.back().index > keep.index) {
    memory_bytes_ -= EntryCost(memory_.back());
    memory_.pop_back();
  }
  last_ = keep;
  if (memory_.empty()) before_memory_ = last_;
}

void Log::CommitTo(Index index) {
  KEELSON_CHECK(index >= commit_, "commit would go back");
  KEELSON_CHECK(index <= last_.index, "commit beyond the log");
  commit_ = index;
}

void Log::HandOutTo(Index index) {
  KEELSON_CHECK(index >= handed_out_, "entries would be handed out twice");
  KEELSON_CHECK(index <= commit_, "an uncommitted entry would be handed out");
  handed_out_ = index;
}

void Log::Compact(EntryId id) {
  KEELSON_CHECK(id.index <= handed_out_, "entries not yet applied would be dropped");
  if (id.index <= base_.index) return;
  base_ = id;
  while (!memory_.empty() && memory_.front().index <= id.index) {
    memory_bytes_ -= EntryCost(memory_.front());
    before_memory_ = memory_.front().id();
    memory_.pop_front();
  }
  if (before_memory_.index <= base_.index) before_memory_ = base_;
}

void Log::Reset(EntryId id) {
  KEELSON_CHECK(id.index > commit_, "a snapshot older than commit");
  KEELSON_CHECK(!id.term.IsNone(), "a snapshot without a term");
  base_ = last_ = before_memory_ = id;
  commit_ = handed_out_ = id.index;
  memory_.clear();
  memory_bytes_ = 0;
}

void Log::ShrinkMemory(size_t bytes, Index limit) {
  KEELSON_CHECK(limit <= commit_, "uncommitted entries stay in memory");
  while (memory_bytes_ > bytes && !memory_.empty() && memory_.front().index <= limit) {
    memory_bytes_ -= EntryCost(memory_.front());
    before_memory_ = memory_.front().id();
    memory_.pop_front();
  }
}

}  // namespace keelson::raft
