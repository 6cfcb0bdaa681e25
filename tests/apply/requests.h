// Short ways to write requests down.
#pragma once

#include <string>

#include "proto/etcd/rpc.pb.h"

namespace keelson::server {

inline etcdserverpb::PutRequest Put(const std::string& key, const std::string& value = "v",
                                    int64_t lease = 0) {
  etcdserverpb::PutRequest request;
  request.set_key(key);
  request.set_value(value);
  request.set_lease(lease);
  return request;
}

// Asks for what it removes.
inline etcdserverpb::DeleteRangeRequest Delete(const std::string& key,
                                               const std::string& end = "") {
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(key);
  request.set_range_end(end);
  request.set_prev_kv(true);
  return request;
}

inline etcdserverpb::RangeRequest Range(const std::string& key, const std::string& end = "",
                                        int64_t revision = 0) {
  etcdserverpb::RangeRequest request;
  request.set_key(key);
  request.set_range_end(end);
  request.set_revision(revision);
  return request;
}

inline etcdserverpb::LeaseGrantRequest Grant(int64_t id, int64_t ttl = 60) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_id(id);
  request.set_ttl(ttl);
  return request;
}

inline etcdserverpb::LeaseRevokeRequest Revoke(int64_t id) {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(id);
  return request;
}

inline etcdserverpb::CompactionRequest Compaction(int64_t revision) {
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  return request;
}

inline etcdserverpb::RequestOp Op(const etcdserverpb::PutRequest& request) {
  etcdserverpb::RequestOp op;
  *op.mutable_request_put() = request;
  return op;
}
inline etcdserverpb::RequestOp Op(const etcdserverpb::DeleteRangeRequest& request) {
  etcdserverpb::RequestOp op;
  *op.mutable_request_delete_range() = request;
  return op;
}
inline etcdserverpb::RequestOp Op(const etcdserverpb::RangeRequest& request) {
  etcdserverpb::RequestOp op;
  *op.mutable_request_range() = request;
  return op;
}
inline etcdserverpb::RequestOp Op(const etcdserverpb::TxnRequest& request) {
  etcdserverpb::RequestOp op;
  *op.mutable_request_txn() = request;
  return op;
}

// A transaction that does `requests` if nothing stands against it.
template <typename... Request>
etcdserverpb::TxnRequest Txn(const Request&... requests) {
  etcdserverpb::TxnRequest txn;
  ((*txn.add_success() = Op(requests)), ...);
  return txn;
}

// The key's version is (or, with another result, is not) `version`.
inline etcdserverpb::Compare VersionIs(
    const std::string& key, int64_t version,
    etcdserverpb::Compare::CompareResult result = etcdserverpb::Compare::EQUAL) {
  etcdserverpb::Compare compare;
  compare.set_key(key);
  compare.set_target(etcdserverpb::Compare::VERSION);
  compare.set_version(version);
  compare.set_result(result);
  return compare;
}

}  // namespace keelson::server
