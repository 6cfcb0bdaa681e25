// What was appended to the log since the last job took everything: the next group.
#pragma once

#include <cstdint>
#include <vector>

#include "raft/entry.h"
#include "raft/types.h"

namespace keelson::storage {

// Always in the form that holds after all of it: a later entry at an index replaces the earlier one
// and all behind it, a later snapshot replaces everything. One thread.
struct PendingGroup {
  // The log is replaced by a snapshot that ends at `prev`.
  bool resets_log = false;
  // Before the first entry. Without entries meaningful only if resets_log.
  raft::EntryId prev;
  std::vector<raft::Entry> entries;
  // Something here must be durable. Otherwise it is a commit index, which may wait.
  bool needs_write = false;
  uint64_t last_seq = 0;  // of the last raft batch in it; 0: none

  // Puts `later` behind this. REQUIRES: its entries continue this or replace a part of it.
  void Absorb(PendingGroup later);
  bool HasEntries() const { return !entries.empty(); }
};

}  // namespace keelson::storage
