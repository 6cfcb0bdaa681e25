// Deliberate bugs, one per build switch, with which the tests prove that they would notice. All are
// off unless the build defines KEELSON_MUTANT_<NAME>.
#pragma once

#include "base/mutant.h"

namespace keelson::server {

// Applies a named write again, whatever is recorded of it.
#ifdef KEELSON_MUTANT_NAME_APPLIED_AGAIN
inline constexpr bool kMutantNameAppliedAgain = true;
#else
KEELSON_DEFINE_MUTANT(kMutantNameAppliedAgain, "NAME_APPLIED_AGAIN");
#endif

// Takes a name whose record may have been dropped for a new one.
#ifdef KEELSON_MUTANT_NAME_FORGOTTEN
inline constexpr bool kMutantNameForgotten = true;
#else
KEELSON_DEFINE_MUTANT(kMutantNameForgotten, "NAME_FORGOTTEN");
#endif

// The records of named writes are not in the snapshots.
#ifdef KEELSON_MUTANT_NAMES_NOT_IN_SNAPSHOTS
inline constexpr bool kMutantNamesNotInSnapshots = true;
#else
KEELSON_DEFINE_MUTANT(kMutantNamesNotInSnapshots, "NAMES_NOT_IN_SNAPSHOTS");
#endif

// Keeps no record of a named write that the log has refused.
#ifdef KEELSON_MUTANT_REFUSAL_FORGOTTEN
inline constexpr bool kMutantRefusalForgotten = true;
#else
KEELSON_DEFINE_MUTANT(kMutantRefusalForgotten, "REFUSAL_FORGOTTEN");
#endif

// Of a repeated write only the revision is told again.
#ifdef KEELSON_MUTANT_ANSWER_CUT_SHORT
inline constexpr bool kMutantAnswerCutShort = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAnswerCutShort, "ANSWER_CUT_SHORT");
#endif

}  // namespace keelson::server
