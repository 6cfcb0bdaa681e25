// What a Core is made from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "raft/config.h"
#include "raft/entry.h"
#include "raft/log_reader.h"
#include "raft/ready.h"
#include "raft/types.h"

namespace keelson::raft {

struct Options {
  NodeId id{};
  // Of this data directory, chosen at random when it was made. Not 0.
  uint64_t incarnation = 0;
  // Of this process, chosen at random at its start, so that an answer to an earlier process of the
  // same member is never taken for one to this. Not 0.
  uint64_t boot_id = 0;

  // A follower that hears no leader for election_ticks to 2 * election_ticks - 1 (drawn each time)
  // campaigns. REQUIRES: 0 < heartbeat_ticks < election_ticks. Short delays after a leader was lost
  // are drawn in ticks within one or two heartbeats: several ticks a heartbeat keep members apart.
  int election_ticks = 10;
  int heartbeat_ticks = 1;
  // A uniform number in [0, bound). REQUIRES of the caller: set.
  std::function<uint64_t(uint64_t bound)> random;

  size_t max_message_bytes = 1 << 20;   // entries in one append, by EntryCost; at least one goes
  size_t inflight_bytes = 8 << 20;      // sent but not acknowledged, per peer
  size_t max_inflight_messages = 1024;  // the same as a count
  size_t max_uncommitted_bytes = 64 << 20;  // on the leader; one proposal always fits an empty tail
  size_t max_entry_bytes = 64 << 20;        // one payload
  size_t memory_log_bytes = 32 << 20;       // durable entries kept beyond what must be in memory
  size_t max_committed_bytes = 16 << 20;    // handed out as committed and not yet Applied()

  bool pre_vote = true;
  bool check_quorum = true;
  // The leader records incarnations it hears of in the configuration, once it may change it.
  bool record_incarnations = true;
};

// What recovery found. All plain values; `tail` may be the whole log.
struct InitialState {
  HardState hard_state{};
  // The last entry dropped from the log (by compaction or because a snapshot replaced it).
  EntryId base{};
  // The configuration as of `applied` and where it was appended (0 = bootstrap). All initial
  // members of a cluster start with the same one; a member that joins later starts with an empty
  // one.
  Configuration configuration{};
  Index configuration_index{};
  // What the state machine holds. base.index <= applied.
  Index applied{};
  // The end of the log without gaps, from applied + 1 or an earlier index to the last entry. Empty
  // when nothing follows `applied`; then `last` names the last entry.
  std::vector<Entry> tail{};
  // The last entry of the log. Equal to `base` when the log is empty.
  EntryId last{};
};

// OK when a Core can be made from it. InvalidArgument names the option to change, DataLoss what is
// wrong with the state found: term and commit must fit the log, entries must be contiguous.
absl::Status ValidateOptions(const Options& options);
absl::Status ValidateInitialState(const InitialState& state);

}  // namespace keelson::raft
