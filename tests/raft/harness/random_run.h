// One seed: members under a lossy network, disks that lose what was not synced, crashes,
// partitions, membership changes, snapshots; then everything is healed and must come to one truth.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/raft/harness/cluster.h"

namespace keelson::raft::testing {

// How often what the run wants to see came up, over one or more seeds.
struct Coverage {
  std::map<std::string, uint64_t> counts;
  void Hit(const std::string& what, uint64_t by = 1) { counts[what] += by; }
};

class RandomRun {
 public:
  RandomRun(uint64_t seed, Coverage* coverage);
  // Empty, or the first violation.
  std::string Execute(int steps);

 private:
  struct Knobs {
    int members, drop, duplicate, crash, cut, change, compact;
    bool churn;  // new leaders are soon cut off or killed
  };
  uint64_t Draw(uint64_t bound);
  bool Percent(int chance) { return static_cast<int>(Draw(100)) < chance; }
  uint64_t AnyMember();
  uint64_t AnyId();
  void Act();
  void MoveMessages();
  void MoveMember();
  void Use();
  void ChangeMembership();
  void Break();
  void Disturb(uint64_t id);
  void Kill(uint64_t id, bool power_loss);
  void Unseat(uint64_t leader);
  void Pause(uint64_t id);
  void Wake();
  void AskRead(uint64_t id);
  bool IsPaused(uint64_t id) const { return paused_until_.contains(id); }
  void Compact(uint64_t id);
  void TakeTurn(uint64_t id);
  void CheckReads(uint64_t id);
  std::string Summary();
  void HealAndConverge();

  std::mt19937_64 random_;
  Knobs knobs_;
  std::string violation_;
  Coverage* const coverage_;
  std::vector<uint64_t> ids_;  // of all members that ever were
  std::vector<uint64_t> stopped_;
  std::map<uint64_t, int>
      paused_until_;                   // step; a paused process neither runs nor reads its messages
  std::map<uint64_t, int> doomed_at_;  // step at which a new leader is unseated
  int step_ = 0;
  uint64_t next_id_ = 0;
  uint64_t next_context_ = 0;
  std::map<uint64_t, Index> asked_at_;  // read context -> what it must see
  struct Need {
    uint64_t leader;
    NodeId peer;
  };
  std::vector<Need> needs_;
  Cluster cluster_;
};

}  // namespace keelson::raft::testing
