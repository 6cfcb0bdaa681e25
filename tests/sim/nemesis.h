// What goes wrong in a simulation: one fault after the other, each seed with a mix of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/cluster.h"

namespace keelson::sim {

class Nemesis {
 public:
  // Draws which faults this seed has, and how often.
  explicit Nemesis(SimCluster& cluster);
  void Start();
  void Stop() { stopped_ = true; }
  uint64_t faults() const { return faults_; }

 private:
  struct Fault {
    std::string name;
    uint64_t weight;
    std::function<void()> strike;
  };

  void Next();
  void Add(const std::string& name, std::function<void()> strike);
  SimMember& Any() { return cluster_.AnyMember(); }
  Dice& dice() { return cluster_.dice(); }
  void Crash(SimMember& member);
  void PowerLoss(SimMember& member);
  void PowerLossOfAll();
  void CutPowerDuringWrites();
  void Partition();
  void CutOneWay();
  void Pause();
  void ShakeNetwork();
  void SlowDisk();
  void FailSyncs();
  void TransferLeadership();
  void IsolateForLong();

  SimCluster& cluster_;
  bool stopped_ = false;
  uint64_t faults_ = 0;
  std::vector<Fault> faults_of_seed_;
  uint64_t total_weight_ = 0;
};

}  // namespace keelson::sim
