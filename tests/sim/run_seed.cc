#include "tests/sim/run_seed.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/mvcc/read_view.h"
#include "tests/sim/clients.h"
#include "tests/sim/cluster.h"
#include "tests/sim/liveness.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/reconfigurer.h"

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
  std::vector<std::unique_ptr<NamedWriter>> named;
  FreshReader fresh;

  explicit Clients(SimCluster& cluster) : fresh(cluster) {
    Dice& dice = cluster.dice();
    for (uint64_t i = 2 + dice.Below(4); i > 0; --i) Add(cluster, KvHabits::DrawWriter(dice));
    for (uint64_t i = 1 + dice.Below(3); i > 0; --i) Add(cluster, KvHabits::DrawReader(dice));
    watches.push_back(std::make_unique<WatchClient>(cluster, "k", "l"));
    watches.push_back(std::make_unique<WatchClient>(cluster, "k1", "k2"));
    watches.push_back(std::make_unique<WatchClient>(cluster, "lease/", "lease0"));
    leases.push_back(std::make_unique<LeaseClient>(cluster, 0));
    for (int i = 1 + static_cast<int>(dice.Below(3)); i > 0; --i) {
      named.push_back(std::make_unique<NamedWriter>(cluster, i));
    }
  }
  void Add(SimCluster& cluster, const KvHabits& habits) {
    kv.push_back(std::make_unique<KvClient>(cluster, static_cast<int>(kv.size()), habits));
  }
  void Start() {
    for (auto& client : kv) client->Start();
    for (auto& client : watches) client->Start();
    for (auto& client : leases) client->Start();
    for (auto& client : named) client->Start();
    fresh.Start();
  }
  void Stop() {
    for (auto& client : kv) client->Stop();
    for (auto& client : leases) client->Stop();
    for (auto& client : named) client->Stop();
    fresh.Stop();
  }
  uint64_t operations() const {
    uint64_t sum = 0;
    for (const auto& client : kv) sum += client->operations();
    return sum;
  }
};

bool AllAlike(SimCluster& cluster) {
  raft::Index applied;
  for (SimMember* const member : cluster.Current()) {
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

// One that was removed and has not heard of it; null if all have. Whoever was away until all that
// it knew were replaced has nobody to ask.
SimMember* RemovedThatGoesOn(SimCluster& cluster) {
  const raft::Configuration& membership = cluster.ledger().membership();
  for (const auto& member : cluster.members()) {
    if (!membership.removed.contains(member->id()) || member->retired()) continue;
    if (!member->up()) return member.get();
    const auto& known = member->node().configuration().members;
    const bool could_ask = std::any_of(known.begin(), known.end(), [&](const auto& other) {
      return membership.IsMember(other.first);
    });
    if (could_ask) return member.get();
  }
  return nullptr;
}

// After the faults: the cluster must come to rest by itself, alike on all members.
void Settle(SimCluster& cluster, const Clients& clients, Reconfigurer& reconfigurer) {
  cluster.HealEverything();
  reconfigurer.OnlyRepair();
  World& world = cluster.world();
  const Truth& truth = cluster.truth();
  const Instant give_up = world.now() + std::chrono::seconds(40);
  const auto settled = [&] {
    if (!reconfigurer.AtRest() || RemovedThatGoesOn(cluster) != nullptr) return false;
    if (!AllAlike(cluster) || cluster.SomeRefuseGrowth()) return false;
    for (const auto& watch : clients.watches) {
      if (!watch->CaughtUp()) return false;
    }
    for (const auto& writer : clients.named) {
      if (!writer->settled()) return false;
    }
    return true;
  };
  // Leases that nobody keeps alive end within this time, but for those that AwaitLeases is about.
  world.RunUntil(world.now() + std::chrono::seconds(14));
  world.RunUntil(give_up, settled);
  if (!reconfigurer.AtRest()) truth.Violated("a change of membership does not come to its end");
  if (SimMember* const left = RemovedThatGoesOn(cluster); left != nullptr) {
    truth.Violated(
        absl::StrCat(left->name(), " was removed and goes on; ",
                     left->up() ? raft::Describe(left->node().configuration()) : "it is down"));
  }
  if (!AllAlike(cluster)) truth.Violated("the members don't come to rest alike after the faults");
  if (cluster.SomeRefuseGrowth()) truth.Violated("a member finds no room where there is some");
  for (const auto& writer : clients.named) {
    if (!writer->settled()) truth.Violated("nobody says what became of a named write");
  }
  for (const auto& watch : clients.watches) {
    if (!watch->CaughtUp()) truth.Violated("after the faults a " + watch->Describe());
  }
}

// Where a leader began to time leases late in the phase above, they have their full time from then
// on, and not longer. REQUIRES: the cluster is at rest.
void AwaitLeases(SimCluster& cluster, const Clients& clients) {
  cluster.world().RunUntil(cluster.leases_timed_since() + LeaseClient::kEndsWithin, [&] {
    return AllAlike(cluster) && std::all_of(clients.leases.begin(), clients.leases.end(),
                                            [](const auto& client) { return client->AllEnded(); });
  });
}

void CheckStores(SimCluster& cluster) {
  const Truth& truth = cluster.truth();
  SimMember& first = *cluster.Current().front();
  const uint32_t hash = HashOf(first, truth);
  for (SimMember* const member : cluster.Current()) {
    storage::MvccStore& store = member->node().store();
    if (store.revision() != truth.newest()) truth.Violated("a member ends at another revision");
    if (HashOf(*member, truth) != hash) {
      truth.Violated(absl::StrCat(member->name(), " holds other data than ", first.name()));
    }
    if (member->node().request_position() != first.node().request_position()) {
      truth.Violated("members disagree on how many named writes there were");
    }
    if (store.db_size() != first.node().store().db_size()) {
      truth.Violated("members disagree on the size of what they keep");
    }
    const auto pairs = truth.RangeAt("", "\xff", truth.newest());
    const auto count = member->node().View()->Count(storage::KeyRange::All());
    if (!count.ok() || *count != static_cast<int64_t>(pairs.size())) {
      truth.Violated(absl::StrCat(member->name(), " counts ", count.ok() ? *count : -1, " keys of ",
                                  pairs.size()));
    }
  }
}

}  // namespace

SeedResult RunSeed(uint64_t seed) {
  SetSeedForReports(seed);
  SimCluster cluster(seed, Dice(seed).OneIn(6) ? 5 : 3);
  Clients clients(cluster);
  Nemesis nemesis(cluster);
  Reconfigurer reconfigurer(cluster);
  clients.Start();
  nemesis.Start();
  reconfigurer.Start();
  World& world = cluster.world();
  const Instant begin = world.now();
  while (world.now() - begin < kLongest &&
         (clients.operations() < kMinOperations || nemesis.faults() < kMinFaults)) {
    world.RunUntil(world.now() + std::chrono::milliseconds(20));
  }
  nemesis.Stop();
  if (cluster.dice().OneIn(2)) {
    reconfigurer.Pause();
    RunCoreAlone(cluster);
  }
  clients.Stop();
  Settle(cluster, clients, reconfigurer);
  AwaitLeases(cluster, clients);
  CheckStores(cluster);
  for (auto& lease : clients.leases) lease->CheckAtEnd();
  cluster.CollectCounters();
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
