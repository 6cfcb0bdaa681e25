// The arithmetic of membership changes: pure functions from one Configuration to the next.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "raft/config.h"

namespace keelson::raft {

enum class ConfChangeType : uint8_t {
  kAddLearner,      // node + info; a new id
  kAddVoter,        // node + info; a new id (a learner is promoted by kPromote)
  kPromote,         // a learner becomes a voter
  kDemote,          // a voter becomes a learner; always through a joint configuration
  kRemove,          // a voter or learner leaves; its id never comes back
  kUpdateMember,    // name and URLs are replaced; the incarnation is kept
  kSetIncarnation,  // info.incarnation becomes known; refused when another one is
};

struct ConfChange {
  ConfChangeType type = ConfChangeType::kAddLearner;
  NodeId node{};
  MemberInfo info{};
};

// Returns what `current` becomes when `changes` (at least one) are made together: a simple
// configuration when at most one voter comes or goes, else a joint one with auto_leave set. Errors:
//   FailedPrecondition  `current` is joint
//   InvalidArgument     a change contradicts `current` or another change, or no voter would be left
//   AlreadyExists       an added id is a member, or was one
//   NotFound            the id to change is no member
absl::StatusOr<Configuration> ApplyChanges(const Configuration& current,
                                           absl::Span<const ConfChange> changes);

// `current` with the incarnations in `heard` of members whose own is not known; the others keep
// theirs. No majority changes, so it may follow any configuration, joint or not committed.
Configuration WithIncarnations(Configuration current,
                               const absl::btree_map<NodeId, uint64_t>& heard);

// The configuration after a joint one: outgoing voters are dropped, learners_next become learners.
// REQUIRES: current.IsJoint().
Configuration LeaveJoint(const Configuration& current);

}  // namespace keelson::raft
