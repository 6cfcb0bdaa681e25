// Who is a majority: pure functions over a Configuration. A joint configuration needs both of its
// majorities (thesis 4.3); learners never count; without voters nothing is ever decided.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "raft/config.h"
#include "raft/types.h"

namespace keelson::raft {

enum class VoteResult : uint8_t { kPending, kWon, kLost };

// What an election has come to. `vote` gives a voter's answer, nothing if it has not answered.
VoteResult TallyVotes(const Configuration& configuration,
                      absl::FunctionRef<std::optional<bool>(NodeId)> vote);

// Whether the voters for which `holds` is true decide.
bool HasQuorum(const Configuration& configuration, absl::FunctionRef<bool(NodeId)> holds);

// The highest index that a quorum has. `match` gives the last index known durable at a voter.
Index QuorumIndex(const Configuration& configuration, absl::FunctionRef<Index(NodeId)> match);

}  // namespace keelson::raft
