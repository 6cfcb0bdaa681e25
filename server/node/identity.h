// Which member of which cluster a data directory belongs to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "raft/config.h"
#include "raft/types.h"
#include "server/node/node_options.h"
#include "server/node/seams.h"
#include "storage/fs/fs.h"

namespace keelson::server {

struct Identity {
  uint64_t cluster_id = 0;
  raft::NodeId member;
  uint64_t incarnation = 0;
  std::string name;
  // What the member starts from when its store is empty; no members for one that joins.
  raft::Configuration initial_configuration;
  // It was made the only member of its cluster at some start.
  bool forced = false;
};

// The id of a member: a hash of its peer URLs (in any order) and the cluster token. Never 0.
raft::NodeId MemberIdOf(std::vector<std::string> peer_urls, std::string_view token);

// The id of a cluster: a hash of its initial members' ids. Never 0.
uint64_t ClusterIdOf(const std::map<std::string, std::vector<std::string>>& initial_cluster,
                     std::string_view token);

// The configuration that all initial members start from.
raft::Configuration InitialConfiguration(
    const std::map<std::string, std::vector<std::string>>& initial_cluster, std::string_view token);

// Whether options.data_dir is a member's already.
absl::StatusOr<bool> HasIdentity(storage::FileSystem& fs, const NodeOptions& options);

// Reads the identity of options.data_dir, or makes one where the directory is fresh. Errors:
//   InvalidArgument     options.initial_cluster doesn't name this member
//   FailedPrecondition  the directory belongs to another member or cluster; says which. It holds
//                       data of etcd, or without an identity. Or it is fresh, and the member is to
//                       join without options.joined, or to be made the only one
//   DataLoss            the identity can't be read
absl::StatusOr<Identity> OpenIdentity(storage::FileSystem& fs, const NodeOptions& options,
                                      const Random& random);

}  // namespace keelson::server
