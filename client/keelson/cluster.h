// Who belongs to the cluster, as its members see it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
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
  // without one.
  bool linearizable = true;
};

struct MemberListResult {
  Header header = {};  // without a revision
  std::vector<Member> members = {};
};

// A cheap, thread-safe handle; see Kv.
class Cluster {
 public:
  explicit Cluster(std::shared_ptr<internal::Core> core) : core_(std::move(core)) {}

  absl::StatusOr<MemberListResult> List(const MemberListOptions& options = {},
                                        const CallOptions& call = {}) const;

 private:
  std::shared_ptr<internal::Core> core_;
};

}  // namespace keelson::client
