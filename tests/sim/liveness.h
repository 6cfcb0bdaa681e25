// After the faults: a random quorum is healed and all else stays broken for good. The core must
// elect a leader and commit within a bounded time (found so: livelocks that a healed cluster
// hides).
#pragma once

#include "tests/sim/cluster.h"

namespace keelson::sim {

// Reports a violation where the core does not serve a write and, at each of its voters, a
// linearizable read in time. Leaves the others broken. REQUIRES: nothing else breaks meanwhile.
void RunCoreAlone(SimCluster& cluster);

}  // namespace keelson::sim
