// How the core reaches entries that it no longer keeps in memory. Implemented over the WAL.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/entry.h"
#include "raft/types.h"

namespace keelson::raft {

// Called on the core's thread, from inside its functions. The core asks only for indexes that were
// reported durable by Persisted() or were in the log at construction, and that Compact() has not
// given up. A call must not block for long; what can't be read at once is Unavailable.
//
// Errors of both functions, and what the core then does:
//   OutOfRange   dropped by compaction: a peer that needs it gets a snapshot
//   Unavailable  not now: the core asks again at a later tick
//   DataLoss     unreadable here: a peer that needs it gets a snapshot; apply waits for the node
class LogReader {
 public:
  virtual ~LogReader() = default;

  // Entries [lo, hi), as many from `lo` on as fit into `max_bytes` (by EntryCost), at least one.
  // REQUIRES: lo < hi.
  virtual absl::StatusOr<std::vector<Entry>> Read(Index lo, Index hi, size_t max_bytes) = 0;

  // The term of the entry at `index`.
  virtual absl::StatusOr<Term> TermAt(Index index) = 0;
};

}  // namespace keelson::raft
