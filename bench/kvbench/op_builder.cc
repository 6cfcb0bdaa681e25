#include "bench/kvbench/op_builder.h"

#include <algorithm>

#include "bench/kvbench/text.h"

namespace keelson::kvbench {
namespace {

uint64_t TotalWeight(const Options& options) {
  uint64_t sum = 0;
  for (const auto& [kind, weight] : options.mix) sum += weight;
  return sum;
}

bool Uses(const Options& options, OpKind wanted) {
  return std::any_of(options.mix.begin(), options.mix.end(),
                     [&](const auto& entry) { return entry.first == wanted; });
}

}  // namespace

OpBuilder::OpBuilder(const Options& options, uint64_t worker, uint64_t workers)
    : options_(options),
      total_weight_(static_cast<uint32_t>(TotalWeight(options))),
      random_(options.seed * 1'000'003 + worker),
      keys_(options.keys, random_.Next(), worker, workers),
      values_(options.value_size, random_.Next()),
      range_end_(PrefixEnd(options.keys.prefix)) {
  if (Uses(options, OpKind::kTxn)) mod_revisions_.resize(keys_.keys(), 0);
}

void OpBuilder::Learn(std::string_view key, int64_t mod_revision) {
  uint64_t index = 0;
  key.remove_prefix(std::min(key.size(), options_.keys.prefix.size()));
  if (ParseNumber(key, index) && index < mod_revisions_.size())
    mod_revisions_[index] = mod_revision;
}

OpKind OpBuilder::Pick() {
  if (options_.mix.size() == 1) return options_.mix[0].first;
  uint64_t at = random_.Below(total_weight_);
  for (const auto& [kind, weight] : options_.mix) {
    if (at < weight) return kind;
    at -= weight;
  }
  return options_.mix.back().first;
}

PreparedOp OpBuilder::Prepare(int64_t now) {
  PreparedOp op;
  op.kind = Pick();
  message_.clear();
  switch (op.kind) {
    case OpKind::kPut:
      PreparePut(now, op);
      break;
    case OpKind::kGet:
      PrepareGet(options_.serializable, op);
      break;
    case OpKind::kSerializableGet:
      PrepareGet(true, op);
      break;
    case OpKind::kRange:
      PrepareRange(op);
      break;
    case OpKind::kTxn:
      PrepareTxn(now, op);
      break;
    case OpKind::kLeaseGrant:
    case OpKind::kKeepAlive:
      op.method = Method::kLeaseGrant;
      EncodeLeaseGrant(options_.lease_ttl, message_);
      break;
  }
  op.message = message_;
  return op;
}

std::string_view OpBuilder::NextValue(int64_t now) {
  return options_.stamped ? values_.NextStamped(now) : values_.Next();
}

bool OpBuilder::IsWatched(uint64_t key_index) const {
  return options_.watched == 100 || key_index < keys_.keys() / 2;
}

uint64_t OpBuilder::NextPutKey() {
  const uint64_t index = keys_.NextIndex();
  if (options_.watched == 100) return index;
  // As many keys are written whatever the share is: each of the first half, or the one that stands
  // for it in the second.
  const uint64_t half = keys_.keys() / 2;
  const uint64_t key = index % half;
  return key % 100 < options_.watched ? key : key + half;
}

void OpBuilder::PreparePut(int64_t now, PreparedOp& op) {
  if (options_.batch > 1) {
    op.method = Method::kTxn;
    for (uint64_t i = 0; i < options_.batch; ++i) {
      op.key_index = keys_.NextIndex();
      EncodeTxnPut(keys_.Key(op.key_index), NextValue(now), message_);
    }
    return;
  }
  op.method = Method::kPut;
  op.key_index = NextPutKey();
  EncodePut(keys_.Key(op.key_index), NextValue(now), 0, message_);
}

void OpBuilder::PrepareGet(bool serializable, PreparedOp& op) {
  op.method = Method::kRange;
  op.key_index = keys_.NextIndex();
  RangeSpec range;
  range.key = keys_.Key(op.key_index);
  range.serializable = serializable;
  EncodeRange(range, message_);
}

void OpBuilder::PrepareRange(PreparedOp& op) {
  op.method = Method::kRange;
  op.chunked = true;
  op.key_index = options_.whole ? 0 : keys_.NextIndex();
  RangeSpec range;
  range.key = options_.whole ? std::string_view(options_.keys.prefix) : keys_.Key(op.key_index);
  range.range_end = range_end_;
  range.limit = options_.limit;
  range.serializable = options_.serializable;
  range.keys_only = options_.keys_only;
  range.count_only = options_.count_only;
  EncodeRange(range, message_);
}

void OpBuilder::PrepareTxn(int64_t now, PreparedOp& op) {
  op.method = Method::kTxn;
  op.key_index = keys_.NextIndex();
  EncodeCompareAndPut(keys_.Key(op.key_index), mod_revisions_[op.key_index], NextValue(now),
                      message_);
}

bool OpBuilder::Finish(OpKind kind, uint64_t key_index, std::string_view answer, OpStats& stats) {
  switch (kind) {
    case OpKind::kPut:
      stats.keys += options_.batch;
      stats.unwatched += IsWatched(key_index) ? 0 : 1;
      return true;
    case OpKind::kGet:
    case OpKind::kSerializableGet:
    case OpKind::kRange: {
      const std::optional<RangeResult> range = DecodeRange(answer);
      if (!range) return false;
      stats.keys += static_cast<uint64_t>(range->kvs);
      stats.bytes += answer.size();
      stats.missed += range->count == 0 ? 1 : 0;
      return true;
    }
    case OpKind::kTxn: {
      const std::optional<TxnResult> txn = DecodeTxn(answer);
      if (!txn) return false;
      stats.missed += txn->succeeded ? 0 : 1;
      mod_revisions_[key_index] = txn->succeeded ? txn->revision : txn->read_mod_revision;
      return true;
    }
    case OpKind::kLeaseGrant:
    case OpKind::kKeepAlive: {
      const std::optional<LeaseResult> lease = DecodeLease(answer);
      return lease && lease->id != 0 && lease->ttl > 0;
    }
  }
  return false;
}

bool OpBuilder::FinishChunked(const RangeCounter& counter, OpStats& stats) {
  stats.keys += static_cast<uint64_t>(counter.kvs());
  stats.bytes += counter.bytes();
  stats.missed += counter.count() == 0 ? 1 : 0;
  return counter.complete();
}

}  // namespace keelson::kvbench
