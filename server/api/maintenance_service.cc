#include "server/api/maintenance_service.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/view.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "server/api/hash_reader.h"
#include "server/api/methods.h"
#include "server/api/paced_stream.h"
#include "server/api/read_answer.h"
#include "server/api/snapshot_messages.h"
#include "server/api/write.h"
#include "server/apply/errors.h"
#include "server/node/node.h"

namespace keelson::server {
namespace {

using CallPtr = std::shared_ptr<Call>;
using etcdserverpb::AlarmRequest;
using etcdserverpb::DowngradeRequest;

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

std::string EncodeHash(const storage::HashResult& result) {
  etcdserverpb::HashResponse response;
  response.set_hash(result.hash);
  return response.SerializeAsString();
}

std::string EncodeHashKv(const storage::HashResult& result) {
  etcdserverpb::HashKVResponse response;
  response.set_hash(result.hash);
  response.set_compact_revision(result.compact_revision);
  response.set_hash_revision(result.revision);
  return response.SerializeAsString();
}

// Of what this member has applied, without asking another: the hash is there to be compared.
void AnswerHash(Node& node, CallPtr call, int64_t revision, HashReader::Encode encode) {
  auto hash = node.View()->HashKv(revision);
  if (!hash.ok()) return Answer(*call, hash.status());
  AnswerRead(node, std::move(call), std::make_unique<HashReader>(*std::move(hash), encode));
}

bool IsNumber(absl::string_view text) {
  int64_t number = 0;
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &number);
}

// Whether `text` is X.Y, or X.Y.Z and perhaps the names of a pre-release and of a build.
bool IsVersion(absl::string_view text) {
  const size_t end = std::min(text.find_first_of("-+"), text.size());
  const std::vector<absl::string_view> parts = absl::StrSplit(text.substr(0, end), '.');
  const bool named = end < text.size();
  if (parts.size() != 3 && (parts.size() != 2 || named)) return false;
  const auto is_of_name = [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '+';
  };
  const absl::string_view names = text.substr(end);
  return std::all_of(parts.begin(), parts.end(), IsNumber) &&
         std::all_of(names.begin(), names.end(), is_of_name);
}

// There is no version below this one that a cluster could go back to.
void AnswerDowngrade(Node& node, Call& call, const DowngradeRequest& request) {
  switch (request.action()) {
    case DowngradeRequest::VALIDATE:
    case DowngradeRequest::ENABLE:
      return Answer(call, IsVersion(ToAbsl(request.version())) ? errors::DowngradeVersion()
                                                               : errors::DowngradeVersionFormat());
    case DowngradeRequest::CANCEL:
      break;
    default:
      return Answer(call, errors::UnknownMethod());
  }
  etcdserverpb::DowngradeResponse response;
  node.FillHeader(response.mutable_header());
  // Without the patch level.
  const std::string version =
      ClusterApiVersion(std::max(node.facts().version(), kFirstEntryVersion));
  response.set_version(version.substr(0, version.rfind('.')));
  Answer(call, response);
}

}  // namespace

void MaintenanceService::AddTo(Methods& methods) {
  methods.AddUnary<etcdserverpb::StatusRequest>(
      "/etcdserverpb.Maintenance/Status", [this](CallPtr call, const etcdserverpb::StatusRequest&,
                                                 std::string_view) { Status(*call); });
  methods.AddUnary<AlarmRequest>(
      "/etcdserverpb.Maintenance/Alarm",
      [this](CallPtr call, const AlarmRequest& request, std::string_view) {
        HandleAlarm(node_, std::move(call), request);
      });
  methods.Add("/etcdserverpb.Maintenance/Snapshot", Method::Kind::kServerStream,
              [this](CallPtr call, std::string_view) { Snapshot(std::move(call)); });
  // Space is given back without being asked for: README.md.
  methods.AddUnary<etcdserverpb::DefragmentRequest>(
      "/etcdserverpb.Maintenance/Defragment",
      [](CallPtr call, const etcdserverpb::DefragmentRequest&, std::string_view) {
        Answer(*call, etcdserverpb::DefragmentResponse());
      });
  AddHashes(methods);
  AddMoves(methods);
}

void MaintenanceService::AddHashes(Methods& methods) {
  methods.AddUnary<etcdserverpb::HashRequest>(
      "/etcdserverpb.Maintenance/Hash",
      [this](CallPtr call, const etcdserverpb::HashRequest&, std::string_view) {
        AnswerHash(node_, std::move(call), /*revision=*/0, EncodeHash);
      });
  methods.AddUnary<etcdserverpb::HashKVRequest>(
      "/etcdserverpb.Maintenance/HashKV",
      [this](CallPtr call, const etcdserverpb::HashKVRequest& request, std::string_view) {
        AnswerHash(node_, std::move(call), request.revision(), EncodeHashKv);
      });
}

void MaintenanceService::AddMoves(Methods& methods) {
  methods.AddUnary<etcdserverpb::MoveLeaderRequest>(
      "/etcdserverpb.Maintenance/MoveLeader",
      [this](CallPtr call, const etcdserverpb::MoveLeaderRequest& request, std::string_view) {
        node_.MoveLeader(raft::NodeId(request.targetid()), [call](const absl::Status& status) {
          if (!status.ok()) return Answer(*call, status);
          Answer(*call, etcdserverpb::MoveLeaderResponse());
        });
      });
  methods.AddUnary<DowngradeRequest>(
      "/etcdserverpb.Maintenance/Downgrade",
      [this](CallPtr call, const DowngradeRequest& request, std::string_view) {
        AnswerDowngrade(node_, *call, request);
      });
}

void MaintenanceService::Snapshot(CallPtr call) {
  const auto stream = PacedStream::Open(node_.loop(), node_.runner(), std::move(call));
  node_.MakeCheckpoint([stream](const auto& made) {
    if (!made.ok()) return stream->Fail(absl::UnavailableError(made.status().message()));
    stream->Begin(std::make_unique<SnapshotMessages>(*made));
  });
}

void MaintenanceService::Status(Call& call) {
  const NodeStatus status = node_.status();
  etcdserverpb::StatusResponse response;
  node_.FillHeader(response.mutable_header());
  response.set_version(node_.options().api_version);
  response.set_storageversion(kStorageVersion);
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
