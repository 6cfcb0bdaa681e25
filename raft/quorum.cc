#include "raft/quorum.h"

#include <algorithm>
#include <array>
#include <functional>

#include "base/check.h"
#include "raft/mutants.h"

namespace keelson::raft {
namespace {

size_t Majority(size_t voters) { return voters / 2 + 1; }

VoteResult TallySet(const NodeSet& voters, absl::FunctionRef<std::optional<bool>(NodeId)> vote) {
  size_t granted = 0;
  size_t refused = 0;
  for (NodeId id : voters) {
    const std::optional<bool> answer = vote(id);
    if (!answer.has_value()) continue;
    *answer ? ++granted : ++refused;
  }
  if (granted >= Majority(voters.size())) return VoteResult::kWon;
  if (voters.size() - refused < Majority(voters.size())) return VoteResult::kLost;
  return VoteResult::kPending;
}

Index QuorumIndexOfSet(const NodeSet& voters, absl::FunctionRef<Index(NodeId)> match) {
  KEELSON_CHECK(voters.size() <= Configuration::kMaxMembers, "more voters than a cluster may have");
  if (voters.empty()) return Index();
  std::array<Index, Configuration::kMaxMembers> indexes;
  size_t count = 0;
  for (NodeId id : voters) indexes[count++] = match(id);
  size_t needed = Majority(count);
  if (kMutantAckBeforeQuorum && needed > 1) --needed;
  auto* const nth = indexes.begin() + (needed - 1);
  std::nth_element(indexes.begin(), nth, indexes.begin() + count, std::greater<Index>());
  return *nth;
}

}  // namespace

VoteResult TallyVotes(const Configuration& configuration,
                      absl::FunctionRef<std::optional<bool>(NodeId)> vote) {
  const VoteResult incoming = TallySet(configuration.voters, vote);
  if (!configuration.IsJoint()) return incoming;
  const VoteResult outgoing = TallySet(configuration.outgoing, vote);
  if (incoming == VoteResult::kLost || outgoing == VoteResult::kLost) return VoteResult::kLost;
  const bool won = incoming == VoteResult::kWon && outgoing == VoteResult::kWon;
  return won ? VoteResult::kWon : VoteResult::kPending;
}

bool HasQuorum(const Configuration& configuration, absl::FunctionRef<bool(NodeId)> holds) {
  return TallyVotes(configuration, [&](NodeId id) { return std::optional<bool>(holds(id)); }) ==
         VoteResult::kWon;
}

Index QuorumIndex(const Configuration& configuration, absl::FunctionRef<Index(NodeId)> match) {
  const Index incoming = QuorumIndexOfSet(configuration.voters, match);
  if (!configuration.IsJoint()) return incoming;
  return std::min(incoming, QuorumIndexOfSet(configuration.outgoing, match));
}

}  // namespace keelson::raft
