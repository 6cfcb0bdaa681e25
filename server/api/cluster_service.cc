#include "server/api/cluster_service.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "server/api/methods.h"
#include "server/api/write.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;
using etcdserverpb::AlarmRequest;

void AnswerAlarms(Node& node, Call& call, const AlarmRequest& request) {
  etcdserverpb::AlarmResponse response;
  node.FillHeader(response.mutable_header());
  for (const auto& [member, kind] : node.facts().AlarmsForClients()) {
    const auto type = static_cast<etcdserverpb::AlarmType>(kind);
    if (request.alarm() != etcdserverpb::NONE && request.alarm() != type) continue;
    auto* alarm = response.add_alarms();
    alarm->set_memberid(member);
    alarm->set_alarm(type);
  }
  Answer(call, response);
}

void HandleAlarm(Node& node, CallPtr call, const AlarmRequest& request) {
  if (request.action() != AlarmRequest::ACTIVATE && request.action() != AlarmRequest::DEACTIVATE) {
    return node.WhenReadable([&node, call, request](const absl::Status& status) {
      if (!status.ok()) return Answer(*call, status);
      AnswerAlarms(node, *call, request);
    });
  }
  v1::AlarmChange change;
  change.set_active(request.action() == AlarmRequest::ACTIVATE);
  change.set_member(request.memberid());
  change.set_alarm(request.alarm());
  WriteAndAnswer<etcdserverpb::AlarmResponse>(node, std::move(call), WriteKind::kAlarm,
                                              change.SerializeAsString());
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

void MaintenanceService::AddTo(Methods& methods) {
  methods.AddUnary<etcdserverpb::StatusRequest>(
      "/etcdserverpb.Maintenance/Status", [this](CallPtr call, const etcdserverpb::StatusRequest&,
                                                 std::string_view) { Status(*call); });
  methods.AddUnary<AlarmRequest>(
      "/etcdserverpb.Maintenance/Alarm",
      [this](CallPtr call, const AlarmRequest& request, std::string_view) {
        HandleAlarm(node_, std::move(call), request);
      });
}

void MaintenanceService::Status(Call& call) {
  const NodeStatus status = node_.status();
  etcdserverpb::StatusResponse response;
  node_.FillHeader(response.mutable_header());
  response.set_version(kApiVersion);
  response.set_storageversion("3.6.0");
  response.set_dbsize(node_.store().db_size());
  response.set_dbsizeinuse(node_.store().db_size());
  response.set_dbsizequota(node_.options().quota_bytes);
  response.set_leader(status.leader.value());
  response.set_raftindex(status.commit.value());
  response.set_raftterm(status.term.value());
  response.set_raftappliedindex(status.applied.value());
  response.set_islearner(status.is_learner);
  response.mutable_downgradeinfo();
  if (status.leader.IsNone()) response.add_errors("etcdserver: no leader");
  for (const auto& [member, kind] : node_.facts().AlarmsForClients()) {
    response.add_errors(absl::StrCat(
        "memberID:", member,
        " alarm:", etcdserverpb::AlarmType_Name(static_cast<etcdserverpb::AlarmType>(kind)), " "));
  }
  Answer(call, response);
}

}  // namespace keelson::server
