#include "tests/sim/reconfigurer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::sim {
namespace {

using raft::ConfChange;
using raft::ConfChangeType;
using std::chrono::milliseconds;

constexpr size_t kMostMembers = 5;
// Members that ever were, those included that never got in.
constexpr size_t kMostEver = 14;

}  // namespace

Reconfigurer::Reconfigurer(SimCluster& cluster) : cluster_(cluster) {
  Dice& dice = cluster_.dice();
  only_repair_ = dice.OneIn(4);
  pace_ = 1 + dice.Below(8);
}

void Reconfigurer::Again() {
  Dice& dice = cluster_.dice();
  const Duration pause = milliseconds(only_repair_ ? 100 : 500 * static_cast<int64_t>(pace_));
  cluster_.world().After(dice.Between(pause / 4, pause), [this] { Next(); });
}

void Reconfigurer::Next() {
  Again();
  if (paused_) return;
  DismissWiped();
  SimMember* const leader = cluster_.Leader();
  if (leader == nullptr || leader->paused()) return;
  const raft::Configuration now = leader->node().configuration();
  if (now.IsJoint()) return;
  Changes changes;
  if (const SimMember* const lost = Wiped(now); lost != nullptr) {
    // For a while the wrong disk is there and must be kept out.
    if (only_repair_ || cluster_.dice().OneIn(4)) changes = Replacement(lost->id(), now);
  } else if (!only_repair_) {
    changes = Draw(now);
  }
  if (changes.empty()) return;
  leader->loop().Post([this, leader, changes] {
    if (!leader->up()) return;
    const absl::Status status = leader->node().ChangeMembership(changes);
    cluster_.Count(status.ok() ? "membership changes proposed" : "membership changes refused");
  });
}

// Whoever replaced a lost disk ends the process on its empty successor.
void Reconfigurer::DismissWiped() {
  for (auto& member : cluster_.members()) {
    if (!member->wiped() || member->retired()) continue;
    if (cluster_.ledger().membership().removed.contains(member->id())) member->Retire();
  }
}

raft::NodeId Reconfigurer::Any(const NodeSet& set) {
  if (set.empty()) return raft::NodeId();
  return *std::next(set.begin(), static_cast<ptrdiff_t>(cluster_.dice().Below(set.size())));
}

SimMember* Reconfigurer::Wiped(const raft::Configuration& now) const {
  for (auto& member : cluster_.members()) {
    if (member->wiped() && now.IsMember(member->id())) return member.get();
  }
  return nullptr;
}

bool Reconfigurer::AtRest() const {
  const raft::Configuration& membership = cluster_.ledger().membership();
  return !membership.IsJoint() && Wiped(membership) == nullptr;
}

// The last one that waits to be added; null if none does.
SimMember* Reconfigurer::Spare() const {
  const raft::Configuration& known = cluster_.ledger().membership();
  SimMember* spare = nullptr;
  for (auto& member : cluster_.members()) {
    const bool waits = !member->retired() && !member->wiped() && !known.IsMember(member->id()) &&
                       !known.removed.contains(member->id());
    if (waits) spare = member.get();
  }
  return spare;
}

bool Reconfigurer::MayAdd() const {
  return cluster_.members().size() < kMostEver || Spare() != nullptr;
}

// A spare that waits already, or a new one.
ConfChange Reconfigurer::Addition(ConfChangeType type) {
  SimMember* spare = Spare();
  if (spare == nullptr) spare = &cluster_.AddSpare();
  ConfChange change{.type = type, .node = spare->id()};
  change.info.name = spare->name();
  change.info.peer_urls = spare->options().initial_cluster.at(spare->name());
  return change;
}

// One that lost its disk leaves as the new one comes, or alone where it is only a learner.
Reconfigurer::Changes Reconfigurer::Replacement(raft::NodeId lost, const raft::Configuration& now) {
  Changes changes{{.type = ConfChangeType::kRemove, .node = lost}};
  if (now.IsLearner(lost)) return changes;
  const raft::NodeId learner = Any(now.learners);
  if (!learner.IsNone() && cluster_.dice().OneIn(2)) {
    changes.push_back({.type = ConfChangeType::kPromote, .node = learner});
  } else if (MayAdd()) {
    changes.push_back(Addition(ConfChangeType::kAddVoter));
  }
  return changes;
}

Reconfigurer::Changes Reconfigurer::Draw(const raft::Configuration& now) {
  Dice& dice = cluster_.dice();
  const bool room = now.members.size() < kMostMembers && MayAdd();
  const bool many = now.voters.size() > 2 || (now.voters.size() == 2 && MayAdd() && dice.OneIn(4));
  const raft::NodeId learner = Any(now.learners);
  const raft::NodeId voter = Any(now.voters);
  switch (dice.Below(10)) {
    case 0:
    case 1:
      if (room) return {Addition(ConfChangeType::kAddLearner)};
      break;
    case 2:
      if (room && dice.OneIn(2)) return {Addition(ConfChangeType::kAddVoter)};
      break;
    case 3:
    case 4:
      if (!learner.IsNone()) return {{.type = ConfChangeType::kPromote, .node = learner}};
      break;
    case 5:
      if (many) return {{.type = ConfChangeType::kDemote, .node = voter}};
      break;
    case 6:
      if (many) return {{.type = ConfChangeType::kRemove, .node = voter}};
      if (!learner.IsNone()) return {{.type = ConfChangeType::kRemove, .node = learner}};
      break;
    case 7:
      if (!learner.IsNone()) {
        return {{.type = ConfChangeType::kPromote, .node = learner},
                {.type = ConfChangeType::kDemote, .node = voter}};
      }
      break;
    case 8:
      if (MayAdd()) return Replacement(voter, now);
      break;
    default:
      LoseDisk(now);
  }
  return {};
}

// Losing a disk loses what its member has promised. The cluster bears it if the others can decide,
// now and under every change under way, and if all of them know the disk that was there.
bool Reconfigurer::MayLoseDisk(const SimMember& victim, const raft::Configuration& now) const {
  const uint64_t incarnation = now.IncarnationOf(victim.id());
  if (incarnation == 0) return false;
  for (auto& member : cluster_.members()) {
    if (member.get() == &victim || member->retired()) continue;
    // One that was removed and has not heard of it may take the empty disk for the lost one.
    if (now.removed.contains(member->id())) return false;
    if (!now.IsMember(member->id())) continue;
    if (!member->up() || member->wiped()) return false;
    const raft::Core& core = member->node().core();
    if (core.committed_configuration().IncarnationOf(victim.id()) != incarnation) return false;
    if (core.View().durable < core.committed_configuration_index()) return false;
  }
  return cluster_.ledger().Decide([&](raft::NodeId id) { return id != victim.id(); });
}

void Reconfigurer::LoseDisk(const raft::Configuration& now) {
  SimMember* const victim = cluster_.Find(Any(now.voters));
  KEELSON_CHECK(victim != nullptr, "every member was made here");
  if (!MayLoseDisk(*victim, now)) return;
  cluster_.Count("disks lost");
  victim->Crash();
  victim->Wipe();
  cluster_.StartLater(*victim, cluster_.dice().Between(milliseconds(5), milliseconds(2000)));
}

}  // namespace keelson::sim
