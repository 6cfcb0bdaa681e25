#include "tests/differential/tie_order.h"

#include <algorithm>
#include <string>
#include <tuple>

namespace keelson::differential {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using mvccpb::KeyValue;

// What a pair is sorted by. A value left out (keys_only) can't be seen; then all count as equal.
std::tuple<int64_t, std::string> SortKey(const RangeRequest& request, const KeyValue& kv) {
  switch (request.sort_target()) {
    case RangeRequest::VERSION:
      return {kv.version(), ""};
    case RangeRequest::CREATE:
      return {kv.create_revision(), ""};
    case RangeRequest::MOD:
      return {kv.mod_revision(), ""};
    case RangeRequest::VALUE:
      return {0, kv.value()};
    default:
      return {0, kv.key()};
  }
}

KeyValue OnlySortKey(const RangeRequest& request, const KeyValue& kv) {
  const auto [number, bytes] = SortKey(request, kv);
  KeyValue only;
  only.set_version(number);
  only.set_value(bytes);
  return only;
}

void Canonicalise(const RangeRequest& request, RangeResponse& response) {
  auto& kvs = *response.mutable_kvs();
  const auto same = [&request](const KeyValue& a, const KeyValue& b) {
    return SortKey(request, a) == SortKey(request, b);
  };
  for (int begin = 0; begin < kvs.size();) {
    int end = begin + 1;
    while (end < kvs.size() && same(kvs[begin], kvs[end])) ++end;
    std::sort(kvs.begin() + begin, kvs.begin() + end,
              [](const KeyValue& a, const KeyValue& b) { return a.key() < b.key(); });
    const bool cut = response.more() && end == kvs.size();
    if (cut && request.sort_target() != RangeRequest::KEY) {
      for (int i = begin; i < end; ++i) kvs[i] = OnlySortKey(request, kvs[i]);
    }
    begin = end;
  }
}

void Canonicalise(const TxnRequest& request, TxnResponse& response) {
  const auto& ops = response.succeeded() ? request.success() : request.failure();
  for (int i = 0; i < std::min(ops.size(), response.responses_size()); ++i) {
    auto& answer = *response.mutable_responses(i);
    if (ops[i].has_request_range() && answer.has_response_range()) {
      Canonicalise(ops[i].request_range(), *answer.mutable_response_range());
    } else if (ops[i].has_request_txn() && answer.has_response_txn()) {
      Canonicalise(ops[i].request_txn(), *answer.mutable_response_txn());
    }
  }
}

template <typename RequestType, typename Response>
std::string CanonicalText(const RequestType& request, const Answer& answer) {
  const auto* original = dynamic_cast<const Response*>(answer.message.get());
  if (original == nullptr) return answer.Text();
  Response copy = *original;
  Canonicalise(request, copy);
  return copy.DebugString();
}

}  // namespace

bool EqualButForTies(const Request& request, const Answer& reference, const Answer& subject) {
  if (reference.code != 0 || subject.code != 0) return false;
  if (const auto* range = std::get_if<RangeRequest>(&request)) {
    return CanonicalText<RangeRequest, RangeResponse>(*range, reference) ==
           CanonicalText<RangeRequest, RangeResponse>(*range, subject);
  }
  if (const auto* txn = std::get_if<TxnRequest>(&request)) {
    return CanonicalText<TxnRequest, TxnResponse>(*txn, reference) ==
           CanonicalText<TxnRequest, TxnResponse>(*txn, subject);
  }
  return false;
}

}  // namespace keelson::differential
