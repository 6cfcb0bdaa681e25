#include "storage/wal/term_runs.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::storage {

using raft::EntryId;
using raft::Index;
using raft::Term;

Term TermRuns::At(Index index) const {
  KEELSON_CHECK(Covers(index), "only the terms of kept entries are known");
  if (index == base_.index) return base_.term;
  auto after = std::upper_bound(runs_.begin(), runs_.end(), index,
                                [](Index value, const Run& run) { return value < run.first; });
  KEELSON_CHECK(after != runs_.begin(), "every kept entry is in a run");
  return std::prev(after)->term;
}

void TermRuns::Reset(EntryId base) {
  base_ = base;
  last_ = base.index;
  runs_.clear();
}

void TermRuns::TruncateTo(Index last) {
  KEELSON_CHECK(Covers(last), "a log is cut within itself");
  while (!runs_.empty() && runs_.back().first > last) runs_.pop_back();
  last_ = last;
}

bool TermRuns::MayAppend(EntryId id) const {
  return id.index == last_.Next() && id.term >= At(last_);
}

void TermRuns::Append(EntryId id) {
  KEELSON_CHECK(MayAppend(id), "entries are contiguous and terms never fall");
  if (runs_.empty() || runs_.back().term != id.term) runs_.push_back({id.index, id.term});
  last_ = id.index;
}

void TermRuns::MoveBase(Index base) {
  KEELSON_CHECK(Covers(base), "the base moves within the log");
  if (base == base_.index) return;
  const EntryId moved{At(base), base};
  auto after = std::upper_bound(runs_.begin(), runs_.end(), base.Next(),
                                [](Index value, const Run& run) { return value < run.first; });
  if (base == last_) {
    runs_.clear();
  } else {
    runs_.erase(runs_.begin(), std::prev(after));
    runs_.front().first = base.Next();
  }
  base_ = moved;
}

}  // namespace keelson::storage
