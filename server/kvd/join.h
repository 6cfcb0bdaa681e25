// How a member that joins a running cluster learns who it is: from the members that it can reach.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "server/node/node_options.h"
#include "server/peer/member_inquiry.h"

namespace keelson::server {

// Which of the members is this one, by its peer URLs. FailedPrecondition, in etcd's words and with
// what to do: the members are not those of options.initial_cluster, or this one has run already, on
// another data directory.
absl::StatusOr<NodeOptions::Joined> FindOneself(const NodeOptions& options,
                                                const ClusterMembers& said);

// Asks the other members one after the other until one tells who this member is; the error of the
// last that answered, or Unavailable. A member may not have heard of this one's addition yet, so
// another is asked also after an answer that does not fit.
absl::StatusOr<NodeOptions::Joined> AskWhoIAm(
    const NodeOptions& options,
    const std::function<absl::StatusOr<ClusterMembers>(const std::string& url)>& ask);

}  // namespace keelson::server
