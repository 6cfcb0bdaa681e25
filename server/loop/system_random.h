// The random source of a real process.
#pragma once

#include "server/node/seams.h"

namespace keelson::server {

// A generator seeded from the kernel. Copies of the returned function share one sequence. The
// numbers are unpredictable enough for ids and jitter; they are not for secrets.
Random MakeSystemRandom();

}  // namespace keelson::server
