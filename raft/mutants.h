// Deliberate bugs, one per build switch, with which the tests prove that they would notice. All are
// off unless the build defines KEELSON_MUTANT_<NAME>.
#pragma once

#include "base/mutant.h"

namespace keelson::raft {

// Commits with one durable copy less than a quorum.
#ifdef KEELSON_MUTANT_ACK_BEFORE_QUORUM
inline constexpr bool kMutantAckBeforeQuorum = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAckBeforeQuorum, "ACK_BEFORE_QUORUM");
#endif

// Commits entries of earlier terms by counting copies (thesis 3.6.2, figure 3.7).
#ifdef KEELSON_MUTANT_COMMIT_OLD_TERM
inline constexpr bool kMutantCommitOldTerm = true;
#else
KEELSON_DEFINE_MUTANT(kMutantCommitOldTerm, "COMMIT_OLD_TERM");
#endif

// Takes any heartbeat answer, however old, as a confirmation of the running read round.
#ifdef KEELSON_MUTANT_STALE_READ_NONCE
inline constexpr bool kMutantStaleReadNonce = true;
#else
KEELSON_DEFINE_MUTANT(kMutantStaleReadNonce, "STALE_READ_NONCE");
#endif

// Leaves the vote out of the hard state.
#ifdef KEELSON_MUTANT_VOTE_FORGOTTEN
inline constexpr bool kMutantVoteForgotten = true;
#else
KEELSON_DEFINE_MUTANT(kMutantVoteForgotten, "VOTE_FORGOTTEN");
#endif

// A follower cuts its log at the end of every append, also when nothing conflicts.
#ifdef KEELSON_MUTANT_TRUNCATE_TOO_FAR
inline constexpr bool kMutantTruncateTooFar = true;
#else
KEELSON_DEFINE_MUTANT(kMutantTruncateTooFar, "TRUNCATE_TOO_FAR");
#endif

// Counts votes and copies of disks that no configuration can tell from their empty successors.
#ifdef KEELSON_MUTANT_UNKNOWN_DISK_COUNTS
inline constexpr bool kMutantUnknownDiskCounts = true;
#else
KEELSON_DEFINE_MUTANT(kMutantUnknownDiskCounts, "UNKNOWN_DISK_COUNTS");
#endif

}  // namespace keelson::raft
