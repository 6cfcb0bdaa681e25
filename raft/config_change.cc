#include "raft/config_change.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/check.h"

namespace keelson::raft {
namespace {

absl::Status Invalid(NodeId id, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("member ", id.value(), " ", why));
}

// The membership that the changes build up, before it is known whether the way there is joint.
struct Target {
  NodeSet voters;
  NodeSet learners;
  absl::btree_map<NodeId, MemberInfo> members;
  NodeSet demoted;
};

absl::Status Add(const Configuration& current, const ConfChange& change, NodeSet* role,
                 Target& target) {
  const NodeId id = change.node;
  if (target.members.contains(id)) {
    return absl::AlreadyExistsError(absl::StrCat("member ", id.value(), " is in the cluster"));
  }
  if (current.removed.contains(id)) {
    return absl::AlreadyExistsError(
        absl::StrCat("member ", id.value(), " was removed; add it under a new id"));
  }
  role->insert(id);
  target.members[id] = change.info;
  return absl::OkStatus();
}

absl::Status Change(const ConfChange& change, Target& target) {
  const NodeId id = change.node;
  MemberInfo& info = target.members[id];
  switch (change.type) {
    case ConfChangeType::kPromote:
      if (target.learners.erase(id) == 0) return Invalid(id, "is no learner");
      target.voters.insert(id);
      return absl::OkStatus();
    case ConfChangeType::kDemote:
      if (target.voters.erase(id) == 0) return Invalid(id, "is no voter");
      target.learners.insert(id);
      target.demoted.insert(id);
      return absl::OkStatus();
    case ConfChangeType::kRemove:
      target.voters.erase(id);
      target.learners.erase(id);
      target.members.erase(id);
      return absl::OkStatus();
    case ConfChangeType::kUpdateMember:
      info.name = change.info.name;
      info.peer_urls = change.info.peer_urls;
      info.client_urls = change.info.client_urls;
      return absl::OkStatus();
    case ConfChangeType::kSetIncarnation:
      if (change.info.incarnation == 0) return Invalid(id, "can't have incarnation 0");
      if (info.incarnation != 0 && info.incarnation != change.info.incarnation) {
        return Invalid(id, "has another incarnation; remove it and add it under a new id");
      }
      info.incarnation = change.info.incarnation;
      return absl::OkStatus();
    case ConfChangeType::kAddLearner:
    case ConfChangeType::kAddVoter:
      break;
  }
  KEELSON_CHECK(false, "additions are handled by Add");
}

absl::Status ApplyOne(const Configuration& current, const ConfChange& change, Target& target) {
  if (change.node.IsNone()) return Invalid(change.node, "can't exist");
  if (change.type == ConfChangeType::kAddLearner) {
    return Add(current, change, &target.learners, target);
  }
  if (change.type == ConfChangeType::kAddVoter) return Add(current, change, &target.voters, target);
  if (!target.members.contains(change.node)) {
    return absl::NotFoundError(absl::StrCat("member ", change.node.value(), " is unknown"));
  }
  return Change(change, target);
}

size_t VotersThatDiffer(const NodeSet& a, const NodeSet& b) {
  size_t count = 0;
  for (NodeId id : a) count += b.contains(id) ? 0 : 1;
  for (NodeId id : b) count += a.contains(id) ? 0 : 1;
  return count;
}

void MarkRemoved(const Configuration& before, Configuration& after) {
  for (const auto& [id, info] : before.members) {
    if (!after.members.contains(id)) after.removed.insert(id);
  }
  while (after.removed.size() > Configuration::kMaxRemoved) {
    after.removed.erase(after.removed.begin());
  }
}

Configuration Join(const Configuration& current, Target target) {
  Configuration next;
  next.removed = current.removed;
  next.voters = std::move(target.voters);
  next.members = std::move(target.members);
  next.outgoing = current.voters;
  next.auto_leave = true;
  next.learners_next = target.demoted;
  for (NodeId id : target.learners) {
    if (!target.demoted.contains(id)) next.learners.insert(id);
  }
  for (NodeId id : next.outgoing) next.members.insert(*current.members.find(id));
  return next;
}

Configuration Replace(const Configuration& current, Target target) {
  Configuration next;
  next.removed = current.removed;
  next.voters = std::move(target.voters);
  next.learners = std::move(target.learners);
  next.members = std::move(target.members);
  return next;
}

}  // namespace

absl::StatusOr<Configuration> ApplyChanges(const Configuration& current,
                                           absl::Span<const ConfChange> changes) {
  if (current.IsJoint()) {
    return absl::FailedPreconditionError("the configuration is joint; wait until it is left");
  }
  if (changes.empty()) return absl::InvalidArgumentError("no membership change is given");
  Target target{current.voters, current.learners, current.members, {}};
  NodeSet seen;
  for (const ConfChange& change : changes) {
    if (!seen.insert(change.node).second) return Invalid(change.node, "is changed twice");
    if (absl::Status status = ApplyOne(current, change, target); !status.ok()) return status;
  }
  if (target.voters.empty()) return absl::InvalidArgumentError("no voter would be left");
  const bool joint = !target.demoted.empty() || VotersThatDiffer(current.voters, target.voters) > 1;
  Configuration next =
      joint ? Join(current, std::move(target)) : Replace(current, std::move(target));
  MarkRemoved(current, next);
  if (absl::Status status = ValidateConfiguration(next); !status.ok()) return status;
  return next;
}

Configuration WithIncarnations(Configuration current,
                               const absl::btree_map<NodeId, uint64_t>& heard) {
  for (auto& [id, info] : current.members) {
    const auto found = heard.find(id);
    if (info.incarnation == 0 && found != heard.end()) info.incarnation = found->second;
  }
  return current;
}

Configuration LeaveJoint(const Configuration& current) {
  KEELSON_CHECK(current.IsJoint(), "only a joint configuration can be left");
  Configuration next = current;
  next.learners.insert(current.learners_next.begin(), current.learners_next.end());
  next.learners_next.clear();
  next.outgoing.clear();
  next.auto_leave = false;
  for (NodeId id : current.outgoing) {
    if (!next.IsVoter(id) && !next.IsLearner(id)) next.members.erase(id);
  }
  MarkRemoved(current, next);
  KEELSON_CHECK(ValidateConfiguration(next).ok(), "leaving a joint configuration broke it");
  return next;
}

}  // namespace keelson::raft
