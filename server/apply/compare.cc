#include "server/apply/compare.h"

#include <algorithm>
#include <cstdint>

#include "proto/etcd/rpc.pb.h"
#include "server/apply/ranges.h"
#include "storage/mvcc/apply_batch.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;

int Order(int64_t a, int64_t b) { return a < b ? -1 : (a > b ? 1 : 0); }

// An operand that is unset or does not fit the target counts as 0 or empty: protobuf's getters of a
// oneof give just that.
int OrderOf(const Compare& compare, const storage::KeyValue& kv) {
  switch (compare.target()) {
    case Compare::VERSION:
      return Order(kv.version, compare.version());
    case Compare::CREATE:
      return Order(kv.create_revision, compare.create_revision());
    case Compare::MOD:
      return Order(kv.mod_revision, compare.mod_revision());
    case Compare::VALUE:
      return kv.value.compare(compare.value());
    case Compare::LEASE:
      return Order(kv.lease, compare.lease());
    default:
      return 0;
  }
}

}  // namespace

bool HoldsFor(const Compare& compare, const storage::KeyValue* kv) {
  static const storage::KeyValue& missing = *new storage::KeyValue();
  if (kv == nullptr && compare.target() == Compare::VALUE) return false;
  const int order = OrderOf(compare, kv != nullptr ? *kv : missing);
  switch (compare.result()) {
    case Compare::EQUAL:
      return order == 0;
    case Compare::NOT_EQUAL:
      return order != 0;
    case Compare::GREATER:
      return order > 0;
    case Compare::LESS:
      return order < 0;
    default:
      return true;
  }
}

absl::StatusOr<bool> Holds(const Compare& compare, storage::ApplyBatch& batch) {
  if (compare.range_end().empty()) {
    const auto kv = batch.Get(compare.key());
    if (!kv.ok()) return kv.status();
    return HoldsFor(compare, kv->get());
  }
  const auto found = batch.Range(ToRange(compare.key(), compare.range_end()));
  if (!found.ok()) return found.status();
  if (found->empty()) return HoldsFor(compare, nullptr);
  return std::all_of(found->begin(), found->end(),
                     [&compare](const auto& kv) { return HoldsFor(compare, kv.get()); });
}

}  // namespace keelson::server
