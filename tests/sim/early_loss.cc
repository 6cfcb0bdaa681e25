#include "tests/sim/early_loss.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "raft/core.h"
#include "raft/mutants.h"

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kOneSeedIn = 8;
// Well within an election timeout, so that nobody counts as silent.
constexpr Duration kLongestSilence = milliseconds(600);
// Votes that were asked for before are won or forgotten by then.
constexpr Duration kUntilSettled = milliseconds(3000);
constexpr Duration kPatience = milliseconds(5000);

bool CountsOthers(const SimMember& member, const raft::Core& core) {
  return member.up() && (core.IsLeader() || core.role() == raft::RoleKind::kCandidate);
}

}  // namespace

EarlyLoss::EarlyLoss(SimCluster& cluster) : cluster_(cluster) {
  Dice& dice = cluster_.dice();
  // Where the bug is switched on that only this shows, each seed has it.
  if (!dice.OneIn(raft::kMutantUnknownDiskCounts ? 1 : kOneSeedIn)) return;
  step_ = Step::kWaiting;
  constexpr Moment kWhen[] = {Moment::kAskedForVotes, Moment::kElected, Moment::kElected,
                              Moment::kMembershipChanged, Moment::kLeaderCommitted};
  moment_ = kWhen[dice.Below(std::size(kWhen))];
  Later(kPatience, [this] {
    if (step_ == Step::kWaiting) step_ = Step::kOver;
  });
}

void EarlyLoss::Later(Duration delay, std::function<void()> task) {
  cluster_.world().After(delay, [this, task = std::move(task)] {
    if (step_ != Step::kOver) task();
  });
}

void EarlyLoss::OnMoment(Moment moment, SimMember& member) {
  if (step_ != Step::kWaiting || moment != moment_) return;
  step_ = Step::kDue;
  Dice& dice = cluster_.dice();
  if (moment != Moment::kElected || dice.OneIn(3)) {
    Later(dice.Between(Duration(0), milliseconds(4)), [this] { Strike(); });
    return;
  }
  // One member hears nothing of the new reign for a while, in which the disk is lost.
  SimMember& other = cluster_.AnyMember();
  if (&other != &member) Separate(member, other);
  Later(dice.Between(Duration(0), kLongestSilence), [this] { Strike(); });
}

void EarlyLoss::Separate(SimMember& a, SimMember& b) {
  SimNetwork& network = cluster_.network();
  Later(Duration(0), [&network, &a, &b] {
    network.Cut(a.id(), b.id());
    network.Cut(b.id(), a.id());
  });
  cluster_.world().After(kLongestSilence, [&network, &a, &b] {
    network.Restore(a.id(), b.id());
    network.Restore(b.id(), a.id());
  });
}

// Whether every member that is there knows every disk for good.
bool EarlyLoss::AllKnown() const {
  const auto& members = cluster_.members();
  return std::all_of(members.begin(), members.end(), [](const auto& member) {
    if (!member->up()) return true;
    const raft::Configuration& known = member->node().core().committed_configuration();
    return std::all_of(known.members.begin(), known.members.end(),
                       [&](const auto& other) { return known.IncarnationOf(other.first) != 0; });
  });
}

void EarlyLoss::Strike() {
  Dice& dice = cluster_.dice();
  SimMember& lost = cluster_.AnyMember();
  const bool votes = cluster_.ledger().membership().IsVoter(lost.id());
  const bool all_up = std::all_of(cluster_.members().begin(), cluster_.members().end(),
                                  [](const auto& member) { return member->up(); });
  if (!votes || !all_up || AllKnown()) {
    step_ = Step::kOver;
    return;
  }
  step_ = Step::kLost;
  cluster_.Count("disks lost before they were known");
  std::vector<SimMember*> counting;
  for (auto& member : cluster_.members()) {
    if (member.get() == &lost || !CountsOthers(*member, member->node().core())) continue;
    counting.push_back(member.get());
  }
  lost.Crash();
  lost.Wipe();
  cluster_.StartLater(lost, dice.Between(milliseconds(5), milliseconds(2000)));
  if (dice.OneIn(2)) return Later(kUntilSettled, [this] { step_ = Step::kOver; });
  for (SimMember* const member : counting) {
    dice.OneIn(2) ? member->Crash() : member->PowerLoss();
    cluster_.StartLater(*member, dice.Between(milliseconds(5), milliseconds(8000)));
  }
  step_ = Step::kOver;
}

}  // namespace keelson::sim
