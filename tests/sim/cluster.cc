#include "tests/sim/cluster.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "raft/core.h"

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

// Everything small, so that what is rare in production happens within a simulated minute.
server::NodeOptions SmallOptions(Dice& dice) {
  server::NodeOptions options;
  options.wal_segment_bytes = 32 << 10;
  options.flush_after_bytes = 2048 + dice.Below(16384);
  options.keep_log_entries = 5 + dice.Below(60);
  options.disk_reserve_bytes = (128 + dice.Below(256)) << 10;
  options.block_cache_bytes = 64 << 10;
  options.manual_background = true;
  options.lease_checkpoint_every = milliseconds(500);
  options.probe_sync_method = false;
  options.requests.requests = 2 + dice.Below(40);
  options.snapshot_chunk_bytes = 512 + dice.Below(4096);
  options.snapshot_window_bytes = 4096;
  options.snapshot_bytes_per_second = 1 << 20;
  options.apply.entries = 1 + dice.Below(64);
  // Many an entry is too large for a turn.
  options.apply.entry_work = 1 + dice.Below(4);
  // Often an entry a message, so that a leader's first own entry travels apart from older ones.
  options.append_message_bytes = dice.OneIn(2) ? 1 : 256 + dice.Below(4096);
  options.append_window_bytes = 512 << dice.Below(12);
  return options;
}

// A candidate whose request for votes may be on its way.
bool AsksForVotes(const raft::StateView& view) {
  return view.role == raft::RoleKind::kCandidate && view.durable_hard.term == view.hard.term;
}

uint64_t InjectedErrors(SimMember& member) {
  const auto errors = member.disk().counters().injected_errors;
  return std::accumulate(errors.begin(), errors.end(), uint64_t{0});
}

std::string UrlOf(size_t number) { return absl::StrCat("http://sim:", number); }

}  // namespace

SimCluster::SimCluster(uint64_t seed, size_t members)
    : world_(seed),
      network_(world_),
      truth_(world_),
      ledger_(truth_, [this](const std::string& what) { Count(what); }),
      options_(SmallOptions(dice())) {
  for (size_t i = 1; i <= members; ++i) {
    options_.initial_cluster[absl::StrCat("m", i)] = {UrlOf(i)};
  }
  for (size_t i = 0; i < members; ++i) {
    StartLater(AddMember(options_), dice().Between(Duration(0), milliseconds(50)));
  }
}

SimMember& SimCluster::AddMember(server::NodeOptions options) {
  options.name = absl::StrCat("m", members_.size() + 1);
  options.data_dir = "/" + options.name;
  options.client_urls = {"http://sim-client:" + options.name};
  members_.push_back(std::make_unique<SimMember>(world_, network_, options, MemberEvents()));
  return *members_.back();
}

SimMember& SimCluster::AddSpare() {
  server::NodeOptions options = options_;
  options.initial_cluster_existing = true;
  const size_t number = members_.size() + 1;
  const std::string& token = options.initial_cluster_token;
  options.joined = server::NodeOptions::Joined{server::ClusterIdOf(options.initial_cluster, token),
                                               server::MemberIdOf({UrlOf(number)}, token)};
  options.initial_cluster[absl::StrCat("m", number)] = {UrlOf(number)};
  SimMember& member = AddMember(std::move(options));
  StartLater(member, Duration(0));
  return member;
}

SimMember::Events SimCluster::MemberEvents() {
  SimMember::Events events;
  events.on_applied = [this](SimMember& member, std::span<const storage::Change> changes) {
    truth_.OnApplied(member.name(), changes);
  };
  events.on_turn = [this](SimMember& member, const raft::StateView& before,
                          const raft::StateView& now) { OnTurn(member, before, now); };
  events.on_work_done = [this](SimMember& member, server::Runner::Lane lane) {
    if (lane == server::Runner::Lane::kWal) Tell(Moment::kLogWritten, member);
    if (lane == server::Runner::Lane::kStore) Tell(Moment::kStoreJobDone, member);
  };
  events.on_fatal = [this](SimMember& member, const absl::Status& status) {
    OnFatal(member, status);
  };
  events.on_store_switched = [this](SimMember& member) { Tell(Moment::kStoreSwitched, member); };
  events.on_end = [this](SimMember& member) { OnEnd(member); };
  return events;
}

void SimCluster::Tell(Moment moment, SimMember& member) {
  if (on_moment_) on_moment_(moment, member);
}

// Whatever age a member tells goes by it: what had been acknowledged by then is here.
void SimCluster::CheckAnchor(SimMember& member) {
  const std::optional<uint64_t> anchor = member.node().FreshnessAnchor();
  if (!anchor || std::exchange(anchors_[member.id()], *anchor) == *anchor) return;
  const int64_t acknowledged = truth_.AcknowledgedBy(member.loop().TimeOf(*anchor));
  const int64_t revision = member.node().store().revision();
  if (revision >= acknowledged) return;
  truth_.Violated(absl::StrCat(member.name(), " is at revision ", revision,
                               " and counts its age from a moment at which revision ", acknowledged,
                               " had been acknowledged"));
}

void SimCluster::OnTurn(SimMember& member, const raft::StateView& before,
                        const raft::StateView& now) {
  ledger_.OnTurn(member.name(), member.node().core(), before, now);
  const bool leads = now.role == raft::RoleKind::kLeader;
  const bool led = before.role == raft::RoleKind::kLeader;
  if (leads && (!led || before.hard.term != now.hard.term)) Tell(Moment::kElected, member);
  if (AsksForVotes(now) && !(AsksForVotes(before) && before.hard.term == now.hard.term)) {
    Tell(Moment::kAskedForVotes, member);
  }
  if (led && !leads) Count("leaders that stepped down");
  if (leads && led && now.hard.commit > before.hard.commit &&
      std::exchange(committed_in_[member.id()], now.hard.term) != now.hard.term) {
    Tell(Moment::kLeaderCommitted, member);
  }
  if (now.configuration_index != before.configuration_index) {
    Tell(Moment::kMembershipChanged, member);
  }
  CheckAnchor(member);
  const int64_t compacted = member.node().store().compact_revision();
  if (std::exchange(compacted_[member.id()], compacted) < compacted) {
    Tell(Moment::kCompacted, member);
  }
  const uint64_t installed = member.node().counters().snapshots_installed;
  if (std::exchange(installed_[member.id()], installed) < installed) {
    Tell(Moment::kSnapshotInstalled, member);
  }
  NoteDisk(member);
  NoteRoom(member);
  NoteLeases(member, now);
  CheckState(member);
  if (after_turn_) after_turn_(member, now);
}

// No disk here gives other bytes than were written, so states that differ are a bug.
void SimCluster::CheckState(SimMember& member) {
  const server::Node& node = member.node();
  if (!node.OutOfService() && !node.facts().HasAlarm(server::AlarmKind::kCorrupt)) return;
  truth_.Violated(absl::StrCat(member.name(), " knows of a member whose state is wrong"));
}

// An empty disk behind an id whose lost disk no committed membership knew is that member's disk.
void SimCluster::NoteDisk(SimMember& member) {
  if (!member.wiped()) return;
  const uint64_t known = ledger_.membership().IncarnationOf(member.id());
  if (known == 0 || known != member.node().identity().incarnation) return;
  member.TakeAsFirstDisk();
  Count("lost disks whose successors were taken for them");
}

void SimCluster::NoteRoom(SimMember& member) {
  const bool refuses = member.node().RefusesGrowth();
  bool& refused = refuses_growth_[member.id()];
  if (std::exchange(refused, refuses) == refuses) return;
  Count(refuses ? "members without room" : "members that found room again");
}

void SimCluster::NoteLeases(SimMember& member, const raft::StateView& now) {
  if (now.role != raft::RoleKind::kLeader || !member.node().lease_table().primary()) return;
  if (std::exchange(timed_leases_in_[member.id()], now.hard.term) == now.hard.term) return;
  leases_timed_since_ = world_.now();
}

bool SimCluster::SomeRefuseGrowth() {
  const std::vector<SimMember*> current = Current();
  return std::any_of(current.begin(), current.end(),
                     [this](const SimMember* member) { return refuses_growth_[member->id()]; });
}

void SimCluster::OnFatal(SimMember& member, const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) {
    if (member.wiped() && !ledger_.membership().removed.contains(member.id())) {
      // Told that it is not who it says; whatever starts processes tries it again.
      Count("members stopped for their wrong disk");
      return EndAndStartLater(member);
    }
    if (!ledger_.membership().removed.contains(member.id())) {
      truth_.Violated(absl::StrCat(
          member.name(), " stops, though it was not removed: ", std::string(status.message())));
    }
    Count("removed members that stopped");
    world_.After(Duration(0), [&member] { member.Retire(); });
    return;
  }
  if (InjectedErrors(member) == errors_at_start_[member.id()] && !member.disk().power_is_cut()) {
    truth_.Violated(
        absl::StrCat(member.name(), " stops, though its disk did not fail: ", status.ToString()));
  }
  Count("members stopped by their disk");
  EndAndStartLater(member);
}

// The process ends; what its disk forgot after a failed sync shows only after a power loss.
void SimCluster::EndAndStartLater(SimMember& member) {
  world_.After(Duration(0), [this, &member] {
    if (!member.up()) return;
    member.PowerLoss();
    StartLater(member, milliseconds(200));
  });
}

void SimCluster::OnEnd(SimMember& member) {
  const server::NodeCounters node = member.node().counters();
  Count("walks over all states", node.state_walks);
  Count("leases checkpointed", node.leases_checkpointed);
  Count("checkpoints taken back", node.checkpoints_cleared);
  Count("snapshots sent", node.snapshots_sent);
  Count("snapshots installed", node.snapshots_installed);
  Count("interrupted snapshot installs finished", node.installs_finished_at_start);
  Count("torn log tails cut", node.torn_log_tails_cut);
  Count("messages of a wrong disk ignored", node.identity_conflicts);
  installed_[member.id()] = 0;
  refuses_growth_[member.id()] = false;
}

void SimCluster::StartLater(SimMember& member, Duration delay) {
  world_.After(delay, [this, &member] {
    if (member.up() || member.retired() || member.held_down()) return;
    const uint64_t errors_before = InjectedErrors(member);
    const uint64_t full_before = member.disk().counters().full_errors;
    errors_at_start_[member.id()] = errors_before;
    const absl::Status status = member.Start();
    const bool was_full = member.disk().counters().full_errors != full_before;
    if (status.ok()) {
      Count(was_full ? "starts on a full disk" : "starts");
      ledger_.OnStart(member.name(), member.node().core());
      return;
    }
    if (was_full && absl::IsResourceExhausted(status)) {
      Count("starts given up for a full disk");
      return StartLater(member, milliseconds(500));
    }
    // An injected I/O error at start-up is told and tried again; anything else is a bug.
    if (InjectedErrors(member) == errors_before) {
      truth_.Violated(absl::StrCat(member.name(), " does not start: ", status.ToString()));
    }
    Count("start failed by an injected error");
    member.PowerLoss();
    StartLater(member, milliseconds(100));
  });
}

SimMember& SimCluster::AnyMember() {
  while (true) {
    SimMember& member = *members_[dice().Below(members_.size())];
    if (!member.retired()) return member;
  }
}

SimMember* SimCluster::Find(raft::NodeId id) {
  for (auto& member : members_) {
    if (member->id() == id) return member.get();
  }
  return nullptr;
}

SimMember* SimCluster::Leader() {
  SimMember* leader = nullptr;
  for (auto& member : members_) {
    if (member->up() && member->node().core().IsLeader() &&
        (leader == nullptr || member->node().core().term() > leader->node().core().term())) {
      leader = member.get();
    }
  }
  return leader;
}

std::vector<SimMember*> SimCluster::Current() {
  std::vector<SimMember*> current;
  for (const auto& [id, info] : ledger_.membership().members) {
    SimMember* const member = Find(id);
    KEELSON_CHECK(member != nullptr, "every member was made here");
    if (!member->wiped()) current.push_back(member);
  }
  return current;
}

void SimCluster::HealMember(SimMember& member) {
  member.SetHeldDown(false);
  member.disk().Repair();
  member.disk().LeaveFree(UINT64_MAX);
  if (member.disk().power_is_cut()) member.PowerLoss();
  if (member.paused()) member.Resume();
  member.SetSlowDisk(Duration(0));
  if (!member.up()) StartLater(member, milliseconds(10));
}

void SimCluster::HealEverything() {
  network_.Heal();
  network_.SetOdds({});
  for (auto& member : members_) HealMember(*member);
}

void SimCluster::CountDisk(const storage::DiskCounters& disk) {
  Count("writes that found no room", disk.full_errors);
  for (const uint64_t errors : disk.injected_errors) Count("injected disk errors", errors);
  Count("unsynced pages lost", disk.pages.pages_lost);
  Count("pages torn", disk.pages.pages_torn);
}

void SimCluster::CollectCounters() {
  for (auto& member : members_) {
    if (member->up()) OnEnd(*member);
    for (const storage::DiskCounters& disk : member->lost_disks()) CountDisk(disk);
    CountDisk(member->disk().counters());
  }
  const SimNetwork::Counters& network = network_.counters();
  Count("frames dropped", network.dropped + network.cut);
  Count("frames repeated", network.repeated);
  Count("frames late", network.slowed + network.lagged);
  Count("removed members refused", network.removed_refused);
  Count("wrong disks refused", network.wrong_disks_refused);
}

}  // namespace keelson::sim
