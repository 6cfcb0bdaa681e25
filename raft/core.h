// One member's Raft (Ongaro's thesis, 2014) as a pure state machine: inputs are function calls, the
// output is a Ready value. It has no thread, clock, disk, network or randomness of its own.
//
//   node loop:  inputs ... ; while (core.HasReady()) { Ready r = core.TakeReady(); do what r says;
//   }
//
// Take a Ready once per turn of the loop, after all that is queued was given to the core: that is
// what makes batches. Everything runs on the owner's thread; nothing here is re-entrant.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "raft/config.h"
#include "raft/config_change.h"
#include "raft/entry.h"
#include "raft/log_reader.h"
#include "raft/message.h"
#include "raft/options.h"
#include "raft/ready.h"
#include "raft/refusal.h"
#include "raft/state_view.h"
#include "raft/types.h"

namespace keelson::raft {

class Core {
 public:
  // REQUIRES: ValidateOptions and ValidateInitialState are OK; `reader` outlives the core.
  Core(Options options, InitialState state, LogReader* reader);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // --- Inputs
  // -------------------------------------------------------------------------------------

  // One unit of time has passed.
  void Tick();

  // A message came in from the authenticated peer `from`. One that contradicts itself (another
  // sender, another receiver) is ignored. Entries must have passed their checksum.
  void Step(NodeId from, Message message);

  // Leader only: appends `payload` (null = empty). Returns the id under which it will be committed,
  // if it will: an entry applied at this index with another term means that it surely did not
  // happen. Errors: Refusal.
  absl::StatusOr<EntryId> Propose(std::shared_ptr<const std::string> payload);
  absl::StatusOr<EntryId> Propose(std::string payload);

  // Leader only: changes the membership. The new configuration holds at once (Raft thesis 4.1); the
  // change is complete when the configuration in force is committed and not joint. A joint one is
  // left by the leader, also by a later one. Errors: Refusal.
  absl::StatusOr<EntryId> ProposeConfChange(absl::Span<const ConfChange> changes);

  // Any member: asks for a linearizable read. `context` comes back in Ready::read_states or in
  // Ready::reads_failed (no leader answered within two election timeouts), exactly once.
  void RequestRead(uint64_t context);

  // All batches up to `seq` are complete. REQUIRES: `seq` was handed out; never less than before.
  void Persisted(uint64_t seq);

  // The state machine holds all entries up to `index`; what was reported before is ignored.
  // REQUIRES: they were handed out.
  void Applied(Index index);

  // Messages to `peer` may have been lost: stop streaming, probe.
  void PeerUnreachable(NodeId peer);

  // The connection over which `peer` sends its heartbeats closed. From the leader: it may be dead,
  // so stickiness to it ends and, after a small random delay, a pre-vote asks the others.
  void ConnectionClosed(NodeId peer);

  // Leader: builds the head of a snapshot stream to `peer` and remembers what it will hold. Errors:
  // kNotLeader; NotFound if `peer` is no member; FailedPrecondition if it does not need one any
  // more.
  absl::StatusOr<Message> OfferSnapshot(NodeId peer, SnapshotMeta meta);
  // The stream asked for by Ready::need_snapshot ended; `ok` = the peer has it all. Also to be
  // called when no stream could be started.
  void SnapshotSent(NodeId peer, bool ok);

  // What Ready::install_snapshot asked for is durable in log and state / was given up.
  // REQUIRES: it was asked for, and every batch handed out before is complete.
  void SnapshotInstalled(const SnapshotMeta& meta);
  void SnapshotInstallFailed();

  // Leader: hands over to `target` (none = the voter that is furthest). Proposals are refused until
  // it ends, at most one election timeout later. Errors: Refusal. Transfer to itself aborts a
  // running one.
  absl::Status TransferLeadership(NodeId target);

  // Entries below `first_kept` will be dropped from the log. To be called before they are.
  // REQUIRES: first_kept <= applied + 1. Errors: those of LogReader::TermAt; then nothing changed.
  absl::Status Compact(Index first_kept);

  // --- Output
  // -------------------------------------------------------------------------------------

  // Whether TakeReady may have something (it may still be empty).
  bool HasReady() const;
  Ready TakeReady();

  // --- What it believes
  // ---------------------------------------------------------------------------

  NodeId id() const;
  Term term() const;
  RoleKind role() const;
  bool IsLeader() const { return role() == RoleKind::kLeader; }
  NodeId leader() const;  // none = not known
  Index commit() const;
  Index applied() const;
  Index first_index() const;  // the first entry still in the log
  EntryId last() const;
  const Configuration& configuration() const;  // in force, maybe not committed
  Index configuration_index() const;
  // The last committed one, and where it was appended.
  const Configuration& committed_configuration() const;
  Index committed_configuration_index() const;
  // Leader: a quorum confirmed its leadership in a round that began within the last election
  // timeout.
  bool HasQuorumContact() const;
  StateView View() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::raft
