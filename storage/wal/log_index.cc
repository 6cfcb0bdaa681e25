#include "storage/wal/log_index.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::storage {

using raft::EntryId;
using raft::Index;

bool LogIndex::BeginGroup(const GroupFrame& frame, uint64_t segment, uint64_t offset) {
  segment_ = segment;
  group_offset_ = offset;
  const EntryId prev = frame.prev;
  const bool first = !started_;
  started_ = true;
  if (first || frame.resets_log) {
    terms_.Reset(prev);
    marks_.clear();
    return true;
  }
  if (frame.entries == 0) return prev == terms_.last_id();
  if (prev.index < terms_.base().index) {
    // What the log began with was replaced: its entries of lower indexes are in released segments.
    terms_.Reset(prev);
    marks_.clear();
    return true;
  }
  if (!terms_.Covers(prev.index) || terms_.At(prev.index) != prev.term) return false;
  mark_next_ = prev.index < terms_.last();
  terms_.TruncateTo(prev.index);
  while (!marks_.empty() && marks_.back().index > prev.index) marks_.pop_back();
  return true;
}

bool LogIndex::AddEntry(EntryId id, uint64_t entry_offset) {
  KEELSON_CHECK(started_, "an entry belongs to a group");
  if (!terms_.MayAppend(id)) return false;
  terms_.Append(id);
  const bool far = marks_.empty() || marks_.back().segment != segment_ ||
                   entry_offset >= marks_.back().entry_offset + kMarkBytes;
  if (mark_next_ || far) marks_.push_back({id.index, segment_, group_offset_, entry_offset});
  mark_next_ = false;
  return true;
}

const EntryMark& LogIndex::Find(Index index) const {
  KEELSON_CHECK(index > terms_.base().index && index <= last(), "only kept entries have a place");
  const EntryMark* after = After(index);
  const EntryMark* mark = after == nullptr ? &marks_.back() : after - 1;
  KEELSON_CHECK(mark >= marks_.data() && mark->index <= index, "the first kept entry has a mark");
  return *mark;
}

const EntryMark* LogIndex::After(Index index) const {
  auto after = std::upper_bound(marks_.begin(), marks_.end(), index,
                                [](Index value, const EntryMark& m) { return value < m.index; });
  return after == marks_.end() ? nullptr : &*after;
}

std::optional<Index> LogIndex::FirstIn(uint64_t segment) const {
  const auto first = std::find_if(marks_.begin(), marks_.end(), [segment](const EntryMark& mark) {
    return mark.segment == segment;
  });
  if (first == marks_.end()) return std::nullopt;
  return first->index;
}

bool LogIndex::IsBehind(uint64_t segment, Index index) const {
  if (marks_.empty() || marks_.front().segment != segment) return true;
  auto next = std::find_if(marks_.begin(), marks_.end(),
                           [&](const EntryMark& mark) { return mark.segment != segment; });
  const Index last_here = next == marks_.end() ? last() : next->index.Prev();
  return last_here <= index;
}

void LogIndex::DropSegment(uint64_t segment) {
  auto next = std::find_if(marks_.begin(), marks_.end(),
                           [&](const EntryMark& mark) { return mark.segment != segment; });
  if (next == marks_.begin()) return;
  terms_.MoveBase(next == marks_.end() ? last() : next->index.Prev());
  marks_.erase(marks_.begin(), next);
}

}  // namespace keelson::storage
