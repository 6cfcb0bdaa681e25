// Recovery: from a data directory to a node that knows where it was.
//
//   DIR/member/identity   whose directory it is
//   DIR/member/wal/       the log
//   DIR/member/db/        the store, behind a pointer that a snapshot install switches
//   DIR/member/lock       held while a process runs on it
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "raft/config_codec.h"
#include "server/node/node_impl.h"
#include "storage/wal/sync_probe.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

std::string MemberPath(const NodeOptions& options, std::string_view name) {
  return storage::JoinPath(storage::JoinPath(options.data_dir, "member"), name);
}

// What is taken ahead shrinks with a small disk.
void FitToDisk(uint64_t total, NodeOptions* options) {
  constexpr uint64_t kPage = 4096;
  constexpr uint64_t kLeast = 16 * kPage;
  const uint64_t share = std::max(total / 16 / kPage * kPage, kLeast);
  options->disk_reserve_bytes = std::min(options->disk_reserve_bytes, share);
  options->wal_segment_bytes = std::min(options->wal_segment_bytes, share);
  options->keep_log_bytes = std::min(options->keep_log_bytes, share);
  options->flush_after_bytes = std::min(options->flush_after_bytes, share / 2);
}

int TicksPerElection(const NodeOptions& options) {
  return static_cast<int>(options.election_timeout / options.heartbeat);
}

}  // namespace

absl::Status Node::Impl::Open() {
  if (auto status = storage::CreateDirectoriesDurably(*seams.fs, MemberPath(options, ""));
      !status.ok()) {
    return status;
  }
  auto locked = seams.fs->Lock(MemberPath(options, "lock"));
  if (!locked.ok()) {
    return absl::Status(locked.status().code(),
                        absl::StrCat("--data-dir ", options.data_dir,
                                     " is in use by another process: ", locked.status().message()));
  }
  lock = *std::move(locked);
  auto found = OpenIdentity(*seams.fs, options, seams.random);
  if (!found.ok()) return found.status();
  identity = *std::move(found);
  do boot_id = seams.random();
  while (boot_id == 0);
  freshness.emplace(boot_id);
  const auto total = seams.fs->TotalBytes(MemberPath(options, ""));
  if (total.ok()) FitToDisk(*total, &options);
  const auto reserved =
      DiskGuard::Prepare(*seams.fs, MemberPath(options, ""), options.disk_reserve_bytes);
  if (!reserved.ok()) return reserved.status();
  MakeDiskGuard(MemberPath(options, ""), !*reserved);
  const absl::Status status = OpenLogAndStore();
  return absl::IsResourceExhausted(status) && *reserved ? OpenOnFullDisk() : status;
}

// Recovery needs a little room itself: that of the reserve.
absl::Status Node::Impl::OpenOnFullDisk() {
  wal = nullptr;
  machine = nullptr;
  const std::string dir = MemberPath(options, "");
  if (auto status = DiskGuard::GiveBack(*seams.fs, dir); !status.ok()) return status;
  MakeDiskGuard(dir, true);
  return OpenLogAndStore();
}

absl::Status Node::Impl::OpenLogAndStore() {
  if (auto status = OpenStore(); !status.ok()) return status;
  storage::WalRecovery found;
  if (auto status = OpenLog(&found); !status.ok()) return status;
  if (options.force_new_cluster) {
    if (auto status = BecomeOnlyMember(&found); !status.ok()) return status;
  }
  if (auto status = MakeCore(found); !status.ok()) return status;
  MakeParts();
  seams.logger->Info(kCaller, "recovered",
                     {{"applied-index", machine->applied().value()},
                      {"committed-index", ready_at_.value()},
                      {"last-index", core->last().index.value()},
                      {"term", core->term().value()},
                      {"revision", machine->store().revision()}});
  return absl::OkStatus();
}

absl::Status Node::Impl::OpenStore() {
  const std::string root = StoreRoot();
  if (auto status = storage::CreateDirectoriesDurably(*seams.fs, root); !status.ok()) {
    return status;
  }
  auto opened = storage::OpenCurrent(seams.fs, root, StoreOptions());
  if (!opened.ok()) return opened.status();
  generation_ = opened->generation;
  machine = MakeMachine(std::move(opened->store));
  return machine->Load();
}

std::unique_ptr<Machine> Node::Impl::MakeMachine(std::unique_ptr<storage::MvccStore> store) const {
  return std::make_unique<Machine>(std::move(store), Origin{identity.member.value(), boot_id},
                                   options.entry_version, seams.loop, options.requests);
}

absl::Status Node::Impl::OpenLog(storage::WalRecovery* found) {
  const bool apart = !options.wal_dir.empty();
  const std::string dir = apart ? options.wal_dir : MemberPath(options, "wal");
  if (apart) {
    auto made = storage::CreateDirectoriesDurably(*seams.fs, dir);
    if (!made.ok()) return made;
  }
  storage::WalOptions wal_options;
  wal_options.identity = {identity.cluster_id, identity.member.value()};
  wal_options.segment_bytes = options.wal_segment_bytes;
  wal_options.on_demand_bytes = std::min(wal_options.on_demand_bytes, options.wal_segment_bytes);
  wal_options.random = seams.random;
  if (options.probe_sync_method) {
    auto probe = storage::ProbeSyncMethod(*seams.fs, apart ? dir : MemberPath(options, ""),
                                          [this] { return seams.loop->BootNanos(); });
    // Without room for the probe's file the log starts with the default.
    if (!probe.ok() && !absl::IsResourceExhausted(probe.status())) return probe.status();
    if (probe.ok()) {
      wal_options.method = probe->best;
      seams.logger->Info(
          kCaller, "measured the disk's sync methods",
          {{"fdatasync-p50-us", probe->fdatasync_p50_nanos / 1000},
           {"dsync-p50-us", probe->dsync_p50_nanos / 1000},
           {"chosen", probe->best == storage::SyncMethod::kDsync ? "O_DSYNC" : "fdatasync"}});
    }
  }
  auto opened = storage::Wal::Open(seams.fs, dir, std::move(wal_options), found);
  if (!opened.ok()) return opened.status();
  wal = *std::move(opened);
  if (found->cut_torn_tail) ++counters_.torn_log_tails_cut;
  for (const std::string& note : found->notes) seams.logger->Warn(kCaller, note);
  if (found->commit_may_be_behind) {
    seams.logger->Warn(kCaller,
                       "the commit index may be older than what this member answered before: its "
                       "serializable reads may go back until it has caught up with the leader");
  }
  const raft::EntryId applied = machine->store().applied();
  if (found->is_new && !applied.index.IsNone()) {
    return absl::DataLossError(absl::StrCat(
        dir,
        " holds no log although the store has applied entries; its votes are lost: remove "
        "this member from the cluster and add it again with an empty --data-dir"));
  }
  if (found->base.index > applied.index) {
    return absl::DataLossError(absl::StrCat(
        dir, ": the log begins after entry ", found->base.index.value(),
        " but the store ends at entry ", applied.index.value(),
        "; restore the store, or remove this member and add it again with an empty --data-dir"));
  }
  return FinishSnapshotInstall(found);
}

// A crash between the switch to an installed snapshot and its marker in the log leaves a log that
// does not contain what the store has applied: the marker is written now.
absl::Status Node::Impl::FinishSnapshotInstall(storage::WalRecovery* found) {
  const raft::EntryId applied = machine->store().applied();
  bool covered = applied == found->base;
  if (!covered && applied.index > found->base.index && applied.index <= found->last.index) {
    const auto term = wal->TermAt(applied.index);
    if (!term.ok()) return term.status();
    covered = *term == applied.term;
  }
  if (covered) return absl::OkStatus();
  raft::HardState& hard = found->hard_state;
  if (hard.term < applied.term) hard = {applied.term, raft::NodeId(), hard.commit};
  hard.commit = std::max(hard.commit, applied.index);
  wal->SaveSnapshotMarker(applied, hard);
  auto job = wal->TakeWrite();
  KEELSON_CHECK(job != nullptr, "a marker is something to write");
  (void)job->Run();
  if (auto status = wal->WriteDone(std::move(job)); !status.ok()) return status;
  ++counters_.installs_finished_at_start;
  found->base = found->last = applied;
  hard.commit = applied.index;
  seams.logger->Info(kCaller, "finished the install of a snapshot that a crash interrupted",
                     {{"index", applied.index.value()}});
  return absl::OkStatus();
}

absl::StatusOr<raft::InitialState> Node::Impl::RecoverState(const storage::WalRecovery& found) {
  raft::InitialState state;
  state.hard_state = found.hard_state;
  state.base = found.base;
  state.last = found.last;
  state.applied = machine->applied();
  if (machine->store().configuration().empty()) {
    state.configuration = identity.initial_configuration;
  } else {
    const auto stored = DecodeAppliedConfiguration(machine->store().configuration());
    if (!stored.ok()) return stored.status();
    auto configuration = raft::DecodeConfiguration(stored->configuration);
    if (!configuration.ok()) return configuration.status();
    state.configuration = *std::move(configuration);
    state.configuration_index = stored->index;
  }
  constexpr size_t kReadBytes = 4 << 20;
  raft::Index next = state.applied.Next();
  while (next <= found.last.index) {
    auto entries = wal->Read(next, found.last.index.Next(), kReadBytes);
    if (!entries.ok()) return entries.status();
    KEELSON_CHECK(!entries->empty(), "a read gives at least one entry");
    next = entries->back().index.Next();
    std::move(entries->begin(), entries->end(), std::back_inserter(state.tail));
  }
  return state;
}

absl::Status Node::Impl::MakeCore(const storage::WalRecovery& found) {
  auto state = RecoverState(found);
  if (!state.ok()) return state.status();
  raft::Options core_options;
  core_options.id = identity.member;
  core_options.incarnation = identity.incarnation;
  core_options.boot_id = boot_id;
  core_options.election_ticks = TicksPerElection(options);
  core_options.heartbeat_ticks = 1;
  core_options.max_message_bytes = options.append_message_bytes;
  core_options.inflight_bytes = options.append_window_bytes;
  core_options.random = [random = seams.random](uint64_t bound) { return random() % bound; };
  if (auto status = raft::ValidateOptions(core_options); !status.ok()) return status;
  if (auto status = raft::ValidateInitialState(*state); !status.ok()) return status;
  ready_at_ = std::max(state->hard_state.commit, state->applied);
  core = std::make_unique<raft::Core>(std::move(core_options), *std::move(state), wal.get());
  return absl::OkStatus();
}

LeaseDesk::Node Node::Impl::LeaseDeskNode() {
  LeaseDesk::Node node;
  node.boot_id = boot_id;
  node.now = [this] { return seams.loop->Now(); };
  node.is_leader = [this] { return core->IsLeader(); };
  node.leader = [this] { return core->leader(); };
  node.when_readable = [this](Reads::Done done) { reads->Add(std::move(done), seams.loop->Now()); };
  node.send = [this](raft::NodeId to, PeerMessage message) {
    return network != nullptr && network->Send(to, std::move(message));
  };
  node.propose_expiry = [this](const std::vector<int64_t>& ids) { return ProposeExpiry(ids); };
  node.may_checkpoint = [this] { return machine->facts().version() >= kLeaseCheckpointVersion; };
  node.propose_checkpoints = [this](const std::vector<LeaseCheckpoint>& checkpoints) {
    return ProposeCheckpoints(checkpoints);
  };
  return node;
}

MembershipDesk::Node Node::Impl::MembershipDeskNode() {
  MembershipDesk::Node node;
  node.rules = options.member_rules;
  node.now = [this] { return seams.loop->Now(); };
  node.random = seams.random;
  node.boot_id = boot_id;
  node.send = [this](raft::NodeId to, PeerMessage message) {
    return network != nullptr && network->Send(to, std::move(message));
  };
  node.started = [this](raft::NodeId member) {
    return machine->facts().FindMember(member.value()) != nullptr;
  };
  node.connected = [this](raft::NodeId member) {
    return network != nullptr && network->Connected(member, PeerChannel::kUrgent);
  };
  return node;
}

void Node::Impl::MakeParts() {
  Journal::Events journal_events;
  journal_events.on_persisted = [this](uint64_t seq) {
    guard->NoteLogBytes(wal->stats().bytes);
    core->Persisted(seq);
  };
  journal_events.on_released = [this](std::vector<raft::Message> messages) {
    SendRaft(std::move(messages));
  };
  journal_events.on_no_space = [this] { guard->FoundNoSpace(); };
  journal_events.on_failed = [this](const absl::Status& status) { Fatal(status); };
  journal_events.on_synced = [this](Duration took) {
    times.log_sync.Add(took);
    if (took >= SlowLog::kSlowSync) slow_log.Sync(took, Live());
  };
  journal =
      std::make_unique<Journal>(wal.get(), seams.runner, seams.loop, std::move(journal_events));
  StoreKeeper::Events keeper_events;
  keeper_events.on_flushed = [this](raft::EntryId applied) { OnFlushed(applied); };
  keeper_events.has_room = [this](uint64_t bytes) { return HasRoomToFlush(bytes); };
  keeper_events.on_spent = [this] {
    seams.logger->Error(kCaller, "a store job found the disk full: the store is to be reopened");
    guard->FoundNoSpace();
  };
  keeper_events.on_failed = [this](const absl::Status& status) { Fatal(status); };
  keeper = std::make_unique<StoreKeeper>(
      [this]() -> storage::MvccStore& { return machine->store(); }, seams.runner,
      options.flush_after_bytes, options.manual_background, std::move(keeper_events));
  MakeQueues();
  membership = std::make_unique<MembershipDesk>(*core, MembershipDeskNode());
  MakeLeasesAndWatches();
  MakeSnapshotParts();
  MakeStateCheck();
}

void Node::Impl::MakeQueues() {
  Proposals::Limits write_limits;
  write_limits.slow = options.slow_apply;
  proposals = std::make_unique<Proposals>(
      write_limits,
      [this](const WriteTimes& times_of, const Proposals::Payload& payload,
             const absl::Status& outcome) { slow_log.Write(times_of, *payload, outcome); },
      boot_id);
  Reads::Limits read_limits;
  read_limits.slow = options.slow_apply;
  reads = std::make_unique<Reads>(read_limits,
                                  [this](const ReadTimes& times_of, const absl::Status& outcome) {
                                    slow_log.Read(times_of, outcome);
                                  });
  leader_moves = std::make_unique<LeaderMoves>(*core, options.election_timeout);
}

void Node::Impl::MakeLeasesAndWatches() {
  lease_table = std::make_unique<LeaseTable>(options.lease_checkpoint_every);
  LoadLeases();
  leases =
      std::make_unique<LeaseDesk>(lease_table.get(), LeaseDeskNode(), options.election_timeout);
  WatchHub::Environment environment{
      *seams.loop, *seams.runner, seams.random, [this] { return machine->store().View(); },
      [this] {
        return HeaderIds{identity.cluster_id, identity.member.value(), core->term().value()};
      }};
  WatchOptions watch_options;
  watch_options.fragment_bytes = options.max_request_bytes + (512 << 10);
  watch_options.progress_interval = options.watch_progress_interval;
  watches =
      std::make_unique<WatchHub>(std::move(environment), watch_options, machine->store().revision(),
                                 machine->store().compact_revision());
}

void Node::Impl::LoadLeases() {
  lease_table->Clear();
  const Instant now = seams.loop->Now();
  const absl::Status status =
      machine->store().ForEachLease([&](int64_t id, std::string_view record) {
        lease_table->OnGranted({id, LeaseRecordTtl(record), LeaseRecordRemaining(record)}, now);
      });
  if (!status.ok()) Fatal(status);
}

}  // namespace keelson::server
