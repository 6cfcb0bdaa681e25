// What the endpoints say about themselves, and which of them get the load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/kvbench/options.h"

namespace keelson::kvbench {

struct MemberStatus {
  Endpoint endpoint;
  std::string error;  // empty if it answered
  std::string version;
  uint64_t member_id = 0;
  uint64_t leader = 0;
  uint64_t raft_term = 0;
  uint64_t raft_index = 0;
  uint64_t applied_index = 0;
  int64_t revision = 0;
  int64_t db_size = 0;
};

// Maintenance.Status of every endpoint, one after the other.
std::vector<MemberStatus> QueryStatus(const std::vector<Endpoint>& endpoints);

// Whether every endpoint answered and all name the same leader.
bool Agreed(const std::vector<MemberStatus>& members);

// The same, repeated until all agree or `wait_seconds` have passed.
std::vector<MemberStatus> WaitUntilAgreed(const std::vector<Endpoint>& endpoints,
                                          double wait_seconds);

// The endpoints that Options::target means. Fails if the leader is wanted and not among them.
absl::StatusOr<std::vector<Endpoint>> ResolveTargets(const Options& options);

}  // namespace keelson::kvbench
