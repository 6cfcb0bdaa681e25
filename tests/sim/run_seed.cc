#include "tests/sim/run_seed.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/mvcc/read_view.h"
#include "tests/sim/clients.h"
#include "tests/sim/cluster.h"
#include "tests/sim/nemesis.h"

namespace keelson::sim {
namespace {

constexpr uint64_t kMinOperations = 300;
constexpr uint64_t kMinFaults = 10;
// A seed that needs longer for its share of operations and faults fails its campaign.
constexpr Duration kLongest = std::chrono::seconds(240);

struct Clients {
  std::vector<std::unique_ptr<KvClient>> kv;
  std::vector<std::unique_ptr<WatchClient>> watches;
  std::vector<std::unique_ptr<LeaseClient>> leases;

  explicit Clients(SimCluster& cluster) {
    const uint64_t count = 2 + cluster.dice().Below(5);
    for (uint64_t i = 0; i < count; ++i) {
      kv.push_back(std::make_unique<KvClient>(cluster, static_cast<int>(i)));
    }
    watches.push_back(std::make_unique<WatchClient>(cluster, "k", "l"));
    watches.push_back(std::make_unique<WatchClient>(cluster, "k1", "k2"));
    watches.push_back(std::make_unique<WatchClient>(cluster, "lease/", "lease0"));
    leases.push_back(std::make_unique<LeaseClient>(cluster, 0));
  }
  void Start() {
    for (auto& client : kv) client->Start();
    for (auto& client : watches) client->Start();
    for (auto& client : leases) client->Start();
  }
  void Stop() {
    for (auto& client : kv) client->Stop();
    for (auto& client : leases) client->Stop();
  }
  uint64_t operations() const {
    uint64_t sum = 0;
    for (const auto& client : kv) sum += client->operations();
    return sum;
  }
};

bool AllAlike(SimCluster& cluster) {
  raft::Index applied;
  for (auto& member : cluster.members()) {
    if (!member->up()) return false;
    const auto status = member->node().status();
    if (status.leader.IsNone() || status.applied != status.last) return false;
    if (applied.IsNone()) applied = status.applied;
    if (status.applied != applied) return false;
  }
  return true;
}

uint32_t HashOf(SimMember& member, const Truth& truth) {
  auto hash = member.node().View()->HashKv(0);
  if (!hash.ok()) truth.Violated(absl::StrCat("hash: ", hash.status().ToString()));
  while (true) {
    auto step = (*hash)->Step({});
    if (!step.ok()) truth.Violated(absl::StrCat("hash: ", step.status().ToString()));
    if (step->has_value()) return (*step)->hash;
  }
}

// After the faults: the cluster must come to rest by itself, alike on all members.
void Settle(SimCluster& cluster, const Clients& clients) {
  cluster.HealEverything();
  World& world = cluster.world();
  const Truth& truth = cluster.truth();
  const Instant give_up = world.now() + std::chrono::seconds(40);
  const auto settled = [&] {
    if (!AllAlike(cluster)) return false;
    for (const auto& watch : clients.watches) {
      if (!watch->CaughtUp()) return false;
    }
    return true;
  };
  // Leases that nobody keeps alive end within this time.
  world.RunUntil(world.now() + std::chrono::seconds(14));
  world.RunUntil(give_up, settled);
  if (!AllAlike(cluster)) truth.Violated("the members don't come to rest alike after the faults");
  for (const auto& watch : clients.watches) {
    if (!watch->CaughtUp()) truth.Violated("after the faults a " + watch->Describe());
  }
}

void CheckStores(SimCluster& cluster) {
  const Truth& truth = cluster.truth();
  SimMember& first = *cluster.members().front();
  const uint32_t hash = HashOf(first, truth);
  for (auto& member : cluster.members()) {
    storage::MvccStore& store = member->node().store();
    if (store.revision() != truth.newest()) truth.Violated("a member ends at another revision");
    if (HashOf(*member, truth) != hash) {
      truth.Violated(
          absl::StrCat(member->options().name, " holds other data than ", first.options().name));
    }
    if (store.db_size() != first.node().store().db_size()) {
      truth.Violated("members disagree on the size of what they keep");
    }
    const auto pairs = truth.RangeAt("", "\xff", truth.newest());
    const auto count = member->node().View()->Count(storage::KeyRange::All());
    if (!count.ok() || *count != static_cast<int64_t>(pairs.size())) {
      truth.Violated(absl::StrCat(member->options().name, " counts ", count.ok() ? *count : -1,
                                  " keys of ", pairs.size()));
    }
  }
}

void AddDiskCounters(SimCluster& cluster) {
  for (auto& member : cluster.members()) {
    const storage::DiskCounters disk = member->disk().counters();
    for (size_t op = 0; op < storage::kDiskOps; ++op) {
      cluster.Count("injected disk errors", disk.injected_errors[op]);
    }
    cluster.Count("unsynced pages lost", disk.pages.pages_lost);
    cluster.Count("pages torn", disk.pages.pages_torn);
    cluster.Count("snapshots installed", member->snapshots_installed());
    cluster.Count("torn log tails cut", member->torn_tails());
  }
  const auto& network = cluster.network().counters();
  cluster.Count("frames dropped", network.dropped + network.cut);
  cluster.Count("frames repeated", network.repeated);
  cluster.Count("frames late", network.slowed);
}

}  // namespace

SeedResult RunSeed(uint64_t seed) {
  SetSeedForReports(seed);
  SimCluster cluster(seed, Dice(seed).OneIn(6) ? 5 : 3);
  Clients clients(cluster);
  Nemesis nemesis(cluster);
  clients.Start();
  nemesis.Start();
  World& world = cluster.world();
  const Instant begin = world.now();
  while (world.now() - begin < kLongest &&
         (clients.operations() < kMinOperations || nemesis.faults() < kMinFaults)) {
    world.RunUntil(world.now() + std::chrono::milliseconds(20));
    cluster.CheckBetweenMembers();
  }
  nemesis.Stop();
  clients.Stop();
  Settle(cluster, clients);
  CheckStores(cluster);
  for (auto& lease : clients.leases) lease->CheckAtEnd();
  AddDiskCounters(cluster);
  if (clients.operations() < kMinOperations || nemesis.faults() < kMinFaults) {
    cluster.truth().Violated(absl::StrCat("only ", clients.operations(), " operations and ",
                                          nemesis.faults(), " faults happened"));
  }
  SeedResult result;
  result.trace = world.trace();
  result.operations = clients.operations();
  result.faults = nemesis.faults();
  result.simulated_seconds = static_cast<double>((world.now() - begin).count()) / 1e9;
  result.counters = cluster.counters();
  return result;
}

}  // namespace keelson::sim
