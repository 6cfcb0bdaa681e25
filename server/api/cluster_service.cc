#include "server/api/cluster_service.h"

#include <string>
#include <string_view>
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "server/api/methods.h"
#include "server/apply/errors.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;

void FillMember(const Node& node, raft::NodeId id, const raft::MemberInfo& info,
                etcdserverpb::Member* member) {
  member->set_id(id.value());
  member->set_islearner(node.configuration().IsLearner(id));
  for (const std::string& url : info.peer_urls) member->add_peerurls(url);
  const MemberFacts* facts = node.facts().FindMember(id.value());
  if (facts == nullptr) return;  // not started yet: no name, no client URLs
  member->set_name(facts->name);
  for (const std::string& url : facts->client_urls) member->add_clienturls(url);
}

// Response: with a header and the members.
template <typename Response>
Response WithMembers(const Node& node) {
  Response response;
  node.FillHeader(response.mutable_header(), false);
  for (const auto& [id, info] : node.configuration().members) {
    FillMember(node, id, info, response.add_members());
  }
  return response;
}

template <typename Response>
void ChangeAndAnswer(Node& node, CallPtr call, MemberChange change) {
  node.ChangeMember(std::move(change),
                    [&node, call = std::move(call)](const absl::Status& status, raft::NodeId) {
                      if (!status.ok()) return Answer(*call, status);
                      Answer(*call, WithMembers<Response>(node));
                    });
}

MemberChange ChangeOf(MemberChange::Kind kind, uint64_t member) {
  return {kind, raft::NodeId(member), {}};
}

}  // namespace

void ClusterService::AddTo(Methods& methods) {
  methods.AddUnary<etcdserverpb::MemberListRequest>(
      "/etcdserverpb.Cluster/MemberList",
      [this](CallPtr call, const etcdserverpb::MemberListRequest& request, std::string_view) {
        if (!request.linearizable()) return List(*call);
        node_.WhenReadable([this, call](const absl::Status& status) {
          if (!status.ok()) return Answer(*call, status);
          List(*call);
        });
      });
  methods.AddUnary<etcdserverpb::MemberAddRequest>(
      "/etcdserverpb.Cluster/MemberAdd",
      [this](CallPtr call, const etcdserverpb::MemberAddRequest& request, std::string_view) {
        Add(std::move(call), request);
      });
  methods.AddUnary<etcdserverpb::MemberRemoveRequest>(
      "/etcdserverpb.Cluster/MemberRemove",
      [this](CallPtr call, const etcdserverpb::MemberRemoveRequest& request, std::string_view) {
        ChangeAndAnswer<etcdserverpb::MemberRemoveResponse>(
            node_, std::move(call), ChangeOf(MemberChange::Kind::kRemove, request.id()));
      });
  methods.AddUnary<etcdserverpb::MemberUpdateRequest>(
      "/etcdserverpb.Cluster/MemberUpdate",
      [this](CallPtr call, const etcdserverpb::MemberUpdateRequest& request, std::string_view) {
        Update(std::move(call), request);
      });
  methods.AddUnary<etcdserverpb::MemberPromoteRequest>(
      "/etcdserverpb.Cluster/MemberPromote",
      [this](CallPtr call, const etcdserverpb::MemberPromoteRequest& request, std::string_view) {
        ChangeAndAnswer<etcdserverpb::MemberPromoteResponse>(
            node_, std::move(call), ChangeOf(MemberChange::Kind::kPromote, request.id()));
      });
}

void ClusterService::List(Call& call) {
  Answer(call, WithMembers<etcdserverpb::MemberListResponse>(node_));
}

void ClusterService::Add(CallPtr call, const etcdserverpb::MemberAddRequest& request) {
  MemberChange change;
  change.kind =
      request.islearner() ? MemberChange::Kind::kAddLearner : MemberChange::Kind::kAddVoter;
  change.peer_urls.assign(request.peerurls().begin(), request.peerurls().end());
  if (!ArePeerUrls(change.peer_urls)) return Answer(*call, errors::BadMemberUrls());
  node_.ChangeMember(change, [this, call, change](const absl::Status& status, raft::NodeId id) {
    if (!status.ok()) return Answer(*call, status);
    auto response = WithMembers<etcdserverpb::MemberAddResponse>(node_);
    auto* member = response.mutable_member();
    member->set_id(id.value());
    member->set_islearner(change.kind == MemberChange::Kind::kAddLearner);
    for (const std::string& url : change.peer_urls) member->add_peerurls(url);
    Answer(*call, response);
  });
}

void ClusterService::Update(CallPtr call, const etcdserverpb::MemberUpdateRequest& request) {
  MemberChange change = ChangeOf(MemberChange::Kind::kUpdate, request.id());
  change.peer_urls.assign(request.peerurls().begin(), request.peerurls().end());
  if (!ArePeerUrls(change.peer_urls)) return Answer(*call, errors::BadMemberUrls());
  ChangeAndAnswer<etcdserverpb::MemberUpdateResponse>(node_, std::move(call), std::move(change));
}

}  // namespace keelson::server
