#include "client/keelson/cluster.h"

#include "client/keelson/internal/ask.h"

namespace keelson::client {

absl::StatusOr<MemberListResult> Cluster::List(const MemberListOptions& options,
                                               const CallOptions& call) const {
  etcdserverpb::MemberListRequest request;
  request.set_linearizable(options.linearizable);
  const auto response = internal::Ask<etcdserverpb::MemberListResponse>(
      core_, "/etcdserverpb.Cluster/MemberList", internal::Effect::kReads, request, call);
  if (!response.ok()) return response.status();
  MemberListResult result{.header = internal::ToHeader(response->header())};
  for (const auto& member : response->members()) {
    result.members.push_back(
        {.id = member.id(),
         .name = member.name(),
         .peer_urls = {member.peerurls().begin(), member.peerurls().end()},
         .client_urls = {member.clienturls().begin(), member.clienturls().end()},
         .is_learner = member.islearner()});
  }
  return result;
}

}  // namespace keelson::client
