// Where on disk the entries of the log are: the durable log's terms and a sparse table of places.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/types.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/term_runs.h"

namespace keelson::storage {

// A place from which entries can be read one after the other.
struct EntryMark {
  raft::Index index;
  uint64_t segment = 0;  // sequence
  uint64_t group_offset = 0;
  uint64_t entry_offset = 0;
};

// Fed with every durable group in order. Memory: one mark for kMarkBytes of log. One thread.
class LogIndex {
 public:
  static constexpr uint64_t kMarkBytes = 32 << 10;

  const TermRuns& terms() const { return terms_; }
  raft::Index last() const { return terms_.last(); }

  // Takes in the start of a group; false when it contradicts the log so far. The first one ever
  // begins the log anywhere.
  bool BeginGroup(const GroupFrame& frame, uint64_t segment, uint64_t offset);
  // The next entry of the group begun last, its record at `entry_offset`; false as above.
  bool AddEntry(raft::EntryId id, uint64_t entry_offset);

  // The place to start at for `index`. REQUIRES: base < index <= last.
  const EntryMark& Find(raft::Index index) const;
  // The first place behind `index`, if there is one: what comes before it on disk, but behind the
  // place of `index`, is in order.
  const EntryMark* After(raft::Index index) const;

  // The first entry of the log in `segment`, if there is any.
  std::optional<raft::Index> FirstIn(uint64_t segment) const;
  // Whether no entry behind `index` is in `segment`. REQUIRES: it is the oldest segment of the log.
  bool IsBehind(uint64_t segment, raft::Index index) const;
  // The segment, the oldest, is gone: the log begins behind its entries.
  void DropSegment(uint64_t segment);

  size_t marks() const { return marks_.size(); }

 private:
  bool started_ = false;
  TermRuns terms_;
  std::vector<EntryMark> marks_;  // ascending in index and in place
  uint64_t segment_ = 0;          // of the group begun last
  uint64_t group_offset_ = 0;
  bool mark_next_ = false;
};

}  // namespace keelson::storage
