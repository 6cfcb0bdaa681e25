// One member: the Raft core, its log and its state machine, driven by the four seams.
//
//   clients --Write/WhenReadable--> proposals, reads --+
//   peers   --OnMessage--------------------------------+--> raft::Core --Ready--> journal (disk)
//   ticks   -------------------------------------------+                    \---> peers
//                                                                            \--> machine (apply)
//   applied: commit index written, then answers, then watchers
//
// The node never opens a socket or a thread, and reads no clock but the loop's. All inputs of a
// turn are taken in first; EndTurn then does everything that follows from them, once. Loop thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "raft/core.h"
#include "server/apply/applier.h"
#include "server/apply/request_id.h"
#include "server/lease/lease_table.h"
#include "server/log/logger.h"
#include "server/node/duration_histogram.h"
#include "server/node/identity.h"
#include "server/node/leader_moves.h"
#include "server/node/lease_desk.h"
#include "server/node/membership_desk.h"
#include "server/node/node_options.h"
#include "server/node/peer_network.h"
#include "server/node/reads.h"
#include "server/node/revision_waits.h"
#include "server/node/seams.h"
#include "server/node/slow_log.h"
#include "server/watch/watch_hub.h"
#include "storage/fs/fs.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/snapshot/checkpoint.h"

namespace etcdserverpb {
class ResponseHeader;
}

namespace keelson::server {

// The world of a node. Everything outlives it.
struct NodeSeams {
  Loop* loop = nullptr;
  Runner* runner = nullptr;
  Random random;
  storage::FileSystem* fs = nullptr;
  // The file system for RocksDB; null: its own.
  storage::FileSystem* store_fs = nullptr;
  const Logger* logger = nullptr;
  // Hears of every applied change, in order, before anybody else does. May be unset.
  std::function<void(std::span<const storage::Change>)> on_applied;
};

// What a client can write; the numbers of the fields of keelson.v1.LogEntry.
enum class WriteKind : uint32_t {
  kPut = 10,
  kDeleteRange = 11,
  kTxn = 12,
  kCompact = 13,
  kLeaseGrant = 14,
  kLeaseRevoke = 15,
  kLeaseExpire = 16,
  kAlarm = 17,
  kMemberAttributes = 18,
  kClusterVersion = 19,
  kLeaseCheckpoint = 20,
};

// What monitoring and the status page show of a node.
struct NodeStatus {
  uint64_t cluster_id = 0;
  raft::NodeId member;
  raft::NodeId leader;
  raft::Term term;
  raft::Index last;
  raft::Index commit;
  raft::Index applied;
  bool is_leader = false;
  bool is_learner = false;
  uint64_t leader_changes = 0;
  uint64_t proposals_failed = 0;
  size_t proposals_pending = 0;
  Duration log_write_for{};  // how long the write under way to the log has taken; 0: there is none
};

// What a process has met since its start, for monitoring and for tests that must have met it.
struct NodeCounters {
  uint64_t snapshots_sent = 0;
  uint64_t snapshots_installed = 0;
  uint64_t installs_finished_at_start = 0;  // of a snapshot, that the end of a process interrupted
  uint64_t torn_log_tails_cut = 0;          // at the start
  uint64_t slow_applies = 0;                // slices that took longer than NodeOptions::slow_apply
  uint64_t slow_reads = 0;                  // rounds of linearizable reads; the same bound
  uint64_t failed_reads = 0;                // rounds that the leader did not answer
  uint64_t log_bytes = 0;                   // written to the log
  uint64_t leases_checkpointed = 0;         // proposed, as the leader
  uint64_t leases_expired = 0;              // as the leader
  uint64_t checkpoints_cleared = 0;         // the same, for keep-alives
  uint64_t state_walks = 0;         // that compared all of the members' states, as the leader
  uint64_t identity_conflicts = 0;  // reports of a wiped or restored disk under an old id
};

// How long the disk and the state machine took.
struct NodeTimes {
  RoundTripHistogram apply;        // one slice of entries
  DurationHistogram log_sync;      // write and sync of what went to the log at once
  DurationHistogram store_commit;  // writing what one slice of entries did to the store
};

class Node {
 public:
  using WriteDone = std::function<void(ApplyResult)>;

  struct Events {
    // The member can't go on: an unusable disk (the message names the file) or its own removal.
    std::function<void(const absl::Status&)> on_fatal;
    // Serve now: everything that this member knew to be committed before it started is applied,
    // and the cluster has heard this member's name and client URLs. Only a first start waits for
    // the latter.
    std::function<void()> on_ready;
  };

  // Opens the data directory and recovers. Blocks; call it before the loop runs. Errors name the
  // file or flag and say what to do.
  static absl::StatusOr<std::unique_ptr<Node>> Open(const NodeOptions& options, NodeSeams seams,
                                                    Events events);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // The ids for the peer transport, known after Open.
  const Identity& identity() const;
  uint64_t boot_id() const;

  // Starts ticking and talking. `network` outlives the node.
  void Start(PeerNetwork* network);

  // Does what follows from the inputs of this turn. Called by the loop at the end of each turn.
  void EndTurn();

  // Writes out what EndTurn left for last: what tells peers of commits and nothing else.
  // Called once the turn's answers are written.
  void FlushPeers();

  // Ends everything that clients wait for with `status`; no callback comes afterwards.
  void Stop(const absl::Status& status);

  // --- what handlers ask for ---

  // Proposes a write. `request` is the serialized request message, checked already. `done` comes
  // once: with the applied result, or an error: Unavailable means unknown or no leader, see
  // Proposals; ResourceExhausted means refused.
  void Write(WriteKind kind, std::string_view request, WriteDone done);

  // The same for a write that its client named: applied once, however often it is sent and to whom;
  // ApplyResult::named says what the log made of it, and its status whether it is done.
  void WriteNamed(WriteKind kind, std::string_view request, const RequestId& id, WriteDone done);
  // Its final answer, where this member has applied it; else nothing can be told.
  std::optional<ApplyResult> RecordedAnswer(WriteKind kind, const RequestId& id) const;
  // The position for ids that are made from now on.
  uint64_t request_position() const;

  // Changes the membership for a client, by way of the leader and under its checks. `done` comes
  // once: OK when the change holds here, too; else an error as of Write, or the reason against it.
  void ChangeMember(MemberChange change, MembershipDesk::Done done);

  // Calls `done` as soon as a read of View() is linearizable.
  void WhenReadable(Reads::Done done);

  // A moment of Loop::BootNanos before which every write that was acknowledged to any client is in
  // View(); nullopt while that is unknown. See Freshness.
  std::optional<uint64_t> FreshnessAnchor();

  // The last such moment at which a quorum is known to have had a leader that this member hears, or
  // is, also where View() lags behind it; nullopt while there is none. See Freshness.
  std::optional<uint64_t> QuorumHeard() const;

  // Calls `done` once `revision` is in View(), at the end of a turn at the earliest. The id is for
  // CancelWait.
  uint64_t WhenRevision(int64_t revision, RevisionWaits::Done done);
  void CancelWait(uint64_t id);

  // The state applied now: for reads, after WhenReadable or without it (serializable).
  storage::ReadViewPtr View();

  LeaseDesk& leases();
  LeaseTable& lease_table();
  WatchHub& watches();
  const ClusterFacts& facts() const;
  const raft::Configuration& configuration() const;
  NodeStatus status() const;
  NodeCounters counters() const;
  const NodeTimes& times() const;
  SlowLog& slow_log();
  storage::MvccStore& store();
  const NodeOptions& options() const;
  Runner& runner();
  Loop& loop();
  const Random& random() const;

  bool HasLeader() const;
  // Fills cluster_id, member_id and raft_term; and the store's revision where `revision` is set.
  void FillHeader(etcdserverpb::ResponseHeader* header, bool revision = true) const;
  // Whether quota and disks let `cost` more bytes in; raises the alarm where the quota doesn't.
  bool HasSpaceFor(int64_t cost);
  // Writes that grow the data are refused here: by an alarm, or because this member's disk is full,
  // or those of so many members that the others are no quorum.
  bool RefusesGrowth() const;
  // This member's data is known to be wrong: what it would tell of keys is not to be trusted.
  bool OutOfService() const;

  // Flushes, and calls `done` with a frozen copy of what is applied here. It holds files: let it go
  // soon, and where blocking does no harm (Runner::Lane::kStore).
  void MakeCheckpoint(
      std::function<void(absl::StatusOr<std::shared_ptr<const storage::Checkpoint>>)> done);

  // Hands leadership to `target` and calls `done` once it leads, or with the error that a client is
  // to see; see LeaderMoves.
  void MoveLeader(raft::NodeId target, LeaderMoves::Done done);
  // The same without waiting (none: to whoever is furthest).
  absl::Status TransferLeadership(raft::NodeId target);
  // Changes the membership without any check but raft's; OK means proposed. Leader only. For tests
  // and the simulator.
  absl::Status ChangeMembership(absl::Span<const raft::ConfChange> changes);

  // For tests and the simulator.
  const raft::Core& core() const;

 private:
  class Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::server
