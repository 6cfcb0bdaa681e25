// Did it happen? Three answers, carried on top of absl::Status.
//
// A status that this library returns always carries its outcome:
//   ok                     -> kDone
//   not ok, kFailed        -> surely without effect: refused by the cluster, never sent, or a read
//   not ok, kUnknown       -> may have happened, may happen yet: find out by reading before acting
// The status code and text are those of the wire; the outcome does not change them.
#pragma once

#include "absl/status/status.h"

namespace keelson::client {

enum class Outcome { kDone, kFailed, kUnknown };

// The outcome of `status`. A failure without one (not made by this library) counts as unknown.
Outcome OutcomeOf(const absl::Status& status);

// `status` with `outcome` attached. REQUIRES: status is not OK and outcome is not kDone, or both
// are the opposite.
absl::Status WithOutcome(absl::Status status, Outcome outcome);

// "done", "failed" or "unknown".
const char* OutcomeName(Outcome outcome);

}  // namespace keelson::client
