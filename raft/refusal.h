// Why the core does not take a proposal. A refused proposal surely did not happen.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "raft/types.h"

namespace keelson::raft {

enum class Refusal : uint8_t {
  kNotLeader,           // Unavailable; LeaderHint() says whom to ask, if known
  kTransferring,        // Unavailable; leadership is being handed over, for at most a timeout
  kTooManyUncommitted,  // ResourceExhausted; retry when something was committed
  kTooLarge,            // InvalidArgument; the payload exceeds Options::max_entry_bytes
  kChangePending,       // FailedPrecondition; an earlier membership change isn't complete
  kNoCommitInTerm,      // Unavailable; a new leader changes no membership before its first commit
  kInvalidChange,       // as ApplyChanges: InvalidArgument, AlreadyExists, NotFound
  kLearnerNotReady,     // FailedPrecondition; the learner to promote hasn't caught up
  kUnknownPeer,         // NotFound; the target of a transfer is no voter
};

// An error of the given kind. `leader` is attached as the hint when not none.
absl::Status RefusedStatus(Refusal refusal, absl::string_view message, NodeId leader = NodeId());
absl::Status RefusedStatus(Refusal refusal, absl::StatusCode code, absl::string_view message);

// The kind that RefusedStatus put in; nothing for OK and for foreign errors.
std::optional<Refusal> RefusalOf(const absl::Status& status);
// The leader to ask instead; none when not known.
NodeId LeaderHint(const absl::Status& status);

}  // namespace keelson::raft
