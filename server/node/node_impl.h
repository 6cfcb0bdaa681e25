// The parts of a node and how they are wired. Private to node*.cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "raft/core.h"
#include "server/node/auto_compactor.h"
#include "server/node/disk_guard.h"
#include "server/node/freshness.h"
#include "server/node/journal.h"
#include "server/node/leader_moves.h"
#include "server/node/lease_desk.h"
#include "server/node/machine.h"
#include "server/node/membership_desk.h"
#include "server/node/node.h"
#include "server/node/proposals.h"
#include "server/node/reads.h"
#include "server/node/revision_waits.h"
#include "server/node/snapshot_receiver.h"
#include "server/node/snapshot_sender.h"
#include "server/node/state_check.h"
#include "server/node/store_keeper.h"
#include "storage/snapshot/install.h"
#include "storage/wal/wal.h"

namespace keelson::server {

class Node::Impl {
 public:
  Impl(const NodeOptions& options, NodeSeams seams, Events events);
  ~Impl();

  // node_open.cc: recovery.
  absl::Status Open();

  // node.cc: life, clients.
  void Start(PeerNetwork* network);
  void Stop(const absl::Status& status);
  void Write(WriteKind kind, std::string_view request, WriteDone done,
             const RequestId* id = nullptr);
  void ChangeMember(MemberChange change, MembershipDesk::Done done);
  void FillHeader(etcdserverpb::ResponseHeader* header, bool revision) const;
  NodeStatus Status() const;
  NodeCounters Counters() const;

  // node_space.cc: quota and full disks.
  bool HasSpaceFor(int64_t cost);
  bool RefusesGrowth() const;

  // node_check.cc: damaged and differing states.
  bool OutOfService() const;

  // node_turn.cc: what follows from inputs.
  void EndTurn();
  void Tick();

  // node_peers.cc: messages of other members.
  void OnMessage(raft::NodeId from, PeerMessage message);
  void OnClosed(raft::NodeId peer);
  void SendRaft(std::vector<raft::Message> messages);
  void FlushPeers();

  // node_snapshot.cc
  using CheckpointDone = std::function<void(absl::StatusOr<SnapshotSender::CheckpointPtr>)>;
  void MakeCheckpoint(CheckpointDone done);

  NodeOptions options;  // fitted to the disk by Open, then constant
  const NodeSeams seams;
  const Events events;
  Identity identity;
  uint64_t boot_id = 0;
  PeerNetwork* network = nullptr;
  SlowLog slow_log;
  NodeTimes times;

  std::unique_ptr<storage::FileLock> lock;
  std::unique_ptr<DiskGuard> guard;
  std::unique_ptr<storage::Wal> wal;
  std::unique_ptr<raft::Core> core;
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<StoreKeeper> keeper;
  std::unique_ptr<Proposals> proposals;
  std::unique_ptr<Reads> reads;
  std::optional<Freshness> freshness;  // set by Open
  RevisionWaits revision_waits;
  std::unique_ptr<LeaderMoves> leader_moves;
  std::unique_ptr<LeaseTable> lease_table;
  std::unique_ptr<LeaseDesk> leases;
  std::unique_ptr<MembershipDesk> membership;
  std::unique_ptr<WatchHub> watches;
  std::unique_ptr<SnapshotSender> snapshot_sender;
  std::unique_ptr<SnapshotReceiver> snapshot_receiver;
  std::unique_ptr<StateCheck> state_check;

 private:
  // node_open.cc; BecomeOnlyMember in node_force.cc
  absl::Status OpenOnFullDisk();
  absl::Status OpenLogAndStore();
  absl::Status OpenStore();
  std::unique_ptr<Machine> MakeMachine(std::unique_ptr<storage::MvccStore> store) const;
  absl::Status OpenLog(storage::WalRecovery* found);
  absl::Status FinishSnapshotInstall(storage::WalRecovery* found);
  absl::StatusOr<raft::InitialState> RecoverState(const storage::WalRecovery& found);
  absl::Status BecomeOnlyMember(storage::WalRecovery* found);
  absl::Status MakeCore(const storage::WalRecovery& found);
  void MakeParts();
  void MakeQueues();
  void MakeLeasesAndWatches();
  void LoadLeases();
  void MakeSnapshotParts();
  LeaseDesk::Node LeaseDeskNode();
  MembershipDesk::Node MembershipDeskNode();

  // node_snapshot.cc
  std::string StoreRoot() const;
  storage::MvccOptions StoreOptions() const;
  void StartCheckpoint();
  absl::StatusOr<raft::Message> OfferSnapshot(raft::NodeId peer,
                                              const storage::SnapshotManifest& manifest);
  void InstallSnapshot(const raft::SnapshotMeta& meta);
  void SwitchToSnapshot(const raft::SnapshotMeta& meta);
  void SaveInstalled(const raft::SnapshotMeta& meta, storage::OpenedStore opened);
  void FinishInstall(const raft::SnapshotMeta& meta, storage::OpenedStore opened);
  void RetireStore(std::unique_ptr<storage::MvccStore> store, uint64_t generation);

  // node_space.cc
  void MakeDiskGuard(const std::string& member_dir, bool full);
  bool HasRoomToFlush(uint64_t bytes);
  void PauseCompactionsWithoutRoom();
  bool DiskHasRoomFor(int64_t cost);
  storage::Wal::Growth LogGrowth() const;
  void OnRoomChanged();
  void RetryWhatFoundNoRoom();
  void TickSpace(Instant now);
  void TellOwnAlarm();
  void ClearAlarmsThatPassed();
  void HandOverIfUnfit();
  static std::string AlarmEntry(bool active, uint64_t member, AlarmKind kind);
  void ReopenStoreIfSpent();
  void ReplayOntoSuccessor();
  void TakeSuccessor();

  // node_check.cc
  void MakeStateCheck();
  void TickCheck(Instant now);
  void VerifyFiles(Instant now);
  void OnDamage(const absl::Status& status);
  void TellOwnDamage();
  void OnDifference(const std::vector<raft::NodeId>& wrong);
  void RaiseCorrupt(raft::NodeId member);
  void LeaveServiceIfCorrupt();

  // node.cc
  void Publish();
  void TellVersion();
  void TellReadyIfDue();
  void RaiseClusterVersion();
  void CompactIfDue();
  void OnFactsChanged();

  // node_turn.cc
  void Pump();
  void TakeReady(raft::Ready ready);
  void NoteFreshness(const raft::Ready& ready);
  void OnSoftState(const raft::SoftState& state);
  bool MayApply() const;
  void ApplySome();
  void StartLarge();
  void AfterLarge(Instant begin);
  void Applied(AppliedSlice slice, Instant begin);
  void AfterSlice(AppliedSlice& slice, Instant begin, Instant end);
  void Answer(AppliedSlice& slice, Instant begin, Instant end);
  // Now, where Loop::Now may be the time at which the turn began.
  Instant Live() const;
  void PromoteLeasesIfDue(const AppliedSlice& slice);
  void OnFlushed(raft::EntryId applied);
  void WatchStalls();
  void Fatal(const absl::Status& status);
  Proposals::Attempt SendProposal(uint64_t sequence, const Proposals::Payload& payload);
  absl::StatusOr<raft::EntryId> ProposeHere(const Proposals::Payload& payload);
  bool ProposeExpiry(const std::vector<int64_t>& ids);
  bool ProposeCheckpoints(const std::vector<LeaseCheckpoint>& checkpoints);
  std::shared_ptr<const std::string> EncodeEntry(uint64_t sequence, WriteKind kind,
                                                 std::string_view request,
                                                 const RequestId* id = nullptr) const;

  // node_peers.cc
  PeerRefusal Admit(const PeerHello& peer) const;
  uint64_t IncarnationOf(raft::NodeId member) const;
  std::vector<KnownMember> KnownMembers() const;
  void OnRefused(const PeerFault& fault);
  void OnForward(raft::NodeId from, const ForwardProposal& forward);
  void UpdatePeers();
  void TellPeers();
  void PartWithRemoved();
  void PromoteLearners(Instant now);

  raft::SoftState soft_state_;
  raft::Index ready_at_;    // recovered commit: serve once it is applied
  bool caught_up_ = false;  // with ready_at_
  bool told_ready_ = false;
  bool started_ = false;
  bool stopped_ = false;
  bool installing_ = false;  // a snapshot: nothing is applied meanwhile
  uint64_t generation_ = 0;  // of the store in use
  uint64_t sealed_generation_ = 0;
  uint64_t checkpoints_ = 0;
  std::vector<CheckpointDone> checkpoint_wanted_;  // of what is flushed
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  bool lease_promotion_due_ = false;
  bool published_ = false;        // this member's attributes are known, or on their way
  uint32_t told_version_ = 0;     // of the cluster, in the log
  bool raising_version_ = false;  // the cluster's: it is on its way
  bool peers_wait_ = false;       // more than commit notices was said to them since the last flush
  bool raising_alarm_ = false;    // or clearing one: it is on its way through the log
  bool telling_own_alarm_ = false;  // the same of the alarm of this member's disk
  bool damaged_ = false;            // the disk gave other bytes than were written
  bool left_service_ = false;       // its clients were told
  bool telling_corrupt_ = false;    // an alarm of it is on its way through the log
  bool verifying_ = false;          // files are being read
  uint64_t verify_next_ = 0;
  Instant verify_due_;
  std::unique_ptr<Machine> successor_;  // of a spent store, while the log is replayed onto it
  uint64_t reopened_generation_ = 0;
  // The configurations in force and committed that the network was told.
  std::pair<raft::Index, raft::Index> peers_as_of_{UINT64_MAX, UINT64_MAX};
  std::map<raft::NodeId, std::vector<std::string>> peers_told_;  // by URLs; of them:
  std::map<raft::NodeId, Instant> leaving_;  // until when the network keeps them
  Instant leaderless_since_;
  CommitTimes commit_times_;
  std::optional<AutoCompactor> compactor_;  // set by Start
  Instant stall_told_{INT64_MIN};           // of the log write that began then
  int leaderless_ticks_ = 0;
  Instant promotion_due_;       // with NodeOptions::auto_promote, the next try
  bool promoting_ = false;      // a try is on its way
  raft::NodeId promoted_last_;  // whom the last try was about
  int removed_ticks_ = 0;       // since this member knows that it was removed
  uint64_t leader_changes_ = 0;
  NodeCounters counters_;
  Loop::TimerId tick_timer_ = 0;
};

}  // namespace keelson::server
