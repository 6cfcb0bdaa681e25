// Who belongs to the cluster, as its members see it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/keelson/future.h"
#include "client/keelson/options.h"
#include "client/keelson/types.h"

namespace keelson::client {

namespace internal {
class Core;
}

struct Member {
  uint64_t id = 0;
  std::string name = {};  // empty until the member has started for the first time
  std::vector<std::string> peer_urls = {};
  std::vector<std::string> client_urls = {};  // empty until then, too
  bool is_learner = false;
};

struct MemberListOptions {
  // Confirmed by a quorum. Otherwise the asked member's own, perhaps old, view, which it can give
  // without one. CallOptions::read goes with it as with GetOptions::serializable; a min_revision
  // only where members tell how fresh they are, since the answer itself has no revision.
  bool linearizable = true;
};

struct MemberListResult {
  Header header = {};  // without a revision
  std::vector<Member> members = {};
  Freshness freshness = {};  // without a revision, too
};

// What a change of the membership left: all members, as the asked one knows them then.
struct MemberChangeResult {
  Header header = {};  // without a revision
  std::vector<Member> members = {};
};

struct MemberAddOptions {
  // Gets the log and does not vote until it is promoted.
  bool learner = false;
};

struct MemberAddResult {
  Header header = {};
  Member member = {};  // the new one; it has no name before it starts
  std::vector<Member> members = {};
};

// A cheap, thread-safe handle; see Kv.
class Cluster {
 public:
  explicit Cluster(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

  absl::StatusOr<MemberListResult> List(const MemberListOptions& options = {},
                                        const CallOptions& call = {}) const;
  Future<MemberListResult> ListAsync(const MemberListOptions& options = {},
                                     const CallOptions& call = {}) const;

  // Changes of the membership, made by the leader, one after the other, and refused where those
  // that work would be no majority any more. A new member is to be started after it was added.
  absl::StatusOr<MemberAddResult> Add(const std::vector<std::string>& peer_urls,
                                      const MemberAddOptions& options = {},
                                      const CallOptions& call = {}) const;
  // NotFound if there is no such member. It stops; its id never comes back.
  absl::StatusOr<MemberChangeResult> Remove(uint64_t id, const CallOptions& call = {}) const;
  absl::StatusOr<MemberChangeResult> Update(uint64_t id, const std::vector<std::string>& peer_urls,
                                            const CallOptions& call = {}) const;
  // Lets a learner vote. FailedPrecondition as long as it has not caught up with the leader.
  absl::StatusOr<MemberChangeResult> Promote(uint64_t id, const CallOptions& call = {}) const;

 private:
  std::shared_ptr<internal::Core> core_;
};

}  // namespace keelson::client
