// Commands that make one call at a time.
#pragma once

#include "bench/kvbench/options.h"

namespace keelson::kvbench {

// Each prints its result and returns the exit status. They talk to the first target.
int RunScan(const Options& options);
int RunStatus(const Options& options);
int RunCompact(const Options& options);
int RunProbe(const Options& options);

}  // namespace keelson::kvbench
