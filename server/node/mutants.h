// Deliberate bugs of the node that the simulator must catch. All off in a real build.
#pragma once

#include "base/mutant.h"

namespace keelson::server {

// An age is counted from when a stamp came back, not from when it was made.
#ifdef KEELSON_MUTANT_AGE_SINCE_RECEIPT
inline constexpr bool kMutantAgeSinceReceipt = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAgeSinceReceipt, "AGE_SINCE_RECEIPT");
#endif

// An age is counted from a stamp whose index is not applied yet.
#ifdef KEELSON_MUTANT_AGE_BEFORE_APPLIED
inline constexpr bool kMutantAgeBeforeApplied = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAgeBeforeApplied, "AGE_BEFORE_APPLIED");
#endif

// An age leaves out that the clock may be slow.
#ifdef KEELSON_MUTANT_AGE_WITHOUT_DRIFT
inline constexpr bool kMutantAgeWithoutDrift = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAgeWithoutDrift, "AGE_WITHOUT_DRIFT");
#endif

// Whoever waits for a revision waits no longer than the turn.
#ifdef KEELSON_MUTANT_MIN_REVISION_PASSED
inline constexpr bool kMutantMinRevisionPassed = true;
#else
KEELSON_DEFINE_MUTANT(kMutantMinRevisionPassed, "MIN_REVISION_PASSED");
#endif

}  // namespace keelson::server
