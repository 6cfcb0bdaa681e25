#include "server/api/rights.h"

#include <algorithm>
#include <iterator>

namespace keelson::server {
namespace {

struct Row {
  std::string_view rpc;
  Right right;
};

constexpr Row kRows[] = {
    {"/etcdserverpb.KV/Range", Right::kKeys},
    {"/etcdserverpb.KV/RangeStream", Right::kKeys},
    {"/etcdserverpb.KV/Put", Right::kKeys},
    {"/etcdserverpb.KV/DeleteRange", Right::kKeys},
    {"/etcdserverpb.KV/Txn", Right::kKeys},
    {"/etcdserverpb.KV/Compact", Right::kRoot},
    {"/etcdserverpb.Watch/Watch", Right::kKeys},
    {"/etcdserverpb.Lease/LeaseGrant", Right::kUser},
    {"/etcdserverpb.Lease/LeaseRevoke", Right::kLeaseKeys},
    {"/etcdserverpb.Lease/LeaseKeepAlive", Right::kLeaseKeys},
    {"/etcdserverpb.Lease/LeaseTimeToLive", Right::kLeaseKeys},
    {"/etcdserverpb.Lease/LeaseLeases", Right::kLeaseKeys},
    {"/etcdserverpb.Cluster/MemberAdd", Right::kRoot},
    {"/etcdserverpb.Cluster/MemberRemove", Right::kRoot},
    {"/etcdserverpb.Cluster/MemberUpdate", Right::kRoot},
    {"/etcdserverpb.Cluster/MemberList", Right::kUser},
    {"/etcdserverpb.Cluster/MemberPromote", Right::kRoot},
    {"/etcdserverpb.Maintenance/Alarm", Right::kAlarms},
    {"/etcdserverpb.Maintenance/Status", Right::kUser},
    {"/etcdserverpb.Maintenance/Defragment", Right::kRoot},
    {"/etcdserverpb.Maintenance/Hash", Right::kRoot},
    {"/etcdserverpb.Maintenance/HashKV", Right::kRoot},
    {"/etcdserverpb.Maintenance/Snapshot", Right::kRoot},
    {"/etcdserverpb.Maintenance/MoveLeader", Right::kRoot},
    {"/etcdserverpb.Maintenance/Downgrade", Right::kRoot},
    {"/etcdserverpb.Auth/AuthEnable", Right::kRoot},
    {"/etcdserverpb.Auth/AuthDisable", Right::kRoot},
    {"/etcdserverpb.Auth/AuthStatus", Right::kRoot},
    {"/etcdserverpb.Auth/Authenticate", Right::kOpen},
    {"/etcdserverpb.Auth/UserAdd", Right::kRoot},
    {"/etcdserverpb.Auth/UserGet", Right::kOwn},
    {"/etcdserverpb.Auth/UserList", Right::kRoot},
    {"/etcdserverpb.Auth/UserDelete", Right::kRoot},
    {"/etcdserverpb.Auth/UserChangePassword", Right::kRoot},
    {"/etcdserverpb.Auth/UserGrantRole", Right::kRoot},
    {"/etcdserverpb.Auth/UserRevokeRole", Right::kRoot},
    {"/etcdserverpb.Auth/RoleAdd", Right::kRoot},
    {"/etcdserverpb.Auth/RoleGet", Right::kOwn},
    {"/etcdserverpb.Auth/RoleList", Right::kRoot},
    {"/etcdserverpb.Auth/RoleDelete", Right::kRoot},
    {"/etcdserverpb.Auth/RoleGrantPermission", Right::kRoot},
    {"/etcdserverpb.Auth/RoleRevokePermission", Right::kRoot},
    {"/v3lockpb.Lock/Lock", Right::kCallees},
    {"/v3lockpb.Lock/Unlock", Right::kCallees},
    {"/v3electionpb.Election/Campaign", Right::kCallees},
    {"/v3electionpb.Election/Proclaim", Right::kCallees},
    {"/v3electionpb.Election/Leader", Right::kCallees},
    {"/v3electionpb.Election/Observe", Right::kCallees},
    {"/v3electionpb.Election/Resign", Right::kCallees},
    {"/grpc.health.v1.Health/Check", Right::kOpen},
    {"/grpc.health.v1.Health/Watch", Right::kOpen},
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Right::kOpen},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Right::kOpen},
};

// Every RPC of the .proto files.
constexpr std::string_view kRpcs[] = {
#include "proto/rpc_names.inc"
};

constexpr const Row* FindRow(std::string_view rpc) {
  for (const Row& row : kRows) {
    if (row.rpc == rpc) return &row;
  }
  return nullptr;
}

constexpr bool EachRpcHasARow() {
  return std::all_of(std::begin(kRpcs), std::end(kRpcs),
                     [](std::string_view rpc) { return FindRow(rpc) != nullptr; });
}

static_assert(EachRpcHasARow(), "an RPC of the .proto files has no row above");
static_assert(std::size(kRpcs) == std::size(kRows), "a row above is no RPC, or one twice");

}  // namespace

std::optional<Right> RightOf(std::string_view rpc) {
  const Row* row = FindRow(rpc);
  if (row == nullptr) return std::nullopt;
  return row->right;
}

absl::Status CheckRight(bool auth_is_on, Right right, const std::optional<CallerIdentity>& caller) {
  if (!auth_is_on || right == Right::kOpen) return absl::OkStatus();
  if (!caller) return absl::InvalidArgumentError("etcdserver: user name is empty");
  if (right == Right::kRoot && !caller->root) {
    return absl::PermissionDeniedError("etcdserver: permission denied");
  }
  return absl::OkStatus();
}

}  // namespace keelson::server
