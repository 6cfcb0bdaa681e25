// A change of the membership as a client asks for it, and how the leader judges it: etcd's checks,
// on what the leader sees of the members. Pure; the change itself is made by raft/.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "raft/config.h"
#include "raft/config_change.h"
#include "raft/types.h"

namespace keelson::server {

struct MemberChange {
  enum class Kind : uint8_t {
    kAddVoter = 0,
    kAddLearner = 1,
    kPromote = 2,
    kRemove = 3,
    kUpdate = 4  // its peer URLs are replaced
  };
  Kind kind = Kind::kAddVoter;
  raft::NodeId member;                 // all but additions, whose id the leader draws
  std::vector<std::string> peer_urls;  // additions, kUpdate
};

// The values go over the wire between members.
enum class MemberOutcome : uint8_t {
  kBegun = 0,      // it is in the log
  kNotLeader = 1,  // ask the leader
  kNotNow = 2,     // the leader can't yet: ask again
  kNotFound = 3,
  kUrlsInUse = 4,
  kTooManyLearners = 5,
  kNotEnoughStarted = 6,  // those that have started would be no quorum of the new membership
  kUnhealthy = 7,         // members are not connected to the leader
  kNotLearner = 8,
  kNotInSync = 9,
  kTooManyMembers = 10,
};

// The error that a client is to see. REQUIRES: none of the first three.
absl::Status ErrorOf(MemberOutcome outcome);

struct MemberRules {
  // Refuses what could leave the cluster without a quorum that works.
  bool strict = true;
  size_t max_learners = 1;
};

// What the leader sees of the members when it is asked.
struct MembersSeen {
  MemberRules rules;
  const raft::Configuration& now;
  raft::NodeId self;
  std::function<bool(raft::NodeId)> started;    // the cluster has its name
  std::function<bool(raft::NodeId)> connected;  // of others: over an open connection
};

// kBegun: nothing speaks against it. Whether a learner is in sync is raft's to say.
MemberOutcome CheckMemberChange(const MemberChange& change, const MembersSeen& seen);

// The change as raft makes it. `added` is the id of an addition; what an update leaves alone is
// taken from `now`. REQUIRES: CheckMemberChange on `now` said kBegun.
raft::ConfChange ConfChangeOf(const MemberChange& change, raft::NodeId added,
                              const raft::Configuration& now);

// Whether the change shows in `now`, for a member that did not see it happen: it shows also where
// the member was removed since.
bool ShowsIn(const MemberChange& change, raft::NodeId member, const raft::Configuration& now);

// Whether members can be dialled at them: at least one, each "http://HOST:PORT", none twice.
bool ArePeerUrls(const std::vector<std::string>& urls);

}  // namespace keelson::server
