// Loses the disk of a first member at about the time at which its first vote or copy counts, before
// the others know which disk it was (raft/README.md, "Disks that are lost before they are known").
//
// What the design excludes does not happen: until then no member is silent for an election timeout,
// and from then on none of the others is, unless it has forgotten every vote and copy that the lost
// disk gave it. In half of the cases whoever counts the lost disk's votes or copies dies with it.
#pragma once

#include <functional>

#include "tests/sim/cluster.h"

namespace keelson::sim {

class EarlyLoss {
 public:
  // Draws whether this seed has it.
  explicit EarlyLoss(SimCluster& cluster);
  // Whether no other fault may begin.
  bool running() const { return step_ != Step::kOver; }
  // Leaves the network as it is.
  void Stop() { step_ = Step::kOver; }

  void OnMoment(Moment moment, SimMember& member);

 private:
  enum class Step { kWaiting, kDue, kLost, kOver };

  void Separate(SimMember& a, SimMember& b);
  void Strike();
  bool AllKnown() const;
  void Later(Duration delay, std::function<void()> task);

  SimCluster& cluster_;
  Step step_ = Step::kOver;
  Moment moment_ = Moment::kElected;
};

}  // namespace keelson::sim
