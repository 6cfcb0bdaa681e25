// Who is in the cluster. A Configuration is a value; a config entry of the log carries a complete
// one, which holds from the moment the entry is appended until a later one is appended or the entry
// is truncated (Raft thesis 4.1, 4.3). The arithmetic of changes is in raft/config_change.h, the
// byte format in raft/config_codec.h, who is a majority in raft/quorum.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "raft/types.h"

namespace keelson::raft {

using NodeSet = absl::btree_set<NodeId>;

// What the cluster knows of one member. All but `incarnation` is opaque to the core.
struct MemberInfo {
  // Names the data directory behind the id: a wiped one gets a new number. 0 = not known yet.
  // Once known it never changes; a message with another one is ignored (design D9).
  uint64_t incarnation = 0;
  std::string name{};
  std::vector<std::string> peer_urls{};
  std::vector<std::string> client_urls{};

  friend bool operator==(const MemberInfo&, const MemberInfo&) = default;
};

struct Configuration {
  // The members whose majority decides. Empty only on a node that has not joined yet.
  NodeSet voters{};
  // The voters of the configuration being left. Not empty = joint: both majorities decide.
  NodeSet outgoing{};
  // Receive the log, are never counted. Disjoint from voters and outgoing.
  NodeSet learners{};
  // Voters of `outgoing` that become learners when the joint configuration is left.
  NodeSet learners_next{};
  // Joint only: the leader leaves by itself as soon as the joint entry is committed.
  bool auto_leave = false;
  // One per id in the sets above.
  absl::btree_map<NodeId, MemberInfo> members{};
  // Ids removed lately (at most kMaxRemoved, smallest dropped first). Such an id never comes back.
  NodeSet removed{};

  static constexpr size_t kMaxMembers = 64;
  static constexpr size_t kMaxRemoved = 1024;
  static constexpr size_t kMaxUrls = 64;           // of each kind, per member
  static constexpr size_t kMaxStringBytes = 4096;  // a name or a URL

  bool IsJoint() const { return !outgoing.empty(); }
  // In either majority.
  bool IsVoter(NodeId id) const { return voters.contains(id) || outgoing.contains(id); }
  bool IsLearner(NodeId id) const { return learners.contains(id); }
  bool IsMember(NodeId id) const { return members.contains(id); }
  // 0 when the id is unknown or its incarnation is.
  uint64_t IncarnationOf(NodeId id) const;

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

// OK when the rules on the fields above hold; InvalidArgument names the first that doesn't.
absl::Status ValidateConfiguration(const Configuration& configuration);

// For logs and transcripts: "voters=(1 2 3) outgoing=(1 2) learners=(4) ...".
std::string Describe(const Configuration& configuration);

}  // namespace keelson::raft
