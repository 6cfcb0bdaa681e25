// What the core wants done. One Ready is one turn: the comment on each field says what must have
// happened before its effects may leave. Fields without an order between them may run at once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "raft/entry.h"
#include "raft/message.h"
#include "raft/types.h"

namespace keelson::raft {

// What a member must not forget. The first record a member writes into a term is its promise there.
struct HardState {
  Term term{};
  NodeId vote{};   // whom it voted for in `term`; none = nobody yet
  Index commit{};  // never above the last entry that was handed to the disk with or before it

  friend bool operator==(const HardState&, const HardState&) = default;
};

// One write to the log. Batches complete in the order of `seq`; several may be outstanding. When
// one is complete the node calls Core::Persisted(seq); one call may cover several batches.
struct PersistBatch {
  uint64_t seq = 0;  // grows by one, from 1 for each core
  // Changed since the last batch. Written after `entries`, so that `commit` never points beyond
  // what a torn write left.
  std::optional<HardState> hard_state{};
  // Contiguous. An entry at or below the last index of the log replaces it and all that follow.
  std::vector<Entry> entries{};
  // Complete = synced. Otherwise complete = written after everything before it; a sync may come
  // with any later batch. A batch without hard state and entries is complete with the one before.
  bool must_sync = false;

  bool IsEmpty() const { return !hard_state.has_value() && entries.empty(); }
};

// Why a leader stopped being one.
enum class StepDown : uint8_t {
  kHigherTerm,   // another term began
  kQuorumLost,   // no majority was heard for an election timeout
  kDiskStalled,  // its own log write has been running for an election timeout
  kRemoved,      // it is no voter of the committed configuration
};

enum class RoleKind : uint8_t { kFollower, kPreCandidate, kCandidate, kLeader };

struct SoftState {
  RoleKind role = RoleKind::kFollower;
  NodeId leader{};  // none = not known
  Term term{};

  friend bool operator==(const SoftState&, const SoftState&) = default;
};

// A read that may be served from any state at or after `index`.
struct ReadState {
  uint64_t context = 0;
  Index index{};

  friend bool operator==(const ReadState&, const ReadState&) = default;
};

// A peer whose next entry is no longer in the log.
struct SnapshotNeed {
  NodeId peer{};
  Index at_least{};  // a snapshot that ends before it does not help
};

// Proposals that this member accepted as leader and can no longer answer for: each may be committed
// by another leader or not. Entries [first, last] of `term`. Their clients are told "unknown",
// never "failed", unless the entry that is later applied at the index has another term.
struct UnknownProposals {
  Term term{};
  Index first{};
  Index last{};
};

// A message of a member whose data directory is not the one the configuration names (a wiped or
// restored disk under an old id). It was ignored. `peer` may be this member itself: then it neither
// votes nor campaigns. Advice: remove the member and add it again under a new id.
struct IdentityConflict {
  NodeId peer{};
  uint64_t expected = 0;
  uint64_t found = 0;
};

// A leader's round of questions (ReadRounds), by its number in the leader's reign.
struct RoundMark {
  uint64_t round = 0;
  Index index{};  // the commit index when it began

  friend bool operator==(const RoundMark&, const RoundMark&) = default;
};

struct Ready {
  // May leave at once, also before `persist` is durable: a leader replicates while it writes.
  std::vector<Message> messages{};
  // Hand it to the disk in the order of seq, before the next Ready is taken.
  std::optional<PersistBatch> persist{};
  // Leave only when `persist` is complete (votes, answers at a new term, requests for a vote).
  // Not empty only if `persist` is there.
  std::vector<Message> messages_after_persist{};
  // Apply in this order; each entry is committed and durable here, and is handed out once. An
  // answer to a client leaves only when the batch of this Ready, which carries the commit index,
  // was at least written (not synced).
  std::vector<Entry> committed{};
  // Serve when applied >= index. The same rule for the answer as for `committed`.
  std::vector<ReadState> read_states{};
  // No leader confirmed these reads in time: fail or retry them; they were not served.
  std::vector<uint64_t> reads_failed{};
  // Only when it changed.
  std::optional<SoftState> soft_state{};
  // On loss of leadership.
  std::optional<StepDown> stepped_down{};
  std::optional<UnknownProposals> proposals_unknown{};
  // A staged snapshot to install: replace state and log by it (design D12), its marker carrying the
  // hard state, then call Core::SnapshotInstalled (durable) or SnapshotInstallFailed. Wait for the
  // batches handed out before. Until then nothing is handed out as committed.
  std::optional<SnapshotMeta> install_snapshot{};
  // Leader: stream a snapshot (Core::OfferSnapshot, then SnapshotSent). Told once per need.
  std::vector<SnapshotNeed> need_snapshot{};
  // For the operator's log. Repeated at most once per election timeout and peer.
  std::vector<IdentityConflict> identity_conflicts{};
  // A leader returned one of this member's own stamps (design D5); the latest of this turn.
  std::optional<FreshnessEcho> freshness{};
  // Leader: a round of questions began: whatever was acknowledged to any client before `messages`
  // leave is at or below `index`, if the round is confirmed. The latest of this turn.
  std::optional<RoundMark> round_began{};
  // A quorum answered the round of this number. The latest of this turn; it may have begun in an
  // earlier turn, and another one in this.
  std::optional<uint64_t> round_confirmed{};

  bool IsEmpty() const;
};

}  // namespace keelson::raft
