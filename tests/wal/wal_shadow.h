// What a log must hold, kept beside it in plain containers: the judge of the randomized tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "raft/ready.h"
#include "tests/wal/wal_harness.h"

namespace keelson::storage {

struct ShadowState {
  raft::EntryId reset;  // the last snapshot that replaced the log
  std::map<uint64_t, raft::Entry> entries;
  raft::HardState hard;

  raft::EntryId last() const { return entries.empty() ? reset : entries.rbegin()->second.id(); }

  void Apply(const raft::PersistBatch& batch) {
    if (!batch.entries.empty()) {
      entries.erase(entries.lower_bound(batch.entries.front().index.value()), entries.end());
    }
    for (const raft::Entry& entry : batch.entries) entries[entry.index.value()] = entry;
    if (batch.hard_state.has_value()) hard = *batch.hard_state;
  }

  void Reset(raft::EntryId snapshot, const raft::HardState& hard_state) {
    reset = snapshot;
    entries.clear();
    hard = hard_state;
  }
};

// "" when `wal` holds exactly `state` (from its base on), else what differs.
inline std::string Difference(Wal& wal, const WalRecovery& found, const ShadowState& state) {
  if (found.last != state.last()) return "last entry";
  if (found.hard_state.term != state.hard.term) return "term";
  if (found.hard_state.vote != state.hard.vote) return "vote";
  if (found.base.index < state.reset.index) return "base before the snapshot";
  uint64_t next = found.base.index.value() + 1;
  while (next <= found.last.index.value()) {
    auto entries = wal.Read(raft::Index(next), found.last.index.Next(), 1 << 16);
    if (!entries.ok()) return entries.status().ToString();
    for (const raft::Entry& entry : *entries) {
      auto expected = state.entries.find(next);
      if (expected == state.entries.end()) return "an entry too many";
      if (entry.id() != expected->second.id() || entry.bytes() != expected->second.bytes() ||
          entry.checksum != expected->second.checksum) {
        return "entry " + std::to_string(next);
      }
      ++next;
    }
  }
  return "";
}

}  // namespace keelson::storage
