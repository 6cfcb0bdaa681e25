// The comparison of single requests and of watch streams, over gRPC or JSON gateways.
#pragma once

#include <cstdint>

#include "tests/differential/report.h"
#include "tests/differential/server.h"

namespace keelson::differential {

enum class WatchForm {
  kFull,         // several watches on a stream, progress, cancels
  kOneByStream,  // what a gateway's client can say: one watch, created at once
};

// Runs `ops` random operations from `seed` on both servers, one after the other, and compares all
// answers. REQUIRES: both stores are fresh.
void CompareServers(uint64_t seed, int64_t ops, Server& reference, Server& subject,
                    WatchForm watches, Report& report);

}  // namespace keelson::differential
