// Deliberate bugs, one per build switch, with which the tests prove that they would notice. All are
// off unless the build defines KEELSON_MUTANT_<NAME>.
#pragma once

namespace keelson::raft {

// Commits with one durable copy less than a quorum.
#ifdef KEELSON_MUTANT_ACK_BEFORE_QUORUM
inline constexpr bool kMutantAckBeforeQuorum = true;
#else
inline constexpr bool kMutantAckBeforeQuorum = false;
#endif

// Commits entries of earlier terms by counting copies (thesis 3.6.2, figure 3.7).
#ifdef KEELSON_MUTANT_COMMIT_OLD_TERM
inline constexpr bool kMutantCommitOldTerm = true;
#else
inline constexpr bool kMutantCommitOldTerm = false;
#endif

// Takes any heartbeat answer, however old, as a confirmation of the running read round.
#ifdef KEELSON_MUTANT_STALE_READ_NONCE
inline constexpr bool kMutantStaleReadNonce = true;
#else
inline constexpr bool kMutantStaleReadNonce = false;
#endif

// Leaves the vote out of the hard state.
#ifdef KEELSON_MUTANT_VOTE_FORGOTTEN
inline constexpr bool kMutantVoteForgotten = true;
#else
inline constexpr bool kMutantVoteForgotten = false;
#endif

// A follower cuts its log at the end of every append, also when nothing conflicts.
#ifdef KEELSON_MUTANT_TRUNCATE_TOO_FAR
inline constexpr bool kMutantTruncateTooFar = true;
#else
inline constexpr bool kMutantTruncateTooFar = false;
#endif

}  // namespace keelson::raft
