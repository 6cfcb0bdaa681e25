#include "server/api/cluster_service.h"

#include <string>
#include <string_view>
#include <utility>

#include "proto/etcd/rpc.pb.h"
#include "server/api/methods.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;

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
}

void ClusterService::List(Call& call) {
  etcdserverpb::MemberListResponse response;
  node_.FillHeader(response.mutable_header(), false);
  for (const auto& [id, info] : node_.configuration().members) {
    auto* member = response.add_members();
    member->set_id(id.value());
    member->set_islearner(node_.configuration().IsLearner(id));
    for (const std::string& url : info.peer_urls) member->add_peerurls(url);
    const MemberFacts* facts = node_.facts().FindMember(id.value());
    if (facts == nullptr) continue;  // not started yet: no name, no client URLs
    member->set_name(facts->name);
    for (const std::string& url : facts->client_urls) member->add_clienturls(url);
  }
  Answer(call, response);
}

}  // namespace keelson::server
