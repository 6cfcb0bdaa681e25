#include "server/apply/validate.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "proto/etcd/rpc.pb.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;
using OpList = google::protobuf::RepeatedPtrField<RequestOp>;

absl::Status ValidateOp(const RequestOp& op) {
  switch (op.request_case()) {
    case RequestOp::kRequestRange:
      return Validate(op.request_range());
    case RequestOp::kRequestPut:
      return Validate(op.request_put());
    case RequestOp::kRequestDeleteRange:
      return Validate(op.request_delete_range());
    default:
      return errors::KeyNotFound();
  }
}

// What one branch of a transaction writes, its nested transactions included.
struct WriteSet {
  absl::flat_hash_set<std::string> puts;
  std::vector<std::pair<std::string, std::string>> deletes;  // [first, second)

  bool Deletes(const std::string& key) const {
    return std::any_of(deletes.begin(), deletes.end(), [&key](const auto& range) {
      return range.first <= key && key < range.second;
    });
  }
};

void AddDelete(const etcdserverpb::DeleteRangeRequest& request, WriteSet* set) {
  // A range up to "\0" (all keys from `key` on) counts as empty here, as it does in etcd: clients
  // rely on a put next to such a delete being accepted.
  set->deletes.emplace_back(request.key(), request.range_end().empty()
                                               ? request.key() + std::string(1, '\0')
                                               : request.range_end());
}

// Adds the puts of one branch of a child. A key that only the child's other branch puts is no
// duplicate: one of the two runs.
bool AddChildPuts(const WriteSet& branch, const absl::flat_hash_set<std::string>& other_branch,
                  WriteSet* set) {
  for (const std::string& key : branch.puts) {
    const bool is_new = set->puts.insert(key).second;
    if (!is_new && !other_branch.contains(key)) return false;
    if (set->Deletes(key)) return false;
  }
  return true;
}

bool CollectBranch(const OpList& ops, WriteSet* set);

bool AddChild(const TxnRequest& child, WriteSet* set) {
  WriteSet then_set, else_set;
  if (!CollectBranch(child.success(), &then_set)) return false;
  if (!CollectBranch(child.failure(), &else_set)) return false;
  if (!AddChildPuts(then_set, {}, set)) return false;
  if (!AddChildPuts(else_set, then_set.puts, set)) return false;
  for (WriteSet* branch : {&then_set, &else_set}) {
    std::move(branch->deletes.begin(), branch->deletes.end(), std::back_inserter(set->deletes));
  }
  return true;
}

// Collects what `ops` write into `set`; false when a key would be written twice. Deletes of the
// branch itself count for its children; those of a child only for what stands after it.
bool CollectBranch(const OpList& ops, WriteSet* set) {
  for (const RequestOp& op : ops) {
    if (op.has_request_delete_range()) AddDelete(op.request_delete_range(), set);
  }
  for (const RequestOp& op : ops) {
    if (op.has_request_txn() && !AddChild(op.request_txn(), set)) return false;
  }
  for (const RequestOp& op : ops) {
    if (!op.has_request_put()) continue;
    const std::string& key = op.request_put().key();
    if (!set->puts.insert(key).second || set->Deletes(key)) return false;
  }
  return true;
}

absl::Status ValidateLists(const TxnRequest& request, int64_t max_ops, int may_nest) {
  if (may_nest < 0) return errors::TooManyOps();
  const int64_t longest =
      std::max({request.compare_size(), request.success_size(), request.failure_size()});
  if (longest > max_ops) return errors::TooManyOps();
  for (const auto& compare : request.compare()) {
    if (compare.key().empty()) return errors::EmptyKey();
  }
  for (const OpList* ops : {&request.success(), &request.failure()}) {
    for (const RequestOp& op : *ops) {
      const absl::Status status =
          op.has_request_txn() ? ValidateLists(op.request_txn(), max_ops - longest, may_nest - 1)
                               : ValidateOp(op);
      if (!status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const etcdserverpb::RangeRequest& request) {
  if (request.key().empty()) return errors::EmptyKey();
  if (!etcdserverpb::RangeRequest::SortOrder_IsValid(request.sort_order()) ||
      !etcdserverpb::RangeRequest::SortTarget_IsValid(request.sort_target())) {
    return errors::InvalidSortOption();
  }
  return absl::OkStatus();
}

absl::Status Validate(const etcdserverpb::PutRequest& request) {
  if (request.key().empty()) return errors::EmptyKey();
  if (request.ignore_value() && !request.value().empty()) return errors::ValueProvided();
  if (request.ignore_lease() && request.lease() != 0) return errors::LeaseProvided();
  return absl::OkStatus();
}

absl::Status Validate(const etcdserverpb::DeleteRangeRequest& request) {
  return request.key().empty() ? errors::EmptyKey() : absl::OkStatus();
}

absl::Status Validate(const TxnRequest& request, int64_t max_ops) {
  const absl::Status status = ValidateLists(request, max_ops, kMaxNestedTxns);
  if (!status.ok()) return status;
  for (const OpList* ops : {&request.success(), &request.failure()}) {
    WriteSet set;
    if (!CollectBranch(*ops, &set)) return errors::DuplicateKey();
  }
  return absl::OkStatus();
}

bool IsReadOnly(const TxnRequest& request) {
  const auto is_range = [](const RequestOp& op) { return op.has_request_range(); };
  return std::all_of(request.success().begin(), request.success().end(), is_range) &&
         std::all_of(request.failure().begin(), request.failure().end(), is_range);
}

bool IsSerializable(const TxnRequest& request) {
  if (request.success().empty() && request.failure().empty()) return false;
  const auto is_serializable = [](const RequestOp& op) {
    return op.has_request_range() && op.request_range().serializable();
  };
  return std::all_of(request.success().begin(), request.success().end(), is_serializable) &&
         std::all_of(request.failure().begin(), request.failure().end(), is_serializable);
}

bool HasPut(const TxnRequest& request) {
  const auto has_put = [](const RequestOp& op) {
    return op.has_request_put() || (op.has_request_txn() && HasPut(op.request_txn()));
  };
  return std::any_of(request.success().begin(), request.success().end(), has_put) ||
         std::any_of(request.failure().begin(), request.failure().end(), has_put);
}

}  // namespace keelson::server
