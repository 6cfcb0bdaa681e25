// What no member can judge alone (thesis figure 3.2): election safety, leader completeness, state
// machine safety, log matching, and that no read goes back behind what was answered before.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tests/raft/harness/member.h"

namespace keelson::raft::testing {

class Oracle {
 public:
  // `broken` is told of every violation.
  explicit Oracle(std::function<void(const std::string&)> broken) : broken_(std::move(broken)) {}

  Member::Hooks Hooks();

  // Every write that any member applied is at or below; a later read must see it.
  Index acknowledged() const { return acknowledged_; }
  void ReadServed(Index asked_at, Index index);
  // Two logs that agree in an entry's id agree in everything before.
  void CheckLogsMatch(const Member& a, const Member& b);
  size_t leaders() const { return leader_of_.size(); }
  const std::map<Index, EntryId>& committed() const { return committed_; }

 private:
  void BecameLeader(const Member& member);
  void Applied(const Member& member, const Entry& entry);

  std::function<void(const std::string&)> broken_;
  std::map<Term, NodeId> leader_of_;
  std::map<Index, EntryId> committed_;
  std::map<Index, uint32_t> checksum_;
  // The term of whoever applied the entry first: it was committed then at the latest.
  std::map<Index, Term> committed_by_;
  Index acknowledged_;
};

}  // namespace keelson::raft::testing
