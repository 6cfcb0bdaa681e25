// The comparison through Debian's etcdctl: what scripts see.
#pragma once

#include <cstdint>
#include <string>

#include "tests/differential/report.h"

namespace keelson::differential {

// Runs `ops` random `etcdctl -w json` commands from `seed` against both endpoints and compares
// output, errors and exit codes. REQUIRES: etcdctl is in $PATH; both stores are fresh.
void RunEtcdctlMode(uint64_t seed, int64_t ops, const std::string& reference,
                    const std::string& subject, Report& report);

}  // namespace keelson::differential
