// Deliberate bugs of the watch hub that the simulator must catch. All off in a real build.
#pragma once

#include "base/mutant.h"

namespace keelson::server {

// A watcher that comes back from catching up misses the revision at the seam.
#ifdef KEELSON_MUTANT_WATCH_SKIPS_REVISION
inline constexpr bool kMutantWatchSkipsRevision = true;
#else
KEELSON_DEFINE_MUTANT(kMutantWatchSkipsRevision, "WATCH_SKIPS_REVISION");
#endif

}  // namespace keelson::server
