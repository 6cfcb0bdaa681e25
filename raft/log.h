// The log as the core sees it: a base that is gone, entries that only the disk has, entries in
// memory, and the marks commit and handed-out.
//
//   ... base | base+1 ........ | memory_first ........................ last
//     (gone) |  LogReader only |  in memory, and on disk up to `durable`
//
// Marks: base <= handed_out <= commit <= last. Owned by the core, same thread. Which part is
// durable is DiskQueue's to know; the log is told when it needs it.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/entry.h"
#include "raft/log_reader.h"
#include "raft/types.h"

namespace keelson::raft {

class Log {
 public:
  struct Start {
    EntryId base;
    EntryId last;
    Index commit;
    Index applied;  // handed_out starts here
    std::vector<Entry> tail;
  };
  // REQUIRES: ValidateInitialState held for what `start` was made of.
  Log(Start start, LogReader* reader);

  EntryId base() const { return base_; }
  EntryId last() const { return last_; }
  Index first_index() const { return base_.index.Next(); }
  Index commit() const { return commit_; }
  Index handed_out() const { return handed_out_; }
  size_t memory_bytes() const { return memory_bytes_; }
  Index memory_first() const { return before_memory_.index.Next(); }

  // OutOfRange outside [base, last]; else what LogReader::TermAt says where memory doesn't know.
  absl::StatusOr<Term> TermAt(Index index) const;

  // Entries [lo, hi), as many as fit into `max_bytes`, at least one; may be fewer where memory
  // begins. Errors: OutOfRange below the first index, else those of LogReader. REQUIRES: lo < hi <=
  // last + 1.
  absl::StatusOr<std::vector<Entry>> Slice(Index lo, Index hi, size_t max_bytes) const;

  // The largest index <= `index` whose term may be <= `term`, looking no deeper than memory and not
  // below `floor`. Where two logs may still agree (thesis 3.5, end). The term is 0 if not known.
  EntryId LastNotAfter(Index index, Term term, Index floor) const;

  // The ids of the last entries in memory, at most `count`.
  std::vector<EntryId> InMemoryTail(size_t count) const;

  // REQUIRES: entry.index == last + 1, terms don't decrease.
  void Append(Entry entry);
  // Drops all after `keep`. REQUIRES: `keep` is in the log, commit <= keep.index < last.index.
  void TruncateAfter(EntryId keep);
  // REQUIRES: commit <= index <= last.
  void CommitTo(Index index);
  // REQUIRES: handed_out <= index <= commit.
  void HandOutTo(Index index);

  // Forgets entries up to `id`. REQUIRES: id.index <= handed_out, id is in the log.
  void Compact(EntryId id);
  // The log becomes empty behind a snapshot's end. REQUIRES: id.index > commit.
  void Reset(EntryId id);
  // Drops the oldest entries up to `limit` from memory until it holds at most `bytes`. REQUIRES:
  // entries up to `limit` are committed and durable.
  void ShrinkMemory(size_t bytes, Index limit);

 private:
  const Entry& InMemory(Index index) const;

  LogReader* const reader_;
  EntryId base_;
  EntryId last_;
  Index commit_;
  Index handed_out_;
  // The entry just before memory; base_ at the earliest.
  EntryId before_memory_;
  std::deque<Entry> memory_;  // contiguous, ends at last_
  size_t memory_bytes_ = 0;   // sum of EntryCost
};

}  // namespace keelson::raft
