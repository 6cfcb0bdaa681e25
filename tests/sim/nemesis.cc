#include "tests/sim/nemesis.h"

#include <utility>

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kManyFaults = 60;

}  // namespace

Nemesis::Nemesis(SimCluster& cluster)
    : cluster_(cluster), lost_entry_(cluster), early_loss_(cluster) {
  AddProcessFaults();
  AddNetworkFaults();
  cluster_.OnMoment([this](Moment moment, SimMember& member) { OnMoment(moment, member); });
  cluster_.AfterTurns(
      [this](SimMember& member, const raft::StateView& now) { lost_entry_.OnTurn(member, now); });
}

void Nemesis::Add(const std::string& name, std::function<void()> strike) {
  // A third of the seeds go without a given fault; the others have it more or less often.
  const uint64_t weight = dice().OneIn(3) ? 0 : 1 + dice().Below(4);
  total_weight_ += weight;
  faults_of_seed_.push_back({name, weight, std::move(strike)});
}

void Nemesis::Start() {
  Later(Between(600, 1500), [this] { Next(); });
}

void Nemesis::Stop() {
  stopped_ = true;
  cluster_.OnMoment(nullptr);
  cluster_.AfterTurns(nullptr);
  lost_entry_.Stop();
  early_loss_.Stop();
}

void Nemesis::Later(Duration delay, std::function<void()> task) {
  cluster_.world().After(delay, [this, task = std::move(task)] {
    if (!stopped_) task();
  });
}

Duration Nemesis::Between(int64_t low_ms, int64_t high_ms) {
  return dice().Between(milliseconds(low_ms), milliseconds(high_ms));
}

SimMember& Nemesis::LeaderOrAny() {
  SimMember* const leader = cluster_.Leader();
  return leader != nullptr ? *leader : Any();
}

void Nemesis::Next() {
  const bool quiet =
      lost_entry_.running() || early_loss_.running() || cluster_.world().now() < quiet_until_;
  if (total_weight_ > 0 && !quiet) {
    uint64_t draw = dice().Below(total_weight_);
    for (const Fault& fault : faults_of_seed_) {
      if (draw >= fault.weight) {
        draw -= fault.weight;
        continue;
      }
      ++faults_;
      cluster_.Count("fault: " + fault.name);
      fault.strike();
      break;
    }
  }
  // Where so many faults left no time for the clients' share, they need calmer times.
  const int calm = faults_ > kManyFaults ? 8 : 1;
  Later(calm * Between(50, 900), [this] { Next(); });
}

void Nemesis::OnMoment(Moment moment, SimMember& member) {
  early_loss_.OnMoment(moment, member);
  // A schedule of many steps is left to itself.
  if (lost_entry_.running()) {
    if (moment == Moment::kElected) lost_entry_.OnElected(member);
    return;
  }
  auto& ambush = ambushes_[static_cast<size_t>(moment)];
  if (ambush) std::exchange(ambush, nullptr)(member);
  if (moment == Moment::kElected && late_winner_ != nullptr && late_winner_ != &member) {
    Later(Between(0, 3), [late = std::exchange(late_winner_, nullptr)] { late->Resume(); });
  }
  const Instant now = cluster_.world().now();
  if (now >= leaders_doomed_until_ || now < quiet_until_) return;
  if (moment == Moment::kElected) EndReign(member);
  if (moment == Moment::kLeaderCommitted && std::exchange(ends_by_commit_, false)) {
    UnseatLater(member, dice().Between(Duration(0), milliseconds(2)));
  }
}

// At once, so that its first entry stays its own; a little later; or when it has committed
// something.
void Nemesis::EndReign(SimMember& leader) {
  ends_by_commit_ = dice().OneIn(3);
  if (ends_by_commit_) return;
  const int64_t longest = dice().OneIn(2) ? 0 : dice().OneIn(2) ? 8 : 150;
  UnseatLater(leader, dice().Between(Duration(0), milliseconds(longest)));
}

void Nemesis::UnseatLater(SimMember& leader, Duration delay) {
  Later(delay, [this, &leader] {
    if (leader.up()) Unseat(leader);
  });
}

}  // namespace keelson::sim
