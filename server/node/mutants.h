// Deliberate bugs of the node that the simulator must catch. All off in a real build.
#pragma once

#include "base/mutant.h"

namespace keelson::server {

// An age is counted from when a stamp came back, not from when it was made.
#ifdef KEELSON_MUTANT_AGE_SINCE_RECEIPT
inline constexpr bool kMutantAgeSinceReceipt = true;
#else
KEELSON_DEFINE_MUTANT(kMutantAgeSinceReceipt, "AGE_SINCE_RECEIPT");
#endif

}  // namespace keelson::server
