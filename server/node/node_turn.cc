// What follows from the inputs of a turn: Ready by Ready to the disk, the peers and the machine.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/keelson/entry.pb.h"
#include "raft/refusal.h"
#include "server/apply/errors.h"
#include "server/node/node_impl.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

// Changes of one slice that are too many to be handled one by one on the loop.
constexpr size_t kManyChanges = 8192;

}  // namespace

void Node::Impl::EndTurn() {
  if (stopped_ || !started_) return;
  if (proposals->has_waiting()) {
    proposals->SendWaiting(
        [this](uint64_t sequence, const Proposals::Payload& payload) {
          return SendProposal(sequence, payload);
        },
        seams.loop->Now());
  }
  reads->Ask([this](uint64_t context) { core->RequestRead(context); });
  Pump();
  journal->Kick();
  if (peers_wait_) FlushPeers();
  ApplySome();
  if (stopped_) return;
  reads->Serve(machine->applied(), seams.loop->Now());
  const bool served = revision_waits.Serve(machine->store().revision());
  leader_moves->Settle(seams.loop->Now());
  Pump();
  journal->Kick();
  if (peers_wait_) FlushPeers();
  watches->Deliver();
  // What the answers above have queued (a read that proposes, a further slice) takes a new turn.
  if (served || MayApply() || core->HasReady()) seams.loop->Post([] {});
}

void Node::Impl::Pump() {
  while (!stopped_ && core->HasReady()) TakeReady(core->TakeReady());
  UpdatePeers();
}

void Node::Impl::TakeReady(raft::Ready ready) {
  if (ready.soft_state) OnSoftState(*ready.soft_state);
  NoteFreshness(ready);
  SendRaft(std::move(ready.messages));
  if (ready.persist) {
    journal->Add(*std::move(ready.persist), std::move(ready.messages_after_persist));
  } else {
    KEELSON_CHECK(ready.messages_after_persist.empty(), "such messages come with a batch");
  }
  if (!ready.committed.empty()) {
    commit_times_.Note(ready.committed.back().index, seams.loop->Now());
    machine->Enqueue(std::move(ready.committed));
  }
  for (const raft::ReadState& read : ready.read_states) {
    reads->Confirmed(read.context, read.index, seams.loop->Now());
  }
  for (const uint64_t context : ready.reads_failed) reads->Failed(context);
  counters_.identity_conflicts += ready.identity_conflicts.size();
  for (const raft::IdentityConflict& conflict : ready.identity_conflicts) {
    seams.logger->Error(kCaller,
                        "a member answers from another data directory than the cluster knows; "
                        "remove it and add it again under a new id",
                        {{"member", Hex(conflict.peer.value())},
                         {"expected-incarnation", Hex(conflict.expected)},
                         {"found-incarnation", Hex(conflict.found)}});
  }
  for (const raft::SnapshotNeed& need : ready.need_snapshot) {
    // A wrong state stays where it is.
    if (OutOfService()) {
      core->SnapshotSent(need.peer, false);
    } else {
      snapshot_sender->Send(need.peer, need.at_least);
    }
  }
  if (ready.install_snapshot) InstallSnapshot(*ready.install_snapshot);
}

// Before the messages leave: nobody can have answered a round yet that begins here.
void Node::Impl::NoteFreshness(const raft::Ready& ready) {
  if (ready.freshness) freshness->Returned(*ready.freshness, seams.loop->BootNanos());
  // That of an earlier turn, before another one takes its place.
  if (ready.round_confirmed) freshness->RoundConfirmed(*ready.round_confirmed);
  if (!ready.round_began) return;
  freshness->RoundBegan(*ready.round_began, seams.loop->BootNanos());
  // A lone voter's is confirmed as it begins.
  if (ready.round_confirmed) freshness->RoundConfirmed(*ready.round_confirmed);
}

void Node::Impl::OnSoftState(const raft::SoftState& state) {
  const bool led = soft_state_.role == raft::RoleKind::kLeader;
  const bool leads = state.role == raft::RoleKind::kLeader;
  if (state.leader != soft_state_.leader) {
    if (!state.leader.IsNone()) ++leader_changes_;
    leaderless_since_ = state.leader.IsNone() ? seams.loop->Now() : Instant{INT64_MAX};
    leaderless_ticks_ = 0;
    seams.logger->Info(kCaller, state.leader.IsNone() ? "lost the leader" : "found a leader",
                       {{"leader", Hex(state.leader.value())}, {"term", state.term.value()}});
  }
  const bool new_reign = leads && (!led || state.term != soft_state_.term);
  soft_state_ = state;
  if (led && (!leads || new_reign)) {
    leases->OnDemoted();
    snapshot_sender->EndReign();
  }
  if (new_reign) lease_promotion_due_ = true;
  if (!leads) lease_promotion_due_ = false;
  if (!led && !leads) return;
  if (led != leads) {
    seams.logger->Info(kCaller, leads ? "became leader" : "stepped down",
                       {{"term", state.term.value()}});
  }
}

// While a store takes the place of another one nothing is applied.
bool Node::Impl::MayApply() const {
  return machine->has_work() && !installing_ && !keeper->spent();
}

void Node::Impl::ApplySome() {
  if (!MayApply()) return;
  const Instant begin = Live();
  if (!machine->front_is_large()) {
    auto slice = machine->ApplySlice(options.apply);
    if (absl::IsResourceExhausted(slice.status())) return keeper->FoundSpent();
    if (!slice.ok()) return Fatal(slice.status());
    if (!slice->ids.empty()) Applied(*std::move(slice), begin);
  }
  if (machine->front_is_large() && !stopped_ && !installing_) StartLarge();
}

// A large entry is applied beside the loop. Until it is done nothing else is, and the store is
// neither flushed nor replaced.
void Node::Impl::StartLarge() {
  keeper->Hold();
  seams.runner->Run(Runner::Lane::kApply, machine->StartLarge(),
                    [this, alive = std::weak_ptr<char>(alive_), begin = Live()] {
                      if (!alive.expired() && !stopped_) AfterLarge(begin);
                    });
}

void Node::Impl::AfterLarge(Instant begin) {
  if (installing_) {
    // The snapshot holds the entry too. What was written goes with the old store, unseen.
    machine->DropLarge();
    return keeper->LetGo();
  }
  auto slice = machine->FinishLarge();
  if (absl::IsResourceExhausted(slice.status())) {
    keeper->FoundSpent();
    return keeper->LetGo();
  }
  if (!slice.ok()) return Fatal(slice.status());
  Applied(*std::move(slice), begin);
  if (!stopped_) keeper->LetGo();
}

Instant Node::Impl::Live() const { return {static_cast<int64_t>(seams.loop->LiveMicros()) * 1000}; }

void Node::Impl::Applied(AppliedSlice slice, Instant begin) {
  const Instant end = Live();
  times.store_commit.Add(slice.commit_took);
  times.apply.Add(end - begin);
  // Before any answer leaves: over SIGKILL this member never goes back behind it.
  if (auto status = wal->WriteCommit(slice.last); !status.ok()) return Fatal(status);
  core->Applied(slice.last);
  if (slow_log.IsSlow(end - begin)) {
    ++counters_.slow_applies;
    // Those that a client of this member waits for are told one by one.
    if (slice.answers.empty()) slow_log.Apply(end - begin, slice.ids.size(), slice.last, end);
  }
  AfterSlice(slice, begin, end);
  if (slice.changes.size() < kManyChanges) return;
  auto garbage = std::make_shared<std::vector<storage::Change>>(std::move(slice.changes));
  seams.runner->Run(
      Runner::Lane::kApply, [garbage = std::move(garbage)] {}, [] {});
}

void Node::Impl::AfterSlice(AppliedSlice& slice, Instant begin, Instant end) {
  // Deadlines and watchers first: an answer may make a handler look at them.
  if (seams.on_applied) seams.on_applied(slice.changes);
  leases->OnApplied(slice.lease_changes);
  PromoteLeasesIfDue(slice);
  if (slice.changes.size() >= kManyChanges) {
    // Watchers read them from the history, in slices.
    watches->ResetStore(slice.revision, machine->store().compact_revision());
  } else if (!slice.changes.empty()) {
    watches->Publish(slice.changes, slice.revision);
  }
  if (slice.compacted) {
    watches->OnCompacted(*slice.compacted);
    keeper->AfterCompaction();
    seams.logger->Info(kCaller, "finished scheduled compaction",
                       {{"compact-revision", *slice.compacted}});
  }
  Answer(slice, begin, end);
  if (slice.facts_changed) {
    raising_alarm_ = false;
    OnFactsChanged();
  }
  keeper->AfterApply();
  TellReadyIfDue();
}

void Node::Impl::Answer(AppliedSlice& slice, Instant begin, Instant end) {
  for (const raft::EntryId& id : slice.ids) proposals->IndexTaken(id);
  membership->OnApplied(slice.ids);
  for (auto& answer : slice.answers) {
    proposals->Applied(answer.sequence, std::move(answer.result),
                       {commit_times_.Take(answer.index), begin, end});
  }
  (void)commit_times_.Take(slice.last.Next());
  if (proposals->TermApplied(slice.ids.back().term)) seams.loop->Post([] {});
}

void Node::Impl::PromoteLeasesIfDue(const AppliedSlice& slice) {
  if (!lease_promotion_due_) return;
  for (const raft::EntryId& id : slice.ids) {
    if (id.term != soft_state_.term) continue;
    lease_promotion_due_ = false;
    return leases->OnPromoted();
  }
}

void Node::Impl::Tick() {
  if (stopped_) return;
  tick_timer_ = seams.loop->After(options.heartbeat, [this] { Tick(); });
  const Instant now = seams.loop->Now();
  core->Tick();
  const bool has_leader = !core->leader().IsNone();
  proposals->Expire(now, leaderless_since_);
  reads->Expire(now, has_leader);
  leases->Tick(core->IsLeader() && core->HasQuorumContact());
  membership->Tick(leaderless_since_);
  snapshot_sender->Tick();
  if (!has_leader) {
    const int per_timeout = static_cast<int>(options.election_timeout / options.heartbeat);
    if (++leaderless_ticks_ == 3 * per_timeout) watches->OnNoLeaderFor3Timeouts();
  }
  TickSpace(now);
  TickCheck(now);
  Publish();
  TellVersion();
  if (core->IsLeader()) RaiseClusterVersion();
  CompactIfDue();
  journal->Upkeep(LogGrowth());
  WatchStalls();
  PartWithRemoved();
  PromoteLearners(now);
}

void Node::Impl::WatchStalls() {
  const auto since = journal->writing_since();
  if (!since) return;
  const Duration hung = seams.loop->Now() - *since;
  if (hung < SlowLog::kSlowSync || stall_told_ == *since) return;
  stall_told_ = *since;
  seams.logger->Warn(kCaller, "slow disk: a log write has not ended yet",
                     {{"stage", "wal-sync"}, {"ms", hung.count() / 1000000}});
}

void Node::Impl::OnFlushed(raft::EntryId applied) {
  // Behind what is flushed the log is kept for members that lag, up to either limit.
  const uint64_t by_count =
      applied.index.value() - std::min(applied.index.value(), options.keep_log_entries);
  const uint64_t by_bytes = wal->LastBeyond(options.keep_log_bytes).value();
  const raft::Index drop(std::min(std::max(by_count, by_bytes), applied.index.value()));
  if (drop.Next() <= core->first_index()) return;
  if (!core->Compact(drop.Next()).ok()) return;  // nothing changed: tried again at the next flush
  wal->Release(drop);
  journal->Upkeep(LogGrowth());
}

void Node::Impl::Fatal(const absl::Status& status) {
  if (stopped_) return;
  seams.logger->Error(kCaller, "the member can't go on", {{"error", ToStd(status.message())}});
  Stop(errors::Stopped());
  if (events.on_fatal) events.on_fatal(status);
}

}  // namespace keelson::server
