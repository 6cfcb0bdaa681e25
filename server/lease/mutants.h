// Deliberate bugs of the lease table that the simulator must catch. All off in a real build.
#pragma once

#include "base/mutant.h"

namespace keelson::server {

// A new leader gives every lease only half of its time.
#ifdef KEELSON_MUTANT_LEASE_ENDS_EARLY
inline constexpr bool kMutantLeaseEndsEarly = true;
#else
KEELSON_DEFINE_MUTANT(kMutantLeaseEndsEarly, "LEASE_ENDS_EARLY");
#endif

}  // namespace keelson::server
