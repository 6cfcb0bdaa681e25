// Raft's promises between members, checked after every turn of every member: one leader a term, one
// entry an index once it is committed, a new leader that has them all, one configuration an index.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "raft/core.h"
#include "raft/state_view.h"
#include "tests/sim/truth.h"

namespace keelson::sim {

class Ledger {
 public:
  using Count = std::function<void(const std::string&)>;

  Ledger(const Truth& truth, Count count) : truth_(truth), count_(std::move(count)) {}

  // A process of `name` came up, or took a turn that led from `before` to `now`.
  void OnStart(const std::string& name, const raft::Core& core);
  void OnTurn(const std::string& name, const raft::Core& core, const raft::StateView& before,
              const raft::StateView& now);

  // The newest membership that was committed anywhere.
  const raft::Configuration& membership() const { return membership_; }
  // Whether the members of whom `holds` is true decide in every membership that may be in force.
  bool Decide(const std::function<bool(raft::NodeId)>& holds) const;

 private:
  struct Version {
    raft::Index index;
    raft::Configuration configuration;
  };

  void CheckView(const std::string& name, const raft::StateView& view) const;
  void CheckCommitted(const std::string& name, const raft::StateView& view, raft::Index after);
  void CheckNewLeader(const std::string& name, const raft::StateView& view);
  void CheckMembership(const std::string& name, const raft::Core& core);
  void NoteInForce(const raft::Core& core);
  void CountChange(const raft::Configuration& before, const raft::Configuration& after);

  const Truth& truth_;
  const Count count_;
  std::map<raft::Term, raft::NodeId> leaders_;
  std::vector<raft::Term> committed_;  // by index; none: not known
  std::map<raft::Index, raft::Configuration> memberships_;
  raft::Configuration membership_;
  raft::Index membership_index_;
  std::vector<Version> in_force_;  // not older than membership_
  // Where each member's configurations were when they were last looked at.
  std::map<raft::NodeId, raft::Index> seen_in_force_;
  std::map<raft::NodeId, raft::Index> seen_committed_;
};

}  // namespace keelson::sim
