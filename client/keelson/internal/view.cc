#include "client/keelson/internal/view.h"

#include <string_view>
#include <utility>

namespace keelson::client::internal {
namespace {

// What "no upper bound" is on the wire.
bool IsUnbounded(std::string_view end) { return end == std::string_view("\0", 1); }

// The end of a range, under `prefix`. An empty one says "a single key" and stays.
std::string EnterEnd(const std::string& prefix, const std::string& end) {
  if (end.empty()) return end;
  return IsUnbounded(end) ? PrefixEnd(prefix) : prefix + end;
}

// The empty key, which servers refuse: under a prefix it would be the prefix.
bool IsNoKey(std::string_view key, std::string_view end) { return key.empty() && end.empty(); }

template <typename Request>
void EnterRange(const View& view, Request& request) {
  if (view.prefix.empty() || IsNoKey(request.key(), request.range_end())) return;
  request.set_key(view.prefix + request.key());
  request.set_range_end(EnterEnd(view.prefix, request.range_end()));
}

void Enter(const View& view, etcdserverpb::RequestOp& op) {
  if (op.has_request_range()) Enter(view, *op.mutable_request_range());
  if (op.has_request_put()) Enter(view, *op.mutable_request_put());
  if (op.has_request_delete_range()) Enter(view, *op.mutable_request_delete_range());
  if (op.has_request_txn()) Enter(view, *op.mutable_request_txn());
}

template <typename Pairs>
void LeaveAll(const View& view, Pairs& pairs) {
  if (view.prefix.empty()) return;
  for (mvccpb::KeyValue& kv : pairs) Leave(view, kv);
}

}  // namespace

void SessionRevision::Saw(int64_t revision) {
  int64_t last = last_.load(std::memory_order_relaxed);
  while (last < revision &&
         !last_.compare_exchange_weak(last, revision, std::memory_order_acq_rel)) {
  }
}

ViewPtr PlainView() {
  static const ViewPtr* const plain = new ViewPtr(std::make_shared<const View>());
  return *plain;
}

KeyRange View::Enter(const KeyRange& range) const {
  if (prefix.empty()) return range;
  const std::string begin = prefix + range.begin();
  if (range.is_single_key()) return KeyRange::Key(begin);
  return KeyRange::Encoded(begin, EnterEnd(prefix, range.end()));
}

void Enter(const View& view, etcdserverpb::RangeRequest& request) { EnterRange(view, request); }

void Enter(const View& view, etcdserverpb::PutRequest& request) {
  if (IsNoKey(request.key(), "")) return;
  request.set_key(view.prefix + request.key());
}

void Enter(const View& view, etcdserverpb::DeleteRangeRequest& request) {
  EnterRange(view, request);
}

void Enter(const View& view, etcdserverpb::TxnRequest& request) {
  if (view.prefix.empty()) return;
  for (auto& compare : *request.mutable_compare()) EnterRange(view, compare);
  for (auto& op : *request.mutable_success()) Enter(view, op);
  for (auto& op : *request.mutable_failure()) Enter(view, op);
}

void Leave(const View& view, mvccpb::KeyValue& kv) {
  if (!view.prefix.empty()) kv.mutable_key()->erase(0, view.prefix.size());
}

void Leave(const View& view, etcdserverpb::RangeResponse& response) {
  view.Saw(response.header().revision());
  LeaveAll(view, *response.mutable_kvs());
}

void Leave(const View& view, etcdserverpb::PutResponse& response) {
  view.Saw(response.header().revision());
  if (response.has_prev_kv()) Leave(view, *response.mutable_prev_kv());
}

void Leave(const View& view, etcdserverpb::DeleteRangeResponse& response) {
  view.Saw(response.header().revision());
  LeaveAll(view, *response.mutable_prev_kvs());
}

void Leave(const View& view, etcdserverpb::TxnResponse& response) {
  view.Saw(response.header().revision());
  for (auto& op : *response.mutable_responses()) {
    if (op.has_response_range()) Leave(view, *op.mutable_response_range());
    if (op.has_response_put()) Leave(view, *op.mutable_response_put());
    if (op.has_response_delete_range()) Leave(view, *op.mutable_response_delete_range());
    if (op.has_response_txn()) Leave(view, *op.mutable_response_txn());
  }
}

void Leave(const View& view, etcdserverpb::LeaseTimeToLiveResponse& response) {
  view.Saw(response.header().revision());
  if (view.prefix.empty()) return;
  // A lease may hold keys of others; they have no name here.
  google::protobuf::RepeatedPtrField<std::string> keys;
  for (std::string& key : *response.mutable_keys()) {
    if (key.compare(0, view.prefix.size(), view.prefix) != 0) continue;
    *keys.Add() = key.substr(view.prefix.size());
  }
  response.mutable_keys()->Swap(&keys);
}

}  // namespace keelson::client::internal
