// The schedule of the thesis' figure 3.7, step by step: a majority holds an entry of an old term,
// and it is lost all the same. Whoever takes it as committed by counting its copies is wrong.
//
//   Start            OnElected(second)        OnElected(first)          OnTurn: a majority holds it
//   ------> kSecond ------------------> kReturn ---------------> kSpread ----------------> kLose
//   the first leader   the second one has       the first one leads      the second one comes back
//   is cut off with    an entry of its own      again; followers that    and wins: its last entry
//   entries of its     there: cut off; the      got the old entries      is of a later term
//   own                first one comes back     hear no more of it
//
// Only messages are lost here. It ends when it is done, when something else happened than it waits
// for, or when it takes too long.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/sim/cluster.h"

namespace keelson::sim {

class LostEntry {
 public:
  explicit LostEntry(SimCluster& cluster) : cluster_(cluster) {}

  // Does nothing where no cluster of three voters or more has a leader.
  void Start();
  bool running() const { return step_ != Step::kIdle; }
  // Leaves the network as it is.
  void Stop() { step_ = Step::kIdle; }

  void OnElected(SimMember& leader);
  void OnTurn(SimMember& member, const raft::StateView& now);

 private:
  enum class Step { kIdle, kSecond, kReturn, kSpread, kLose };
  using Links = std::vector<std::pair<raft::NodeId, raft::NodeId>>;

  void OnSecond(SimMember& leader);
  void CutOff(raft::NodeId member);
  void ComeBack(raft::NodeId member);
  void Spread(const raft::StateView& now);
  void LoseIfHeld(const raft::StateView& now);
  void End();

  SimCluster& cluster_;
  Step step_ = Step::kIdle;
  uint64_t runs_ = 0;
  SimMember* first_ = nullptr;
  SimMember* second_ = nullptr;
  raft::Index entry_;                 // the first that the two have of their own
  raft::Term return_;                 // the second reign of first_
  std::set<raft::NodeId> followers_;  // with first_ just a majority
  std::set<raft::NodeId> reached_;    // of these, who got the old entries
  std::map<raft::NodeId, Links> cut_off_;
  Links muted_;  // from first_ to who was reached
};

}  // namespace keelson::sim
