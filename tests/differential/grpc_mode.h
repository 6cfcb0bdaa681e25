// The comparison over raw gRPC.
#pragma once

#include <cstdint>

#include "tests/differential/report.h"
#include "tests/differential/server.h"

namespace keelson::differential {

// Runs `ops` random operations from `seed` on both servers, one after the other, and compares all
// answers. REQUIRES: both stores are fresh.
void RunGrpcMode(uint64_t seed, int64_t ops, Server& reference, Server& subject, Report& report);

}  // namespace keelson::differential
