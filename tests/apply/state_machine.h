// The state machine alone: a real store on a disk in memory, its facts and the applier.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "server/apply/applier.h"
#include "server/apply/cluster_facts.h"
#include "storage/fs/faulty_fs.h"
#include "storage/mvcc/mvcc_store.h"

namespace keelson::server {

// What applying one entry gave.
template <typename Response>
struct Applied {
  absl::Status status;
  Response response = {};                     // empty unless the status is OK
  std::vector<storage::Change> changes = {};  // of keys, in order
};

// Every entry is a batch of its own. Not thread-safe.
class StateMachine {
 public:
  explicit StateMachine(const RequestLimits& requests = {});

  // Applies one entry and commits. `Response` is the type of the answer.
  template <typename Response>
  Applied<Response> Apply(const v1::LogEntry& entry) {
    std::vector<storage::Change> changes;
    ApplyResult result = ApplyEntry(entry, &changes);
    Applied<Response> applied{.status = result.status, .changes = std::move(changes)};
    if (result.response) applied.response = static_cast<Response&>(*result.response);
    return applied;
  }

  Applied<etcdserverpb::PutResponse> Apply(const etcdserverpb::PutRequest& request);
  Applied<etcdserverpb::DeleteRangeResponse> Apply(const etcdserverpb::DeleteRangeRequest& request);
  Applied<etcdserverpb::TxnResponse> Apply(const etcdserverpb::TxnRequest& request);
  Applied<etcdserverpb::CompactionResponse> Apply(const etcdserverpb::CompactionRequest& request);
  Applied<etcdserverpb::LeaseGrantResponse> Apply(const etcdserverpb::LeaseGrantRequest& request);
  Applied<etcdserverpb::LeaseRevokeResponse> Apply(const etcdserverpb::LeaseRevokeRequest& request);

  // Applies one entry whose answer nobody waits for, or of which only the outcome matters.
  ApplyResult ApplyEntry(const v1::LogEntry& entry, std::vector<storage::Change>* changes = nullptr,
                         bool want_response = true);

  // Closes the store and opens what a flush had made durable.
  void Reopen();

  storage::MvccStore& store() { return *store_; }
  ClusterFacts& facts() { return facts_; }
  const RequestTable& requests() const { return requests_; }
  Applier& applier() { return applier_; }

 private:
  void Open();

  std::mt19937_64 random_{1};
  storage::FaultyFileSystem disk_;
  std::unique_ptr<storage::MvccStore> store_;
  ClusterFacts facts_;
  RequestTable requests_;
  Applier applier_;
};

}  // namespace keelson::server
