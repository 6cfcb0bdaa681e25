#include "bench/kvbench/cluster.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/kvbench/clock.h"
#include "bench/kvbench/decode.h"
#include "bench/kvbench/text.h"
#include "bench/kvbench/unary.h"

namespace keelson::kvbench {
namespace {

constexpr int64_t kStatusTimeout = 2 * kNanosPerSecond;
constexpr auto kRetryPause = std::chrono::milliseconds(20);

MemberStatus QueryOne(const Endpoint& endpoint) {
  MemberStatus member;
  member.endpoint = endpoint;
  UnaryClient client(endpoint);
  const auto answer = client.Call(Method::kStatus, "", NowNanos() + kStatusTimeout);
  if (!answer.ok()) {
    member.error = std::string(answer.status().message());
    return member;
  }
  const std::optional<StatusResult> status = DecodeStatus(*answer);
  if (!status) {
    member.error = Concat(endpoint.ToString(), ": malformed status");
    return member;
  }
  member.version = std::string(status->version);
  member.member_id = status->member_id;
  member.leader = status->leader;
  member.raft_term = status->raft_term;
  member.raft_index = status->raft_index;
  member.applied_index = status->applied_index;
  member.revision = status->revision;
  member.db_size = status->db_size;
  return member;
}

}  // namespace

std::vector<MemberStatus> QueryStatus(const std::vector<Endpoint>& endpoints) {
  std::vector<MemberStatus> members;
  members.reserve(endpoints.size());
  for (const Endpoint& endpoint : endpoints) members.push_back(QueryOne(endpoint));
  return members;
}

bool Agreed(const std::vector<MemberStatus>& members) {
  return std::all_of(members.begin(), members.end(), [&](const MemberStatus& member) {
    return member.error.empty() && member.leader != 0 && member.leader == members[0].leader;
  });
}

std::vector<MemberStatus> WaitUntilAgreed(const std::vector<Endpoint>& endpoints,
                                          double wait_seconds) {
  const int64_t deadline = NowNanos() + static_cast<int64_t>(wait_seconds * 1e9);
  while (true) {
    std::vector<MemberStatus> members = QueryStatus(endpoints);
    if (Agreed(members) || NowNanos() >= deadline) return members;
    std::this_thread::sleep_for(kRetryPause);
  }
}

absl::StatusOr<std::vector<Endpoint>> ResolveTargets(const Options& options) {
  if (options.target == Target::kAll && options.wait_seconds == 0) return options.endpoints;
  const std::vector<MemberStatus> members =
      WaitUntilAgreed(options.endpoints, options.wait_seconds);
  if (options.target == Target::kAll) return options.endpoints;
  std::vector<Endpoint> targets;
  std::string errors;
  for (const MemberStatus& member : members) {
    if (!member.error.empty()) {
      errors += Concat("; ", member.error);
      continue;
    }
    const bool leads = member.leader != 0 && member.leader == member.member_id;
    if (leads == (options.target == Target::kLeader)) targets.push_back(member.endpoint);
  }
  if (!targets.empty()) return targets;
  return absl::FailedPreconditionError(Concat(
      "no endpoint is a ", options.target == Target::kLeader ? "leader" : "follower", errors));
}

}  // namespace keelson::kvbench
