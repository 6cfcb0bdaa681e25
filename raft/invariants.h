// What always holds of one core, checked by code: of every state, and of every change that one
// input (or one TakeReady) makes. Run by the tests and the simulator after every input. What holds
// between members (one leader a term, one entry an index) is for whoever sees them all.
#pragma once

#include "absl/status/status.h"
#include "raft/core.h"
#include "raft/state_view.h"

namespace keelson::raft {

// OK, or Internal naming the first rule that does not hold.
absl::Status CheckState(const StateView& view);
inline absl::Status CheckState(const Core& core) { return CheckState(core.View()); }

// `after` follows `before` by one input to the same core. SnapshotInstalled, which may replace
// everything not committed, is no exception.
absl::Status CheckTransition(const StateView& before, const StateView& after);

}  // namespace keelson::raft
