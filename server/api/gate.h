// What is checked of every call before its handler sees it.
#pragma once

#include "absl/status/status.h"
#include "server/api/call.h"
#include "server/api/rights.h"

namespace keelson::server {

class Node;

// In this order: a learner serves few methods; the client's API version must be text; few calls
// take a request id; a member out of service tells nothing of keys; a call that requires a leader
// is not begun without one; the caller must have `right`, where authentication is on.
absl::Status CheckCall(const Node& node, const CallContext& context, Right right);

// Whether this member is a learner.
bool IsLearner(const Node& node);

// Whether the caller wants to hear of it when there is no leader. Streams that do end once there
// was none for three election timeouts.
inline bool RequiresLeader(const CallContext& context) {
  return context.Find("hasleader") == "true";
}

}  // namespace keelson::server
