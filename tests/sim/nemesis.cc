#include "tests/sim/nemesis.h"

#include <utility>

namespace keelson::sim {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kManyFaults = 60;

}  // namespace

Nemesis::Nemesis(SimCluster& cluster) : cluster_(cluster) {
  Add("crash", [this] { Crash(Any()); });
  Add("crash of the leader", [this] {
    SimMember* leader = cluster_.Leader();
    Crash(leader != nullptr ? *leader : Any());
  });
  Add("crash of two", [this] {
    Crash(Any());
    Crash(Any());
  });
  Add("power loss", [this] { PowerLoss(Any()); });
  Add("power loss of all", [this] { PowerLossOfAll(); });
  Add("power cut during writes", [this] { CutPowerDuringWrites(); });
  Add("partition", [this] { Partition(); });
  Add("one-way cut", [this] { CutOneWay(); });
  Add("pause", [this] { Pause(); });
  Add("shaky network", [this] { ShakeNetwork(); });
  Add("slow disk", [this] { SlowDisk(); });
  Add("failing syncs", [this] { FailSyncs(); });
  Add("leader transfer", [this] { TransferLeadership(); });
  Add("long isolation", [this] { IsolateForLong(); });
}

void Nemesis::Add(const std::string& name, std::function<void()> strike) {
  // A third of the seeds go without a given fault; the others have it more or less often.
  const uint64_t weight = dice().OneIn(3) ? 0 : 1 + dice().Below(4);
  total_weight_ += weight;
  faults_of_seed_.push_back({name, weight, std::move(strike)});
}

void Nemesis::Start() {
  cluster_.world().After(dice().Between(milliseconds(600), milliseconds(1500)), [this] { Next(); });
}

void Nemesis::Next() {
  if (stopped_) return;
  if (total_weight_ > 0) {
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
  cluster_.world().After(calm * dice().Between(milliseconds(50), milliseconds(900)),
                         [this] { Next(); });
}

void Nemesis::Crash(SimMember& member) {
  if (!member.up()) return;
  member.Crash();
  cluster_.StartLater(member, dice().Between(milliseconds(5), milliseconds(2500)));
}

void Nemesis::PowerLoss(SimMember& member) {
  if (!member.up()) return;
  member.PowerLoss();
  cluster_.StartLater(member, dice().Between(milliseconds(5), milliseconds(1500)));
}

void Nemesis::PowerLossOfAll() {
  for (auto& member : cluster_.members()) {
    member->PowerLoss();
    cluster_.StartLater(*member, dice().Between(milliseconds(5), milliseconds(800)));
  }
}

// The power goes between two operations of the disk, or in the middle of one: writes are torn that
// no sync had followed. On one member, or on all at nearly the same time.
void Nemesis::CutPowerDuringWrites() {
  const bool all = dice().OneIn(2);
  SimMember& one = Any();
  for (auto& member : cluster_.members()) {
    if (!member->up() || (!all && member.get() != &one)) continue;
    member->disk().CutPowerAfter(dice().Below(24));
    cluster_.world().After(dice().Between(milliseconds(10), milliseconds(120)),
                           [this, &member] { PowerLoss(*member); });
  }
}

void Nemesis::Partition() {
  for (auto& a : cluster_.members()) {
    const bool side = dice().OneIn(2);
    for (auto& b : cluster_.members()) {
      if (side && a != b) {
        cluster_.network().Cut(a->id(), b->id());
        cluster_.network().Cut(b->id(), a->id());
      }
    }
    if (side) break;
  }
  cluster_.world().After(dice().Between(milliseconds(100), milliseconds(3000)),
                         [this] { cluster_.network().Heal(); });
}

void Nemesis::CutOneWay() {
  SimMember& from = Any();
  SimMember& to = Any();
  if (&from == &to) return;
  cluster_.network().Cut(from.id(), to.id());
  cluster_.world().After(dice().Between(milliseconds(100), milliseconds(4000)),
                         [this] { cluster_.network().Heal(); });
}

void Nemesis::Pause() {
  SimMember& member = Any();
  if (!member.up() || member.paused()) return;
  member.Pause();
  cluster_.world().After(dice().Between(milliseconds(50), milliseconds(3500)),
                         [&member] { member.Resume(); });
}

void Nemesis::ShakeNetwork() {
  SimNetwork::Odds odds;
  odds.drop_one_in = dice().OneIn(2) ? 0 : 3 + dice().Below(40);
  odds.repeat_one_in = dice().OneIn(2) ? 0 : 3 + dice().Below(20);
  odds.slow_one_in = dice().OneIn(2) ? 0 : 3 + dice().Below(20);
  odds.slow = dice().Between(milliseconds(1), milliseconds(800));
  cluster_.network().SetOdds(odds);
  cluster_.world().After(dice().Between(milliseconds(200), milliseconds(4000)),
                         [this] { cluster_.network().SetOdds({}); });
}

void Nemesis::SlowDisk() {
  SimMember& member = Any();
  member.SetSlowDisk(dice().Between(milliseconds(1), milliseconds(400)));
  cluster_.world().After(dice().Between(milliseconds(200), milliseconds(3000)),
                         [&member] { member.SetSlowDisk(Duration(0)); });
}

// The syncs of the log fail on one, two or all members at about the same time. Each must stop; what
// its disk pretended to hold shows when the power is lost.
void Nemesis::FailSyncs() {
  for (auto& member : cluster_.members()) {
    if (!dice().OneIn(2)) continue;
    member->disk().FailNth(storage::DiskOp::kSync, 1 + dice().Below(6), "wal");
  }
  if (!dice().OneIn(2)) return;
  cluster_.world().After(dice().Between(milliseconds(20), milliseconds(400)),
                         [this] { PowerLossOfAll(); });
}

void Nemesis::TransferLeadership() {
  SimMember* leader = cluster_.Leader();
  if (leader == nullptr || leader->paused()) return;
  SimMember& target = Any();
  leader->loop().Post([leader, &target] {
    if (leader->up()) (void)leader->node().TransferLeadership(target.id());
  });
}

// Long enough for the log to be dropped behind the member's back: it needs a snapshot.
void Nemesis::IsolateForLong() {
  SimMember& member = Any();
  for (auto& other : cluster_.members()) {
    if (other.get() == &member) continue;
    cluster_.network().Cut(member.id(), other->id());
    cluster_.network().Cut(other->id(), member.id());
  }
  cluster_.world().After(dice().Between(milliseconds(2000), milliseconds(7000)),
                         [this] { cluster_.network().Heal(); });
}

}  // namespace keelson::sim
