// The configurations in the log, so that one that is truncated gives way to the one before it.
// Owned by the core, same thread.
#pragma once

#include <deque>

#include "raft/config.h"
#include "raft/types.h"

namespace keelson::raft {

class ConfigHistory {
 public:
  struct At {
    Index index;  // of the entry that brought it; 0 = bootstrap
    Configuration configuration;
  };

  // REQUIRES: `committed` is.
  explicit ConfigHistory(At committed);

  const At& latest() const { return history_.back(); }
  const At& committed() const { return history_.front(); }

  // REQUIRES: index > latest().index.
  void Append(Index index, Configuration configuration);
  // Entries after `keep` are gone. REQUIRES: the committed one stays.
  void Truncate(Index keep);
  // Entries up to `commit` can't be truncated any more. True if committed() changed.
  bool CommitTo(Index commit);
  // A snapshot replaced the log.
  void Reset(At committed);

 private:
  std::deque<At> history_;  // ascending, never empty, the first is committed
};

}  // namespace keelson::raft
