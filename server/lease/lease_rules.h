// Rules of leases that need no state: limits, error answers, ids.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "server/node/seams.h"

namespace keelson::server {

// Seconds. Beyond it a grant fails.
inline constexpr int64_t kMaxLeaseTtl = 9'000'000'000;

// The shortest TTL a lease may have, in seconds: 1.5 election timeouts, rounded up.
int64_t MinimumLeaseTtl(Duration election_timeout);

// The TTL that a grant of `requested` seconds gets: raised to the minimum, never lowered.
int64_t ClampLeaseTtl(int64_t requested, Duration election_timeout);

// OutOfRange "etcdserver: too large lease TTL", or OK. `ttl` as the client sent it.
absl::Status CheckLeaseTtl(int64_t ttl);

// A positive id for which `taken` is false.
int64_t ChooseLeaseId(const Random& random, const std::function<bool(int64_t)>& taken);

}  // namespace keelson::server
