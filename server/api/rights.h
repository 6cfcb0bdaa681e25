// Which right a caller needs for each RPC, once authentication is on.
//
// The table (rights.cc) is checked against the .proto files when it is compiled: an RPC without a
// row, or a row without an RPC, is no program.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "server/api/call.h"

namespace keelson::server {

enum class Right {
  kOpen,       // none, nor a name
  kUser,       // to be some user
  kKeys,       // to read or write the keys that the request names
  kLeaseKeys,  // to write, or read, the keys that are attached to the lease
  kAlarms,     // to be some user; to set or clear an alarm, root
  kOwn,        // of one's own name and roles; of others, root
  kCallees,    // what the RPCs need that it calls in the caller's name
  kRoot,       // the role root
};

// Of an RPC of the .proto files ("/etcdserverpb.KV/Put"); nullopt for others.
std::optional<Right> RightOf(std::string_view rpc);

// Whether `caller` may begin with an RPC that needs `right`. What depends on the request (keys,
// leases, names) is for its handler to ask; here such a caller only needs a name.
// InvalidArgument "user name is empty" without one, PermissionDenied without the right; OK for
// everybody where authentication is off.
absl::Status CheckRight(bool auth_is_on, Right right, const std::optional<CallerIdentity>& caller);

}  // namespace keelson::server
