// What the end of one attempt means: did the request happen, and may it be sent again?
// One table, so that every call is judged by the same rules.
#pragma once

#include "client/keelson/internal/transport.h"
#include "client/keelson/outcome.h"

namespace keelson::client::internal {

// Whether a request can change the store.
enum class Effect { kReads, kWrites };

// The outcome of an attempt that ended with a failure.
//
//   reads                                       -> failed (there is nothing that could have
//   happened) a write that was not sent                   -> failed a write answered with a refusal
//   -> failed  (a member decided before proposing) a write answered with Unavailable,
//     DeadlineExceeded, Canceled, Unknown, ...  -> unknown (it may be in somebody's log)
//   a write without an answer                   -> unknown
Outcome Judge(Effect effect, const CallEnd& end);

// Whether the same request may be sent again, to this or another member: only where that cannot
// repeat an effect, and only for failures that another member or another moment can cure.
bool MayRetry(Effect effect, const CallEnd& end);

// Whether a member refused a read because what it has is too old (ReadOptions::max_age).
bool IsTooOld(const absl::Status& status);

// Whether the failure speaks against the member that was asked (so the next call avoids it), not
// against the request.
bool BlamesEndpoint(const CallEnd& end);

}  // namespace keelson::client::internal
