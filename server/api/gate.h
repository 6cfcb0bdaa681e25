// What is checked of every call before its handler sees it.
#pragma once

#include "absl/status/status.h"
#include "server/api/call.h"

namespace keelson::server {

class Node;

// In this order: a learner serves few methods; the client's API version must be text; a unary call
// that requires a leader fails without one.
absl::Status CheckCall(const Node& node, const CallContext& context);

}  // namespace keelson::server
