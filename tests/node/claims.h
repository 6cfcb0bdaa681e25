// Locks and elections of a simulated cluster, as their tests ask for them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/etcd/v3election.pb.h"
#include "proto/etcd/v3lock.pb.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {

inline int64_t Grant(NodeCluster& cluster, size_t index, int64_t ttl = 60) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(ttl);
  const Outcome outcome = cluster.Call(index, "/etcdserverpb.Lease/LeaseGrant", request);
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  etcdserverpb::LeaseGrantResponse response;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  return response.id();
}

inline Outcome Revoke(NodeCluster& cluster, size_t index, int64_t lease) {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease);
  return cluster.Call(index, "/etcdserverpb.Lease/LeaseRevoke", request);
}

inline std::string KeyOf(const std::string& name, int64_t lease) {
  return absl::StrCat(name, "/", absl::Hex(lease));
}

inline OpenCall Lock(NodeCluster& cluster, size_t index, const std::string& name, int64_t lease) {
  v3lockpb::LockRequest request;
  request.set_name(name);
  request.set_lease(lease);
  return OpenCall(cluster, index, "/v3lockpb.Lock/Lock", request);
}

inline Outcome Unlock(NodeCluster& cluster, size_t index, const std::string& key) {
  v3lockpb::UnlockRequest request;
  request.set_key(key);
  return cluster.Call(index, "/v3lockpb.Lock/Unlock", request);
}

inline OpenCall Campaign(NodeCluster& cluster, size_t index, const std::string& name, int64_t lease,
                         const std::string& value) {
  v3electionpb::CampaignRequest request;
  request.set_name(name);
  request.set_lease(lease);
  request.set_value(value);
  return OpenCall(cluster, index, "/v3electionpb.Election/Campaign", request);
}

inline OpenCall Observe(NodeCluster& cluster, size_t index, const std::string& name) {
  v3electionpb::LeaderRequest request;
  request.set_name(name);
  return OpenCall(cluster, index, "/v3electionpb.Election/Observe", request);
}

// The value of the leader, or the text of the error.
inline std::string LeaderOf(NodeCluster& cluster, size_t index, const std::string& name) {
  v3electionpb::LeaderRequest request;
  request.set_name(name);
  const Outcome outcome = cluster.Call(index, "/v3electionpb.Election/Leader", request);
  if (!outcome.ok()) return std::string(outcome.status.message());
  v3electionpb::LeaderResponse response;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  return response.kv().value();
}

}  // namespace keelson::testing
