#include "client/keelson/internal/convert.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/outcome.h"

namespace keelson::client::internal {
namespace {

using etcdserverpb::RangeRequest;

RangeRequest::SortOrder ToWire(SortOrder order) {
  switch (order) {
    case SortOrder::kNone:
      break;
    case SortOrder::kAscending:
      return RangeRequest::ASCEND;
    case SortOrder::kDescending:
      return RangeRequest::DESCEND;
  }
  return RangeRequest::NONE;
}

RangeRequest::SortTarget ToWire(SortTarget target) {
  switch (target) {
    case SortTarget::kKey:
      break;
    case SortTarget::kVersion:
      return RangeRequest::VERSION;
    case SortTarget::kCreateRevision:
      return RangeRequest::CREATE;
    case SortTarget::kModRevision:
      return RangeRequest::MOD;
    case SortTarget::kValue:
      return RangeRequest::VALUE;
  }
  return RangeRequest::KEY;
}

etcdserverpb::Compare::CompareResult ToWire(Compare::Relation relation) {
  switch (relation) {
    case Compare::Relation::kEqual:
      break;
    case Compare::Relation::kGreater:
      return etcdserverpb::Compare::GREATER;
    case Compare::Relation::kLess:
      return etcdserverpb::Compare::LESS;
    case Compare::Relation::kNotEqual:
      return etcdserverpb::Compare::NOT_EQUAL;
  }
  return etcdserverpb::Compare::EQUAL;
}

void SetOperand(const Compare& compare, etcdserverpb::Compare& wire) {
  switch (compare.target()) {
    case Compare::Target::kVersion:
      wire.set_target(etcdserverpb::Compare::VERSION);
      return wire.set_version(compare.number());
    case Compare::Target::kCreateRevision:
      wire.set_target(etcdserverpb::Compare::CREATE);
      return wire.set_create_revision(compare.number());
    case Compare::Target::kModRevision:
      wire.set_target(etcdserverpb::Compare::MOD);
      return wire.set_mod_revision(compare.number());
    case Compare::Target::kValue:
      wire.set_target(etcdserverpb::Compare::VALUE);
      return wire.set_value(compare.value());
    case Compare::Target::kLease:
      wire.set_target(etcdserverpb::Compare::LEASE);
      return wire.set_lease(compare.number());
  }
}

// Gives one operation of a branch its place in the request.
struct OpToWire {
  etcdserverpb::RequestOp& wire;

  void operator()(const Op::GetOp& op) const {
    *wire.mutable_request_range() = internal::ToWire(op.range, op.options);
  }
  void operator()(const Op::PutOp& op) const {
    *wire.mutable_request_put() = internal::ToWire(op.key, op.value, op.options);
  }
  void operator()(const Op::DeleteOp& op) const {
    *wire.mutable_request_delete_range() = internal::ToWire(op.range, op.options);
  }
  void operator()(const std::shared_ptr<const Txn>& txn) const {
    *wire.mutable_request_txn() = internal::ToWire(*txn);
  }
};

OpResult ToOpResult(const etcdserverpb::ResponseOp& op) {
  if (op.has_response_put()) return ToResult(op.response_put());
  if (op.has_response_delete_range()) return ToResult(op.response_delete_range());
  if (op.has_response_txn()) return std::make_shared<const TxnResult>(ToResult(op.response_txn()));
  return ToResult(op.response_range());
}

}  // namespace

Header ToHeader(const etcdserverpb::ResponseHeader& header) {
  return {.cluster_id = header.cluster_id(),
          .member_id = header.member_id(),
          .revision = header.revision(),
          .raft_term = header.raft_term()};
}

KeyValue ToKeyValue(const mvccpb::KeyValue& kv) {
  return {.key = kv.key(),
          .value = kv.value(),
          .create_revision = kv.create_revision(),
          .mod_revision = kv.mod_revision(),
          .version = kv.version(),
          .lease = kv.lease()};
}

RangeRequest ToWire(const KeyRange& range, const GetOptions& options) {
  RangeRequest wire;
  wire.set_key(range.begin());
  wire.set_range_end(range.end());
  wire.set_limit(options.limit);
  wire.set_revision(options.revision);
  wire.set_sort_order(ToWire(options.order));
  wire.set_sort_target(ToWire(options.sort_by));
  wire.set_serializable(options.serializable);
  wire.set_keys_only(options.keys_only);
  wire.set_count_only(options.count_only);
  wire.set_min_mod_revision(options.min_mod_revision);
  wire.set_max_mod_revision(options.max_mod_revision);
  wire.set_min_create_revision(options.min_create_revision);
  wire.set_max_create_revision(options.max_create_revision);
  return wire;
}

etcdserverpb::PutRequest ToWire(const std::string& key, const std::string& value,
                                const PutOptions& options) {
  etcdserverpb::PutRequest wire;
  wire.set_key(key);
  wire.set_value(value);
  wire.set_lease(options.lease);
  wire.set_prev_kv(options.prev_kv);
  wire.set_ignore_value(options.ignore_value);
  wire.set_ignore_lease(options.ignore_lease);
  return wire;
}

etcdserverpb::DeleteRangeRequest ToWire(const KeyRange& range, const DeleteOptions& options) {
  etcdserverpb::DeleteRangeRequest wire;
  wire.set_key(range.begin());
  wire.set_range_end(range.end());
  wire.set_prev_kv(options.prev_kv);
  return wire;
}

etcdserverpb::TxnRequest ToWire(const Txn& txn) {
  etcdserverpb::TxnRequest wire;
  for (const Compare& compare : txn.compares()) {
    etcdserverpb::Compare& one = *wire.add_compare();
    one.set_result(ToWire(compare.relation()));
    one.set_key(compare.range().begin());
    one.set_range_end(compare.range().end());
    SetOperand(compare, one);
  }
  for (const Op& op : txn.then_ops()) std::visit(OpToWire{*wire.add_success()}, op.form());
  for (const Op& op : txn.else_ops()) std::visit(OpToWire{*wire.add_failure()}, op.form());
  return wire;
}

GetResult ToResult(const etcdserverpb::RangeResponse& response) {
  GetResult result{.header = ToHeader(response.header())};
  result.kvs.reserve(response.kvs_size());
  for (const auto& kv : response.kvs()) result.kvs.push_back(ToKeyValue(kv));
  result.more = response.more();
  result.count = response.count();
  return result;
}

PutResult ToResult(const etcdserverpb::PutResponse& response) {
  PutResult result{.header = ToHeader(response.header())};
  if (response.has_prev_kv()) result.prev_kv = ToKeyValue(response.prev_kv());
  return result;
}

DeleteResult ToResult(const etcdserverpb::DeleteRangeResponse& response) {
  DeleteResult result{.header = ToHeader(response.header())};
  result.deleted = response.deleted();
  for (const auto& kv : response.prev_kvs()) result.prev_kvs.push_back(ToKeyValue(kv));
  return result;
}

TxnResult ToResult(const etcdserverpb::TxnResponse& response) {
  TxnResult result{.header = ToHeader(response.header())};
  result.succeeded = response.succeeded();
  for (const auto& op : response.responses()) result.responses.push_back(ToOpResult(op));
  return result;
}

absl::Status UnreadableAnswer(const std::string& message_name) {
  return WithOutcome(
      absl::InternalError(absl::StrCat("the answer is not a valid ", message_name,
                                       "; is the endpoint an etcd-compatible server?")),
      Outcome::kUnknown);
}

}  // namespace keelson::client::internal
