#include "tests/sim/cluster.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "raft/core.h"

namespace keelson::sim {
namespace {

// Everything small, so that what is rare in production happens within a simulated minute.
server::NodeOptions SmallOptions(Dice& dice) {
  server::NodeOptions options;
  options.wal_segment_bytes = 32 << 10;
  options.flush_after_bytes = 2048 + dice.Below(16384);
  options.keep_log_entries = 5 + dice.Below(60);
  options.block_cache_bytes = 64 << 10;
  options.manual_background = true;
  options.probe_sync_method = false;
  options.snapshot_chunk_bytes = 512 + dice.Below(4096);
  options.snapshot_window_bytes = 4096;
  options.snapshot_bytes_per_second = 1 << 20;
  options.apply.entries = 1 + dice.Below(64);
  options.apply.entry_work = 20 + dice.Below(400);
  return options;
}

}  // namespace

SimCluster::SimCluster(uint64_t seed, size_t members)
    : world_(seed), network_(world_), truth_(world_) {
  server::NodeOptions options = SmallOptions(dice());
  for (size_t i = 0; i < members; ++i) {
    options.initial_cluster[absl::StrCat("m", i + 1)] = {absl::StrCat("http://sim:", i + 1)};
  }
  SimMember::Events events;
  events.on_applied = [this](SimMember& member, std::span<const storage::Change> changes) {
    truth_.OnApplied(member.options().name, changes);
  };
  events.on_fatal = [this](SimMember& member, const absl::Status& status) {
    OnFatal(member, status);
  };
  for (size_t i = 0; i < members; ++i) {
    options.name = absl::StrCat("m", i + 1);
    options.data_dir = "/" + options.name;
    options.client_urls = {"http://sim-client:" + options.name};
    members_.push_back(std::make_unique<SimMember>(world_, network_, options, events));
    StartLater(*members_.back(), dice().Between(Duration(0), std::chrono::milliseconds(50)));
  }
}

void SimCluster::OnFatal(SimMember& member, const absl::Status& status) {
  Count("member stopped by its disk");
  (void)status;
  // The process ends; what its disk forgot after a failed sync shows only after a power loss.
  world_.After(Duration(0), [this, &member] {
    if (!member.up()) return;
    member.PowerLoss();
    StartLater(member, std::chrono::milliseconds(200));
  });
}

void SimCluster::StartLater(SimMember& member, Duration delay) {
  world_.After(delay, [this, &member] {
    if (member.up()) return;
    const auto errors_before = member.disk().counters().injected_errors;
    const absl::Status status = member.Start();
    if (status.ok()) {
      Count("starts");
      return;
    }
    // An injected I/O error at start-up is told and tried again; anything else is a bug.
    if (member.disk().counters().injected_errors == errors_before) {
      truth_.Violated(absl::StrCat(member.options().name, " does not start: ", status.ToString()));
    }
    Count("start failed by an injected error");
    member.disk().PowerLoss();
    StartLater(member, std::chrono::milliseconds(100));
  });
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

void SimCluster::CheckBetweenMembers() {
  for (auto& member : members_) {
    if (!member->up()) continue;
    const raft::Core& core = member->node().core();
    if (!core.IsLeader()) continue;
    const auto [found, is_new] = leaders_.emplace(core.term(), core.id());
    if (is_new) Count("leaders elected");
    if (found->second != core.id()) {
      truth_.Violated(absl::StrCat("two leaders in term ", core.term().value()));
    }
  }
}

void SimCluster::HealEverything() {
  network_.Heal();
  network_.SetOdds({});
  for (auto& member : members_) {
    for (size_t op = 0; op < storage::kDiskOps; ++op) {
      member->disk().SetErrorOdds(static_cast<storage::DiskOp>(op), 0);
    }
    if (member->paused()) member->Resume();
    member->SetSlowDisk(Duration(0));
    if (!member->up()) StartLater(*member, std::chrono::milliseconds(10));
  }
}

}  // namespace keelson::sim
