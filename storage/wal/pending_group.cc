#include "storage/wal/pending_group.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace keelson::storage {

void PendingGroup::Absorb(PendingGroup later) {
  needs_write = needs_write || later.needs_write;
  last_seq = std::max(last_seq, later.last_seq);
  if (later.resets_log) {
    resets_log = true;
    prev = later.prev;
    entries = std::move(later.entries);
    return;
  }
  if (later.entries.empty()) return;
  const raft::Index first = later.entries.front().index;
  KEELSON_CHECK(first == later.prev.index.Next(), "entries begin behind prev");
  if (entries.empty() || first <= entries.front().index) {
    KEELSON_CHECK(!resets_log || first == prev.index.Next(), "nothing precedes a snapshot");
    prev = later.prev;
    entries = std::move(later.entries);
    return;
  }
  KEELSON_CHECK(first <= entries.back().index.Next(), "entries leave no gap");
  entries.resize(first - entries.front().index);
  entries.insert(entries.end(), std::make_move_iterator(later.entries.begin()),
                 std::make_move_iterator(later.entries.end()));
}

}  // namespace keelson::storage
