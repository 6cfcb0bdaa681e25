#include "client/keelson/cluster.h"

#include "client/keelson/internal/ask.h"

namespace keelson::client {
namespace {

Member FromWire(const etcdserverpb::Member& member) {
  return {.id = member.id(),
          .name = member.name(),
          .peer_urls = {member.peerurls().begin(), member.peerurls().end()},
          .client_urls = {member.clienturls().begin(), member.clienturls().end()},
          .is_learner = member.islearner()};
}

template <typename Response>
std::vector<Member> MembersOf(const Response& response) {
  std::vector<Member> members;
  for (const auto& member : response.members()) members.push_back(FromWire(member));
  return members;
}

template <typename Response>
absl::StatusOr<MemberChangeResult> Change(const std::shared_ptr<internal::Core>& core,
                                          const char* method,
                                          const google::protobuf::MessageLite& request,
                                          const CallOptions& call) {
  return internal::Await(core, [&] {
    return internal::Ask<Response>(
        core, method, internal::Effect::kWrites, request, call, [](const Response& response) {
          return MemberChangeResult{.header = internal::ToHeader(response.header()),
                                    .members = MembersOf(response)};
        });
  });
}

}  // namespace

Future<MemberListResult> Cluster::ListAsync(const MemberListOptions& options,
                                            const CallOptions& call) const {
  etcdserverpb::MemberListRequest request;
  request.set_linearizable(options.linearizable);
  internal::ReadRequest read{.method = "/etcdserverpb.Cluster/MemberList",
                             .body = request.SerializeAsString(),
                             .linearizable = options.linearizable,
                             .timeout = call.timeout,
                             .options = call.read};
  request.set_linearizable(false);
  if (call.read.stale_ok && options.linearizable) read.stale_body = request.SerializeAsString();
  return internal::AskRead<etcdserverpb::MemberListResponse>(
      core_, std::move(read), [](const etcdserverpb::MemberListResponse& response) {
        return MemberListResult{.header = internal::ToHeader(response.header()),
                                .members = MembersOf(response)};
      });
}

absl::StatusOr<MemberListResult> Cluster::List(const MemberListOptions& options,
                                               const CallOptions& call) const {
  return internal::Await(core_, [&] { return ListAsync(options, call); });
}

absl::StatusOr<MemberAddResult> Cluster::Add(const std::vector<std::string>& peer_urls,
                                             const MemberAddOptions& options,
                                             const CallOptions& call) const {
  etcdserverpb::MemberAddRequest request;
  for (const std::string& url : peer_urls) request.add_peerurls(url);
  request.set_islearner(options.learner);
  return internal::Await(core_, [&] {
    return internal::Ask<etcdserverpb::MemberAddResponse>(
        core_, "/etcdserverpb.Cluster/MemberAdd", internal::Effect::kWrites, request, call,
        [](const etcdserverpb::MemberAddResponse& response) {
          return MemberAddResult{.header = internal::ToHeader(response.header()),
                                 .member = FromWire(response.member()),
                                 .members = MembersOf(response)};
        });
  });
}

absl::StatusOr<MemberChangeResult> Cluster::Remove(uint64_t id, const CallOptions& call) const {
  etcdserverpb::MemberRemoveRequest request;
  request.set_id(id);
  return Change<etcdserverpb::MemberRemoveResponse>(core_, "/etcdserverpb.Cluster/MemberRemove",
                                                    request, call);
}

absl::StatusOr<MemberChangeResult> Cluster::Update(uint64_t id,
                                                   const std::vector<std::string>& peer_urls,
                                                   const CallOptions& call) const {
  etcdserverpb::MemberUpdateRequest request;
  request.set_id(id);
  for (const std::string& url : peer_urls) request.add_peerurls(url);
  return Change<etcdserverpb::MemberUpdateResponse>(core_, "/etcdserverpb.Cluster/MemberUpdate",
                                                    request, call);
}

absl::StatusOr<MemberChangeResult> Cluster::Promote(uint64_t id, const CallOptions& call) const {
  etcdserverpb::MemberPromoteRequest request;
  request.set_id(id);
  return Change<etcdserverpb::MemberPromoteResponse>(core_, "/etcdserverpb.Cluster/MemberPromote",
                                                     request, call);
}

}  // namespace keelson::client
