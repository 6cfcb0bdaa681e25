// A copy of what a Core believes, for status pages, metrics and the invariants.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "raft/config.h"
#include "raft/ready.h"
#include "raft/types.h"

namespace keelson::raft {

enum class ProgressMode : uint8_t {
  kProbe,      // the common prefix is not known: one append at a time
  kReplicate,  // appends are streamed, up to the window
  kSnapshot,   // the peer needs state that is no longer in the log
};

std::string_view Name(ProgressMode mode);
std::string_view Name(RoleKind role);
std::string_view Name(StepDown reason);

// What a leader knows of one member.
struct PeerStatus {
  NodeId id{};
  ProgressMode mode = ProgressMode::kProbe;
  Index match{};  // known durable there
  Index next{};   // the next entry to send
  Index pending_snapshot{};
  size_t inflight_bytes = 0;
  bool recently_active = false;  // heard of within the current check-quorum period
  bool learner = false;
  uint64_t incarnation_seen = 0;
};

struct StateView {
  NodeId id{};
  RoleKind role = RoleKind::kFollower;
  NodeId leader{};
  HardState hard{};          // as it is in memory
  HardState durable_hard{};  // as far as the disk has confirmed it
  EntryId base{};            // the last entry that compaction or a snapshot removed
  EntryId last{};
  Index durable{};              // last entry the disk has confirmed
  Index handed_out{};           // last entry given out as committed
  Index applied{};              // as reported by Applied()
  Index configuration_index{};  // where the configuration in force was appended
  Configuration configuration{};
  size_t memory_bytes = 0;          // payload cost of the entries kept in memory
  size_t uncommitted_bytes = 0;     // leader
  bool commit_in_term = false;      // leader: an entry of its own term is committed
  NodeId transfer_target{};         // leader: none = no transfer running
  std::vector<PeerStatus> peers{};  // leader: every member but itself, ascending by id
  // Ids and terms of the log's last entries that are in memory, for the checks of change.
  std::vector<EntryId> tail{};
};

}  // namespace keelson::raft
