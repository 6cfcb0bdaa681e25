// Deliberate bugs, one per build switch, with which the simulator proves that it would notice. All
// are off unless the build defines KEELSON_MUTANT_<NAME>.
#pragma once

#include "base/mutant.h"

namespace keelson::storage {

// A log write is reported durable without a sync.
#ifdef KEELSON_MUTANT_NO_FSYNC
inline constexpr bool kMutantNoFsync = true;
#else
KEELSON_DEFINE_MUTANT(kMutantNoFsync, "NO_FSYNC");
#endif

// A failed sync is reported as a good one.
#ifdef KEELSON_MUTANT_ACK_AFTER_FAILED_FSYNC
inline constexpr bool kMutantAckAfterFailedFsync = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAckAfterFailedFsync, "ACK_AFTER_FAILED_FSYNC");
#endif

}  // namespace keelson::storage
