// The terms of a log in memory: one number pair for each change of term, not for each entry.
#pragma once

#include <cstddef>
#include <vector>

#include "raft/types.h"

namespace keelson::storage {

// Holds the ids of entries base + 1 .. last, and of base itself. One thread.
class TermRuns {
 public:
  const raft::EntryId& base() const { return base_; }
  raft::Index last() const { return last_; }
  raft::EntryId last_id() const { return {At(last_), last_}; }
  bool Covers(raft::Index index) const { return index >= base_.index && index <= last_; }

  // The term of an entry. REQUIRES: Covers(index).
  raft::Term At(raft::Index index) const;

  // An empty log after `base`.
  void Reset(raft::EntryId base);
  // Drops what is behind `last`. REQUIRES: Covers(last).
  void TruncateTo(raft::Index last);
  // Whether `id` may follow: the next index and no earlier term.
  bool MayAppend(raft::EntryId id) const;
  // REQUIRES: MayAppend(id).
  void Append(raft::EntryId id);
  // Forgets all before `base`, which becomes the base. REQUIRES: Covers(base).
  void MoveBase(raft::Index base);

  size_t size() const { return runs_.size(); }

 private:
  struct Run {
    raft::Index first;
    raft::Term term;
  };
  raft::EntryId base_;
  raft::Index last_;
  std::vector<Run> runs_;  // of entries behind the base, ascending
};

}  // namespace keelson::storage
