// The node's side of snapshots: checkpoints for others, and putting a received one in place.
#include <utility>

#include "base/check.h"
#include "raft/config_codec.h"
#include "server/node/node_impl.h"
#include "storage/snapshot/install.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

// A switch to a snapshot that found no room on the disk.
constexpr Duration kTryAgainAfter = std::chrono::seconds(1);

}  // namespace

std::string Node::Impl::StoreRoot() const {
  return storage::JoinPath(storage::JoinPath(options.data_dir, "member"), "db");
}

storage::MvccOptions Node::Impl::StoreOptions() const {
  storage::MvccOptions store_options;
  store_options.fs = seams.store_fs;
  store_options.manual_background = options.manual_background;
  store_options.block_cache_bytes = options.block_cache_bytes;
  store_options.now_micros = [loop = seams.loop] { return loop->LiveMicros(); };
  return store_options;
}

void Node::Impl::MakeSnapshotParts() {
  const auto send = [this](raft::NodeId to, PeerMessage message) {
    return network != nullptr && network->Send(to, std::move(message));
  };
  SnapshotSender::Environment sending;
  sending.loop = seams.loop;
  sending.runner = seams.runner;
  sending.logger = seams.logger;
  sending.boot_id = boot_id;
  sending.send = send;
  sending.connected = [this](raft::NodeId to) {
    return network != nullptr && network->Connected(to, PeerChannel::kSnapshot);
  };
  sending.checkpoint = [this](auto done) { MakeCheckpoint(std::move(done)); };
  sending.offer = [this](raft::NodeId peer, const storage::SnapshotManifest& manifest) {
    return OfferSnapshot(peer, manifest);
  };
  sending.term = [this] { return core->term(); };
  sending.finished = [this](raft::NodeId peer, bool ok) { core->SnapshotSent(peer, ok); };
  SnapshotSender::Limits limits;
  limits.chunk_bytes = options.snapshot_chunk_bytes;
  limits.window_bytes = options.snapshot_window_bytes;
  limits.bytes_per_second = options.snapshot_bytes_per_second;
  limits.no_progress = 10 * options.election_timeout;
  limits.retry_after = options.election_timeout;
  snapshot_sender = std::make_unique<SnapshotSender>(std::move(sending), limits);

  SnapshotReceiver::Environment receiving;
  receiving.runner = seams.runner;
  receiving.logger = seams.logger;
  receiving.fs = seams.fs;
  receiving.root = StoreRoot();
  receiving.send = send;
  receiving.offer = [this](raft::NodeId from, raft::Message offer, uint64_t generation) {
    sealed_generation_ = generation;
    core->Step(from, std::move(offer));
    Pump();
    return installing_;
  };
  snapshot_receiver = std::make_unique<SnapshotReceiver>(std::move(receiving));
}

// Whose flushes end together share one: it costs files and time, and after a disk that was full for
// long there may be many.
void Node::Impl::MakeCheckpoint(CheckpointDone done) {
  keeper->FlushNow([this, done = std::move(done)] {
    checkpoint_wanted_.push_back(done);
    if (checkpoint_wanted_.size() > 1) return;
    seams.loop->Post([this, alive = std::weak_ptr<char>(alive_)] {
      if (!alive.expired()) keeper->WhenFree([this] { StartCheckpoint(); });
    });
  });
}

void Node::Impl::StartCheckpoint() {
  std::shared_ptr<storage::CheckpointJob> job =
      storage::StartCheckpoint(machine->store(), seams.fs, StoreRoot(), ++checkpoints_);
  auto status = std::make_shared<absl::Status>();
  seams.runner->Run(
      Runner::Lane::kStore, [job, status] { *status = job->Run(); },
      [job, status, wanted = std::exchange(checkpoint_wanted_, {})] {
        for (const CheckpointDone& done : wanted) {
          if (status->ok()) {
            done(job->checkpoint());
          } else {
            done(*status);
          }
        }
      });
}

absl::StatusOr<raft::Message> Node::Impl::OfferSnapshot(raft::NodeId peer,
                                                        const storage::SnapshotManifest& manifest) {
  raft::SnapshotMeta meta;
  meta.last = manifest.id;
  if (manifest.configuration.empty()) {
    meta.configuration = identity.initial_configuration;
  } else {
    const auto stored = DecodeAppliedConfiguration(manifest.configuration);
    if (!stored.ok()) return stored.status();
    auto configuration = raft::DecodeConfiguration(stored->configuration);
    if (!configuration.ok()) return configuration.status();
    meta.configuration = *std::move(configuration);
    meta.configuration_index = stored->index;
  }
  return core->OfferSnapshot(peer, std::move(meta));
}

// Steps 2 to 4 of storage/snapshot/install.h, once everything before is on the disk.
void Node::Impl::InstallSnapshot(const raft::SnapshotMeta& meta) {
  KEELSON_CHECK(!installing_, "one install at a time");
  installing_ = true;
  journal->WhenIdle([this, meta] { keeper->WhenFree([this, meta] { SwitchToSnapshot(meta); }); });
}

void Node::Impl::SwitchToSnapshot(const raft::SnapshotMeta& meta) {
  auto opened =
      std::make_shared<absl::StatusOr<storage::OpenedStore>>(absl::UnknownError("not opened"));
  seams.runner->Run(
      Runner::Lane::kStore,
      [opened, fs = seams.fs, root = StoreRoot(), store_options = StoreOptions(),
       generation = sealed_generation_] {
        const absl::Status status = storage::SwitchCurrent(fs, root, generation);
        *opened = status.ok() ? storage::OpenGeneration(fs, root, generation, store_options)
                              : absl::StatusOr<storage::OpenedStore>(status);
      },
      [this, meta, opened] {
        if (stopped_) return;
        if (absl::IsResourceExhausted(opened->status())) {
          guard->FoundNoSpace();
          seams.loop->After(kTryAgainAfter, [this, alive = std::weak_ptr<char>(alive_), meta] {
            if (!alive.expired() && !stopped_) SwitchToSnapshot(meta);
          });
          return;
        }
        if (!opened->ok()) return Fatal(opened->status());
        SaveInstalled(meta, std::move(**opened));
      });
}

void Node::Impl::SaveInstalled(const raft::SnapshotMeta& meta, storage::OpenedStore opened) {
  KEELSON_CHECK(opened.store->applied() == meta.last, "the store is what the offer said");
  auto held = std::make_shared<storage::OpenedStore>(std::move(opened));
  journal->WhenIdle([this, meta, held] {
    raft::HardState hard = core->View().hard;  // of now: what was written meanwhile may be newer
    hard.commit = std::max(hard.commit, meta.last.index);
    journal->SaveMarker(meta.last, hard, [this, meta, held] {
      if (!stopped_) FinishInstall(meta, std::move(*held));
    });
  });
}

void Node::Impl::FinishInstall(const raft::SnapshotMeta& meta, storage::OpenedStore opened) {
  const uint64_t old_generation = std::exchange(generation_, opened.generation);
  auto old_store = machine->Replace(std::move(opened.store));
  if (!old_store.ok()) return Fatal(old_store.status());
  RetireStore(*std::move(old_store), old_generation);
  PauseCompactionsWithoutRoom();
  installing_ = false;
  ++counters_.snapshots_installed;
  core->SnapshotInstalled(meta);
  proposals->LogSkipped();
  LoadLeases();
  OnFactsChanged();
  watches->ResetStore(machine->store().revision(), machine->store().compact_revision());
  snapshot_receiver->Installed();
  seams.logger->Info(
      kCaller, "applied snapshot",
      {{"index", meta.last.index.value()}, {"revision", machine->store().revision()}});
  keeper->Replaced();
  TellReadyIfDue();
}

// Its views stay; once the last of them is gone its files go too.
void Node::Impl::RetireStore(std::unique_ptr<storage::MvccStore> store, uint64_t generation) {
  storage::MvccStore::Retire(std::move(store), [loop = seams.loop, runner = seams.runner,
                                                alive = std::weak_ptr<char>(alive_), fs = seams.fs,
                                                root = StoreRoot(), generation] {
    // Whoever held the last view may outlive the member, and with it the loop.
    if (alive.expired()) return;
    loop->Post([runner, alive, fs, root, generation] {
      if (alive.expired()) return;
      runner->Run(
          Runner::Lane::kStore,
          [fs, root, generation] { (void)storage::ReleaseGeneration(fs, root, generation); },
          [] {});
    });
  });
}

}  // namespace keelson::server
