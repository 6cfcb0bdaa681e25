// A simulated cluster: members, network, truth, and the counters of what has happened.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/sim_member.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/truth.h"
#include "tests/sim/world.h"

namespace keelson::sim {

class SimCluster {
 public:
  SimCluster(uint64_t seed, size_t members);

  World& world() { return world_; }
  Dice& dice() { return world_.dice(); }
  Truth& truth() { return truth_; }
  SimNetwork& network() { return network_; }
  std::vector<std::unique_ptr<SimMember>>& members() { return members_; }
  SimMember& AnyMember() { return *members_[dice().Below(members_.size())]; }
  SimMember* Leader();

  // Starts a member after `delay` unless it runs by then.
  void StartLater(SimMember& member, Duration delay);
  void Count(const std::string& what, uint64_t by = 1) { counters_[what] += by; }
  const std::map<std::string, uint64_t>& counters() const { return counters_; }
  // The newest revision at which this member answered a serializable read since it lost power.
  int64_t& LastAnswered(SimMember& member) {
    return last_answered_[{member.id(), member.power_losses()}];
  }
  // Checks what holds between members; call it now and then.
  void CheckBetweenMembers();
  // All members up, no fault left; true when a write could be applied everywhere.
  void HealEverything();

 private:
  void OnFatal(SimMember& member, const absl::Status& status);

  World world_;
  SimNetwork network_;
  Truth truth_;
  std::map<std::string, uint64_t> counters_;
  std::map<raft::Term, raft::NodeId> leaders_;
  std::map<std::pair<raft::NodeId, uint64_t>, int64_t> last_answered_;
  std::vector<std::unique_ptr<SimMember>> members_;
};

}  // namespace keelson::sim
