#include "server/apply/txn.h"

#include <string_view>

#include "proto/etcd/rpc.pb.h"
#include "server/apply/compare.h"
#include "server/apply/errors.h"
#include "server/apply/range_answer.h"
#include "server/apply/ranges.h"
#include "storage/mvcc/apply_batch.h"

namespace keelson::server {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;
using storage::KeyValuePtr;

const auto& Branch(const TxnRequest& request, bool success) {
  return success ? request.success() : request.failure();
}

}  // namespace

absl::Status Operations::Range(const etcdserverpb::RangeRequest& request,
                               etcdserverpb::RangeResponse* response) {
  const storage::KeyRange range = ToRange(request.key(), request.range_end());
  response->mutable_header()->set_revision(batch_.revision());
  if (!want_pairs_) return absl::OkStatus();
  if (request.count_only()) {
    const auto count = batch_.Count(range, request.revision());
    if (!count.ok()) return count.status();
    response->set_count(*count);
    return absl::OkStatus();
  }
  const uint64_t wanted = KeysToRead(request);
  const auto found = batch_.Range(range, request.revision(), wanted);
  if (!found.ok()) return found.status();
  int64_t count = static_cast<int64_t>(found->size());
  if (wanted != 0 && found->size() == wanted) {
    const auto all = batch_.Count(range, request.revision());
    if (!all.ok()) return all.status();
    count = *all;
  }
  std::vector<const storage::KeyValue*> pairs;
  pairs.reserve(found->size());
  for (const KeyValuePtr& kv : *found) pairs.push_back(kv.get());
  FillRangeResponse(request, std::move(pairs), count, response);
  return absl::OkStatus();
}

absl::Status Operations::CheckLease(int64_t lease) {
  if (lease == 0) return absl::OkStatus();
  const auto record = batch_.GetLease(lease);
  if (!record.ok()) return record.status();
  return record->has_value() ? absl::OkStatus() : errors::LeaseNotFound();
}

absl::Status Operations::Put(const etcdserverpb::PutRequest& request,
                             etcdserverpb::PutResponse* response) {
  if (const auto status = CheckLease(request.lease()); !status.ok()) return status;
  std::string_view value = request.value();
  int64_t lease = request.lease();
  KeyValuePtr old;
  if (request.ignore_value() || request.ignore_lease()) {
    auto found = batch_.Get(request.key());
    if (!found.ok()) return found.status();
    if (*found == nullptr) return errors::KeyNotFound();
    old = *std::move(found);
    if (request.ignore_value()) value = old->value;
    if (request.ignore_lease()) lease = old->lease;
  }
  const auto result = batch_.Put(request.key(), value, lease);
  if (!result.ok()) return result.status();
  response->mutable_header()->set_revision(batch_.revision());
  if (request.prev_kv() && result->prev != nullptr) {
    FillKeyValue(*result->prev, true, response->mutable_prev_kv());
  }
  return absl::OkStatus();
}

absl::Status Operations::Delete(const etcdserverpb::DeleteRangeRequest& request,
                                etcdserverpb::DeleteRangeResponse* response) {
  const auto removed = batch_.DeleteRange(ToRange(request.key(), request.range_end()));
  if (!removed.ok()) return removed.status();
  response->mutable_header()->set_revision(batch_.revision());
  response->set_deleted(static_cast<int64_t>(removed->size()));
  if (request.prev_kv() && want_pairs_) {
    for (const KeyValuePtr& kv : *removed) FillKeyValue(*kv, true, response->add_prev_kvs());
  }
  return absl::OkStatus();
}

absl::Status Operations::Txn(const TxnRequest& request, etcdserverpb::TxnResponse* response) {
  Path path;
  if (const auto status = Choose(request, &path); !status.ok()) return status;
  size_t at = 0;
  if (const auto status = CheckPuts(request, path, &at); !status.ok()) return status;
  at = 0;
  if (const auto status = CheckRanges(request, path, &at); !status.ok()) return status;
  at = 0;
  if (const auto status = Run(request, path, &at, response); !status.ok()) return status;
  response->mutable_header()->set_revision(batch_.revision());
  return absl::OkStatus();
}

absl::Status Operations::Choose(const TxnRequest& request, Path* path) {
  bool success = true;
  for (const auto& compare : request.compare()) {
    const auto holds = Holds(compare, batch_);
    if (!holds.ok()) return holds.status();
    success = success && *holds;
    if (!success) break;
  }
  path->push_back(success);
  for (const RequestOp& op : Branch(request, success)) {
    if (!op.has_request_txn()) continue;
    if (const auto status = Choose(op.request_txn(), path); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Operations::CheckPuts(const TxnRequest& request, const Path& path, size_t* at) {
  for (const RequestOp& op : Branch(request, path[(*at)++])) {
    absl::Status status;
    if (op.has_request_txn()) {
      status = CheckPuts(op.request_txn(), path, at);
    } else if (op.has_request_put()) {
      const auto& put = op.request_put();
      if (put.ignore_value() || put.ignore_lease()) {
        const auto found = batch_.Get(put.key());
        if (!found.ok()) return found.status();
        if (*found == nullptr) return errors::KeyNotFound();
      }
      status = CheckLease(put.lease());
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Operations::CheckRanges(const TxnRequest& request, const Path& path, size_t* at) {
  for (const RequestOp& op : Branch(request, path[(*at)++])) {
    if (op.has_request_txn()) {
      if (const auto status = CheckRanges(op.request_txn(), path, at); !status.ok()) return status;
    } else if (op.has_request_range() && op.request_range().revision() != 0) {
      // Negative revisions mean the latest to a range alone, but are checked here like any other.
      const int64_t revision = op.request_range().revision();
      if (revision > batch_.revision()) return errors::FutureRevision();
      if (revision < batch_.compact_revision()) return errors::Compacted();
    }
  }
  return absl::OkStatus();
}

absl::Status Operations::Run(const TxnRequest& request, const Path& path, size_t* at,
                             etcdserverpb::TxnResponse* response) {
  const bool success = path[(*at)++];
  response->set_succeeded(success);
  for (const RequestOp& op : Branch(request, success)) {
    auto* answer = response->add_responses();
    absl::Status status;
    if (op.has_request_range()) {
      status = Range(op.request_range(), answer->mutable_response_range());
    } else if (op.has_request_put()) {
      status = Put(op.request_put(), answer->mutable_response_put());
    } else if (op.has_request_delete_range()) {
      status = Delete(op.request_delete_range(), answer->mutable_response_delete_range());
    } else if (op.has_request_txn()) {
      answer->mutable_response_txn()->mutable_header();  // present and empty, as in etcd
      status = Run(op.request_txn(), path, at, answer->mutable_response_txn());
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace keelson::server
