// What goes wrong in a simulation: one fault after the other, each seed with a mix of its own.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/cluster.h"
#include "tests/sim/early_loss.h"
#include "tests/sim/lost_entry.h"

namespace keelson::sim {

class Nemesis {
 public:
  // Draws which faults this seed has, and how often.
  explicit Nemesis(SimCluster& cluster);
  void Start();
  // No fault begins any more, and what was to follow from earlier ones never comes.
  void Stop();
  uint64_t faults() const { return faults_; }

 private:
  struct Fault {
    std::string name;
    uint64_t weight;
    std::function<void()> strike;
  };
  using Links = std::vector<std::pair<raft::NodeId, raft::NodeId>>;

  // nemesis.cc
  void Next();
  void Add(const std::string& name, std::function<void()> strike);
  // Nothing else begins for so long.
  void KeepQuiet(Duration time) { quiet_until_ = cluster_.world().now() + time; }
  void Later(Duration delay, std::function<void()> task);
  SimMember& Any() { return cluster_.AnyMember(); }
  SimMember& LeaderOrAny();
  Dice& dice() { return cluster_.dice(); }
  Duration Between(int64_t low_ms, int64_t high_ms);
  void OnMoment(Moment moment, SimMember& member);
  void EndReign(SimMember& leader);
  void UnseatLater(SimMember& leader, Duration delay);

  // process_faults.cc: processes and disks
  void AddProcessFaults();
  void Crash(SimMember& member);
  void PowerLoss(SimMember& member);
  void PowerLossOfAll();
  void CutPowerDuringWrites();
  void Pause(SimMember& member);
  void SlowDisk();
  void FillDisk(SimMember& member);
  void FailSyncs();
  void LieInAmbush();
  void LosePowerAfterCompaction();
  void EndAtSwitchOfStore();
  void Strike(SimMember& member);

  // network_faults.cc: the network and who leads
  void AddNetworkFaults();
  void CutFor(const Links& links, Duration time);
  Links Around(const SimMember& member, bool out, bool in);
  void Partition();
  void CutOneWay();
  void LateAnswers();
  void ShakeNetwork();
  void TransferLeadership();
  void DelayWinner();
  void Unseat(SimMember& leader);

  SimCluster& cluster_;
  bool stopped_ = false;
  Instant quiet_until_{};
  uint64_t faults_ = 0;
  std::vector<Fault> faults_of_seed_;
  uint64_t total_weight_ = 0;
  std::array<std::function<void(SimMember&)>, kMoments> ambushes_;
  Instant leaders_doomed_until_{};
  bool ends_by_commit_ = false;  // the running reign
  SimMember* late_winner_ = nullptr;
  LostEntry lost_entry_;
  EarlyLoss early_loss_;
  Links unseated_;  // the cuts around the leader that was unseated last
};

}  // namespace keelson::sim
