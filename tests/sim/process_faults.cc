// Faults of processes and disks.
#include <utility>

#include "tests/sim/nemesis.h"

namespace keelson::sim {

using std::chrono::milliseconds;

void Nemesis::AddProcessFaults() {
  Add("crash", [this] { Crash(Any()); });
  Add("crash of the leader", [this] { Crash(LeaderOrAny()); });
  Add("crash of two", [this] {
    Crash(Any());
    Crash(Any());
  });
  Add("power loss", [this] { PowerLoss(Any()); });
  Add("power loss of all", [this] { PowerLossOfAll(); });
  Add("power cut during writes", [this] { CutPowerDuringWrites(); });
  Add("pause", [this] { Pause(Any()); });
  Add("pause of the leader", [this] { Pause(LeaderOrAny()); });
  Add("slow disk", [this] { SlowDisk(); });
  Add("full disk", [this] { FillDisk(Any()); });
  Add("full disk of the leader", [this] { FillDisk(LeaderOrAny()); });
  Add("failing syncs", [this] { FailSyncs(); });
  Add("power loss after a compaction", [this] { LosePowerAfterCompaction(); });
  Add("end at a switch of the store", [this] { EndAtSwitchOfStore(); });
  Add("ambush", [this] { LieInAmbush(); });
}

void Nemesis::Crash(SimMember& member) {
  if (!member.up()) return;
  member.Crash();
  cluster_.StartLater(member, Between(5, 2500));
}

void Nemesis::PowerLoss(SimMember& member) {
  if (!member.up()) return;
  member.PowerLoss();
  cluster_.StartLater(member, Between(5, 1500));
}

void Nemesis::PowerLossOfAll() {
  for (auto& member : cluster_.members()) {
    if (member->retired()) continue;
    member->PowerLoss();
    cluster_.StartLater(*member, Between(5, 800));
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
    Later(Between(10, 120), [this, &member = *member] { PowerLoss(member); });
  }
}

void Nemesis::Pause(SimMember& member) {
  if (!member.up() || member.paused()) return;
  member.Pause();
  Later(Between(50, 3500), [&member] { member.Resume(); });
}

void Nemesis::SlowDisk() {
  SimMember& member = Any();
  member.SetSlowDisk(Between(1, 400));
  Later(Between(200, 3000), [&member] { member.SetSlowDisk(Duration(0)); });
}

// Others take the room, some or all of it, and give it back. Meanwhile the member takes no writes
// that grow its data, and does not stop.
void Nemesis::FillDisk(SimMember& member) {
  const uint64_t reserve = member.options().disk_reserve_bytes;
  member.disk().LeaveFree(dice().OneIn(3) ? dice().Below(4096) : dice().Below(reserve));
  Later(Between(500, 8000), [&member] { member.disk().LeaveFree(UINT64_MAX); });
}

// The syncs of the log fail on one, two or all members at about the same time. Each must stop; what
// its disk pretended to hold shows when the power is lost.
void Nemesis::FailSyncs() {
  for (auto& member : cluster_.members()) {
    if (!dice().OneIn(2)) continue;
    member->disk().FailNth(storage::DiskOp::kSync, 1 + dice().Below(6), "wal");
  }
  if (!dice().OneIn(2)) return;
  Later(Between(20, 400), [this] { PowerLossOfAll(); });
}

// Something happens to a member at, or a little after, the next moment of some kind.
void Nemesis::LieInAmbush() {
  auto& ambush = ambushes_[dice().Below(kMoments)];
  const Duration delay = dice().OneIn(2) ? dice().Between(Duration(0), milliseconds(2))
                                         : dice().Between(Duration(0), milliseconds(30));
  ambush = [this, delay](SimMember& member) {
    Later(delay, [this, &member] {
      if (!member.up()) return;
      cluster_.Count("ambushes that struck");
      Strike(member);
    });
  };
}

// What a compaction has begun to remove is gone while the compaction itself may be forgotten: a
// member that comes back alone is asked for the history that it had before.
void Nemesis::LosePowerAfterCompaction() {
  const Duration delay = dice().Between(std::chrono::microseconds(50), milliseconds(1));
  const bool all = dice().OneIn(2);
  ambushes_[static_cast<size_t>(Moment::kCompacted)] = [this, delay, all](SimMember& member) {
    Later(delay, [this, &member, all] {
      if (!member.up()) return;
      cluster_.Count("power losses after a compaction");
      CutFor(Around(member, true, true), Between(500, 4000));
      member.PowerLoss();
      cluster_.StartLater(member, Between(5, 50));
      if (all) PowerLossOfAll();
    });
  };
}

// Between the switch to an installed store and the log's new beginning: the next start finishes it.
void Nemesis::EndAtSwitchOfStore() {
  const Duration delay = dice().Between(Duration(0), std::chrono::microseconds(300));
  const bool power = dice().OneIn(2);
  ambushes_[static_cast<size_t>(Moment::kStoreSwitched)] = [this, delay, power](SimMember& member) {
    Later(delay, [this, &member, power] { power ? PowerLoss(member) : Crash(member); });
  };
}

void Nemesis::Strike(SimMember& member) {
  switch (dice().Below(5)) {
    case 0:
      return Crash(member);
    case 1:
      return PowerLoss(member);
    case 2:
      return PowerLossOfAll();
    case 3:
      return Pause(member);
    default:
      return CutFor(Around(member, true, dice().OneIn(2)), Between(100, 4000));
  }
}

}  // namespace keelson::sim
