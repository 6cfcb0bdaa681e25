// Asking a member over its peer port who belongs to the cluster: what a member that wants to join
// has to know before it has an identity, and so before it can be a peer.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"
#include "server/peer/peer_url.h"

namespace keelson::server {

struct ClusterMembers {
  uint64_t cluster_id = 0;
  std::vector<KnownMember> members;
};

// Blocks for at most about `timeout`; for the start of a process, before its loop runs. Any thread.
// Unavailable, DeadlineExceeded: nobody answered there. DataLoss: what answered is no member.
// FailedPrecondition: it does not tell, and why.
absl::StatusOr<ClusterMembers> AskForMembers(const PeerUrl& url, Duration timeout);

}  // namespace keelson::server
