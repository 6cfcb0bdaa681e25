// The protocol over its parts: each part owns its state (Log, DiskQueue, ConfigHistory, Progress,
// ReadRounds, ForwardedReads, the role); the functions here connect them. One .cc file per concern.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raft/config_history.h"
#include "raft/core.h"
#include "raft/disk_queue.h"
#include "raft/forwarded_reads.h"
#include "raft/log.h"
#include "raft/quorum.h"
#include "raft/roles.h"

namespace keelson::raft {

class Core::Impl {
 public:
  Impl(Options options, InitialState state, LogReader* reader);

  // Inputs and output, as in core.h.
  void Tick();
  void Step(NodeId from, Message message);
  absl::StatusOr<EntryId> Propose(std::shared_ptr<const std::string> payload);
  absl::StatusOr<EntryId> ProposeConfChange(absl::Span<const ConfChange> changes);
  void RequestRead(uint64_t context);
  void Persisted(uint64_t seq);
  void Applied(Index index);
  void PeerUnreachable(NodeId peer);
  void ConnectionClosed(NodeId peer);
  absl::StatusOr<Message> OfferSnapshot(NodeId peer, SnapshotMeta meta);
  void SnapshotSent(NodeId peer, bool ok);
  void SnapshotInstalled(const SnapshotMeta& meta);
  void SnapshotInstallFailed();
  absl::Status TransferLeadership(NodeId target);
  absl::Status Compact(Index first_kept);
  bool HasReady() const { return dirty_; }
  Ready TakeReady();

  NodeId id() const { return options_.id; }
  Term term() const { return term_; }
  RoleKind role() const { return static_cast<RoleKind>(role_.index()); }
  NodeId leader() const;
  const Log& log() const { return log_; }
  Index applied() const { return applied_; }
  const ConfigHistory& configs() const { return configs_; }
  bool HasQuorumContact() const;
  StateView View() const;

 private:
  enum class Campaigning { kPreVote, kElection, kTransfer };

  // impl.cc: construction, time, dispatch
  void TickWithoutLeader();
  void TickAsLeader(Leader& leader);
  bool AcceptsSender(NodeId from, const Message& message);
  bool AcceptsTerm(NodeId from, const Message& message);
  void RefuseOldTerm(NodeId from, const Message& message);
  void Dispatch(NodeId from, Message& message);
  bool NoteIncarnation(NodeId from, uint64_t incarnation);
  void ReportConflict(NodeId peer, uint64_t expected, uint64_t found);
  bool OwnIdentityRefused() const;
  Message Make(NodeId to, MessageBody body) const;
  void Send(NodeId to, MessageBody body);
  void SendWhenDurable(NodeId to, MessageBody body);
  // For answers: waits while this term itself is not durable (pitfall 2).
  void Answer(NodeId to, MessageBody body);

  // election.cc
  void ResetElectionTimer();
  void CampaignSoon(uint64_t heartbeats);
  bool MayDecide() const;
  bool MayCampaign() const;
  bool HearsLeader() const;
  void Campaign(Campaigning how);
  void CountVotes();
  VoteResult Tally(const Votes& votes) const;
  bool MayWin(const Candidate& candidate) const;
  static uint64_t HeardAt(const Candidate& candidate, NodeId voter);
  void YieldTo(NodeId other, const VoteRequest& request);
  Follower FreshFollower() const;
  void BecomeFollower(Term term, NodeId leader, StepDown reason);
  void BecomeLeader();
  void LeaveLeadership(Leader& leader, StepDown reason);
  void Handle(NodeId from, Term term, const VoteRequest& request);
  void Handle(NodeId from, Term term, const VoteResponse& response);
  void Handle(NodeId from, Term term, const TimeoutNow& request);

  // follower.cc
  Follower* Follow(NodeId from);
  bool IsWellFormed(Term term, const AppendRequest& request) const;
  bool SkipCommitted(AppendRequest& request) const;
  bool AppendNew(const AppendRequest& request);
  void TruncateAfter(EntryId keep);
  void CommitAsFollower(Index index);
  void Reject(NodeId from, const AppendRequest& request);
  void FlushFollower(Follower& follower);
  Index Acknowledgeable(const Follower& follower) const;
  void Handle(NodeId from, Term term, AppendRequest& request);
  void Handle(NodeId from, Term term, const Heartbeat& heartbeat);

  // leader.cc
  absl::Status CheckProposal(const Leader* leader, size_t payload_bytes) const;
  EntryId AppendAsLeader(Leader& leader, EntryType type,
                         std::shared_ptr<const std::string> payload);
  bool CommittedInTerm(const Leader& leader) const { return log_.commit() >= leader.term_start; }
  void MaybeCommit(Leader& leader);
  bool HeardLately(const Peer& peer) const {
    return now_ - peer.heard_at < static_cast<uint64_t>(options_.election_ticks);
  }
  Peer* Heard(Leader& leader, NodeId from, const FreshnessStamp& stamp);
  void Acknowledged(Leader& leader, Progress& progress, Index match);
  void ContinueTransfer(Leader& leader);
  NodeId FurthestVoter(const Leader& leader) const;
  void Handle(NodeId from, Term term, const AppendResponse& response);
  void Handle(NodeId from, Term term, const HeartbeatResponse& response);

  // replication.cc
  void FlushLeader(Leader& leader);
  // True if a message with the current read nonce left.
  bool FlushPeer(Leader& leader, NodeId id, Peer& peer);
  bool SendAppend(Leader& leader, NodeId id, Peer& peer, bool with_entries);
  void NeedSnapshot(NodeId id, Peer& peer);
  void SendHeartbeat(Leader& leader, NodeId id, const Peer& peer);
  void DropLeavingPeers(Leader& leader);

  // membership.cc
  absl::Status CheckPromotions(const Leader& leader, absl::Span<const ConfChange> changes) const;
  EntryId AppendConfiguration(Leader& leader, Configuration configuration);
  void SyncPeers(Leader& leader);
  void AfterConfigurationCommit(Leader& leader);
  void RecordIncarnations(Leader& leader);
  bool IsVouchedFor(const Leader& leader, NodeId voter) const;

  // reads.cc
  void BeginRound(Leader& leader);
  bool IsRoundConfirmed(const Leader& leader) const;
  void AnswerRound(Leader& leader, NodeId from, const ReadNonce& nonce);
  void FinishRound(Leader& leader);
  void FailReads(const std::vector<PendingRead>& reads);
  void FlushForwardedReads(NodeId leader);
  void TickReads();
  void Handle(NodeId from, Term term, const ReadIndexRequest& request);
  void Handle(NodeId from, Term term, const ReadIndexResponse& response);

  // snapshot.cc
  void Handle(NodeId from, Term term, const SnapshotOffer& offer);

  // output.cc
  HardState CurrentHardState() const;
  void HandOutCommitted();
  void HandOutPersist();
  void ReportSoftState();

  bool IsCommitted(const ConfigHistory::At& at) const { return at.index <= log_.commit(); }
  const Configuration& configuration() const { return configs_.latest().configuration; }

  const Options options_;
  uint64_t now_ = 0;  // ticks since construction
  Term term_;
  NodeId vote_;
  Log log_;
  DiskQueue disk_;
  ConfigHistory configs_;
  Role role_;
  uint64_t election_deadline_ = 0;  // tick at which a member without leader campaigns
  uint64_t hurry_until_ = 0;        // the leader was lost: retries follow each other quickly
  ForwardedReads reads_;
  NodeId reads_asked_of_;
  uint64_t reads_asked_at_ = 0;
  std::optional<SnapshotMeta> installing_;

  // Entries handed out and not yet applied, oldest first.
  struct Backlog {
    Index last;
    size_t bytes;
  };
  Index applied_;
  std::deque<Backlog> backlog_;
  size_t backlog_bytes_ = 0;

  absl::btree_map<NodeId, uint64_t> conflict_reported_at_;  // tick, to report it rarely
  SoftState reported_;
  bool dirty_ = true;
  Ready out_;  // what the next TakeReady returns
};

}  // namespace keelson::raft
