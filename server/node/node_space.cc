// Quota and full disks: what the member refuses, tells the cluster, and takes up again when there
// is room (README, "When the disk is full").
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "raft/quorum.h"
#include "server/node/node_impl.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

// What `bytes` of a memtable take up as a table file: no more but for what describes its blocks.
uint64_t TableBytes(uint64_t bytes) { return bytes + bytes / 16; }

}  // namespace

std::string Node::Impl::AlarmEntry(bool active, uint64_t member, AlarmKind kind) {
  v1::AlarmChange change;
  change.set_active(active);
  change.set_member(member);
  change.set_alarm(static_cast<etcdserverpb::AlarmType>(kind));
  return change.SerializeAsString();
}

void Node::Impl::MakeDiskGuard(const std::string& member_dir, bool full) {
  DiskGuard::Environment environment;
  environment.runner = seams.runner;
  environment.logger = seams.logger;
  environment.fs = seams.fs;
  environment.dir = member_dir;
  environment.on_change = [this](bool) { OnRoomChanged(); };
  environment.on_failed = [this](const absl::Status& status) { Fatal(status); };
  DiskGuard::Limits limits;
  limits.reserve_bytes = options.disk_reserve_bytes;
  limits.floor_bytes = options.disk_reserve_bytes / 2;
  guard = std::make_unique<DiskGuard>(std::move(environment), limits, full);
}

bool Node::Impl::HasRoomToFlush(uint64_t bytes) {
  if (!guard->HasRoomFor(TableBytes(bytes))) {
    guard->FoundNoSpace();
    return false;
  }
  // Else it waits for the compactions that run.
  return guard->HasRoomFor(TableBytes(bytes) + machine->store().compacting_bytes());
}

// A compaction that finds no room for its output is work for nothing, and takes the room of
// flushes.
void Node::Impl::PauseCompactionsWithoutRoom() {
  storage::MvccStore& store = machine->store();
  const uint64_t beside = options.disk_reserve_bytes / 4;
  store.PauseCompactions(!guard->HasRoomFor(store.disk_bytes() + beside) &&
                         !guard->HasRoomFor(store.next_compaction_bytes() + beside));
}

storage::Wal::Growth Node::Impl::LogGrowth() const {
  const uint64_t room = options.wal_segment_bytes + options.disk_reserve_bytes;
  return !guard->full() && guard->HasRoomFor(room) ? storage::Wal::Growth::kAllowed
                                                   : storage::Wal::Growth::kNone;
}

void Node::Impl::OnRoomChanged() {
  if (stopped_) return;
  PauseCompactionsWithoutRoom();
  if (guard->full()) snapshot_sender->DropKept();
  RetryWhatFoundNoRoom();
  TellOwnAlarm();
}

void Node::Impl::RetryWhatFoundNoRoom() {
  journal->Retry();
  if (!installing_) keeper->Retry();
  ReopenStoreIfSpent();
}

void Node::Impl::TickSpace(Instant now) {
  guard->Tick(now);
  PauseCompactionsWithoutRoom();
  RetryWhatFoundNoRoom();
  TellOwnAlarm();
  HandOverIfUnfit();
  if (core->IsLeader()) ClearAlarmsThatPassed();
}

bool Node::Impl::RefusesGrowth() const {
  if (guard->full()) return true;
  const ClusterFacts& facts = machine->facts();
  if (facts.alarms().empty()) return false;
  if (facts.HasAlarm(AlarmKind::kNoSpace)) return true;
  return !raft::HasQuorum(core->configuration(), [&facts](raft::NodeId id) {
    return !facts.HasAlarm(id.value(), AlarmKind::kDiskFull);
  });
}

// What is still in memory has to fit on the disk too, and the disk is looked at only now and then.
bool Node::Impl::DiskHasRoomFor(int64_t cost) {
  const uint64_t unwritten = machine->store().flush_bytes() + static_cast<uint64_t>(cost);
  if (guard->HasRoomFor(TableBytes(unwritten) + options.disk_reserve_bytes / 2)) return true;
  guard->FoundNoSpace();
  return false;
}

bool Node::Impl::HasSpaceFor(int64_t cost) {
  if (RefusesGrowth() || !DiskHasRoomFor(cost)) return false;
  if (options.quota_bytes < 0) return true;
  if (machine->store().db_size() + cost < options.quota_bytes) return true;
  if (!raising_alarm_) {
    raising_alarm_ = true;
    Write(WriteKind::kAlarm, AlarmEntry(true, identity.member.value(), AlarmKind::kNoSpace),
          [this](const ApplyResult&) { raising_alarm_ = false; });
    seams.logger->Warn(
        kCaller,
        "the database space quota is exceeded; writes that grow it "
        "are refused until keys are deleted and history compacted",
        {{"quota-bytes", options.quota_bytes}, {"db-size", machine->store().db_size()}});
  }
  return false;
}

// The alarm of a full disk is its member's own to raise and to clear.
void Node::Impl::TellOwnAlarm() {
  if (telling_own_alarm_ || !caught_up_ || core->leader().IsNone()) return;
  const uint64_t self = identity.member.value();
  if (machine->facts().HasAlarm(self, AlarmKind::kDiskFull) == guard->full()) return;
  telling_own_alarm_ = true;
  Write(WriteKind::kAlarm, AlarmEntry(guard->full(), self, AlarmKind::kDiskFull),
        [this](const ApplyResult&) { telling_own_alarm_ = false; });
}

// The leader clears what nobody else will: the quota's alarms, and those of members that have left.
void Node::Impl::ClearAlarmsThatPassed() {
  if (raising_alarm_) return;
  // Well below the quota, so that the alarm doesn't come and go with every write.
  const bool below_quota =
      options.quota_bytes >= 0 && machine->store().db_size() < options.quota_bytes / 10 * 9;
  for (const auto& [member, kind] : machine->facts().alarms()) {
    const raft::NodeId id(member);
    const bool passed =
        kind == AlarmKind::kNoSpace
            ? below_quota
            : (kind == AlarmKind::kDiskFull && !core->configuration().IsMember(id)) ||
                  (kind == AlarmKind::kCorrupt && core->configuration().removed.contains(id));
    if (!passed) continue;
    raising_alarm_ = true;
    return Write(WriteKind::kAlarm, AlarmEntry(false, member, kind),
                 [this](const ApplyResult&) { raising_alarm_ = false; });
  }
}

// A leader whose own disk is full would hold up writes that the others have room for; one whose
// state is wrong would send it to others.
void Node::Impl::HandOverIfUnfit() {
  if (!(guard->full() || OutOfService()) || !core->IsLeader()) return;
  const raft::StateView view = core->View();
  if (!view.transfer_target.IsNone()) return;
  const raft::PeerStatus* best = nullptr;
  for (const raft::PeerStatus& peer : view.peers) {
    const bool takes_over = view.configuration.IsVoter(peer.id) && peer.recently_active &&
                            !machine->facts().HasAlarm(peer.id.value(), AlarmKind::kDiskFull) &&
                            !machine->facts().HasAlarm(peer.id.value(), AlarmKind::kCorrupt);
    if (takes_over && (best == nullptr || peer.match > best->match)) best = &peer;
  }
  if (best == nullptr) return;
  seams.logger->Warn(kCaller,
                     guard->full() ? "hands leadership over: its disk is full"
                                   : "hands leadership over: its data is corrupt",
                     {{"to", Hex(best->id.value())}});
  // Refused where it is about to end anyway.
  (void)core->TransferLeadership(best->id);
}

// A flush or compaction that found the disk full has spent the store: it can be read, not written.
// What it has flushed becomes the next generation, onto which the log is replayed; until that has
// caught up the spent one serves reads.
void Node::Impl::ReopenStoreIfSpent() {
  if (!keeper->free_to_replace() || installing_ || stopped_) return;
  if (!guard->HasRoomFor(options.disk_reserve_bytes / 8)) return;
  keeper->BeginReplacing();
  std::shared_ptr<storage::ReopenJob> job =
      storage::StartReopen(machine->store(), seams.fs, StoreRoot(), StoreOptions());
  auto status = std::make_shared<absl::Status>();
  seams.runner->Run(
      Runner::Lane::kStore, [job, status] { *status = job->Run(); },
      [this, job, status] {
        if (stopped_) return;
        if (absl::IsResourceExhausted(*status)) {
          guard->FoundNoSpace();
          return keeper->ReplacingFailed();
        }
        if (!status->ok()) return Fatal(*status);
        storage::OpenedStore opened = job->TakeOpened();
        reopened_generation_ = opened.generation;
        successor_ = MakeMachine(std::move(opened.store));
        if (auto loaded = successor_->Load(); !loaded.ok()) return Fatal(loaded);
        ReplayOntoSuccessor();
      });
}

// One slice a turn. Nobody is told: all of it was applied and answered before.
void Node::Impl::ReplayOntoSuccessor() {
  if (stopped_) return;
  if (successor_->applied() == machine->applied()) return TakeSuccessor();
  if (successor_->backlog() == 0) {
    auto entries =
        wal->Read(successor_->applied().Next(), machine->applied().Next(), options.apply.bytes);
    if (!entries.ok()) return Fatal(entries.status());
    successor_->Enqueue(*std::move(entries));
  }
  const auto go_on = [this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) ReplayOntoSuccessor();
  };
  if (successor_->front_is_large()) {
    const auto finish = [this, alive = std::weak_ptr<char>(alive_), go_on] {
      if (alive.expired() || stopped_) return;
      if (auto slice = successor_->FinishLarge(); !slice.ok()) return Fatal(slice.status());
      go_on();
    };
    return seams.runner->Run(Runner::Lane::kApply, successor_->StartLarge(), finish);
  }
  if (auto slice = successor_->ApplySlice(options.apply); !slice.ok()) {
    return Fatal(slice.status());
  }
  seams.loop->Post(go_on);
}

void Node::Impl::TakeSuccessor() {
  successor_->Enqueue(machine->TakeQueue());
  auto spent = std::exchange(machine, std::move(successor_));
  RetireStore(spent->TakeStore(), std::exchange(generation_, reopened_generation_));
  PauseCompactionsWithoutRoom();
  seams.logger->Info(kCaller, "the store is open again after a full disk",
                     {{"applied-index", machine->applied().value()}, {"generation", generation_}});
  keeper->Replaced();
}

}  // namespace keelson::server
