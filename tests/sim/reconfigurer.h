// The operator of a simulated cluster: adds, promotes, demotes, removes and replaces members while
// everything else goes on, and looks after members that lost their disk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "raft/config_change.h"
#include "tests/sim/cluster.h"

namespace keelson::sim {

class Reconfigurer {
 public:
  // Draws how often this seed changes its membership; a quarter only replaces what was lost.
  explicit Reconfigurer(SimCluster& cluster);
  void Start() { Again(); }
  void Pause() { paused_ = true; }
  // From now on only what was lost is replaced.
  void OnlyRepair() {
    only_repair_ = true;
    paused_ = false;
  }
  // Every member of the membership has its disk, and no change is under way.
  bool AtRest() const;

 private:
  using Changes = std::vector<raft::ConfChange>;
  using NodeSet = raft::NodeSet;

  void Again();
  void Next();
  // What to change next; empty: nothing.
  Changes Draw(const raft::Configuration& now);
  raft::NodeId Any(const NodeSet& set);
  SimMember* Spare() const;
  // Whether a spare is left, or another may be made.
  bool MayAdd() const;
  raft::ConfChange Addition(raft::ConfChangeType type);
  Changes Replacement(raft::NodeId lost, const raft::Configuration& now);
  void LoseDisk(const raft::Configuration& now);
  bool MayLoseDisk(const SimMember& victim, const raft::Configuration& now) const;
  void DismissWiped();
  SimMember* Wiped(const raft::Configuration& now) const;

  SimCluster& cluster_;
  uint64_t pace_ = 0;  // a change every so many half seconds or so
  bool only_repair_ = false;
  bool paused_ = false;
};

}  // namespace keelson::sim
