#include "tests/differential/random_txn.h"

#include <algorithm>

#include "tests/differential/keyspace.h"
#include "tests/differential/requests.h"

namespace keelson::differential {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::RequestOp;
using etcdserverpb::TxnRequest;

constexpr int kMaxDepth = 2;

void SetOperand(Random& random, const World& world, Compare& compare) {
  const auto revision = [&] { return random.Chance(40) ? 0 : random.Between(0, world.revision); };
  switch (random.Below(5)) {
    case 0:
      return compare.set_version(random.Below(4));
    case 1:
      return compare.set_create_revision(revision());
    case 2:
      return compare.set_mod_revision(revision());
    case 3:
      return compare.set_value(RandomValue(random));
    default:
      return compare.set_lease(random.Chance(50) ? 0 : RandomLease(random, world));
  }
}

Compare RandomCompare(Random& random, const World& world) {
  Compare compare;
  compare.set_result(static_cast<Compare::CompareResult>(random.Below(4)));
  SetOperand(random, world, compare);
  // The target that fits the operand; rarely another, or no operand at all.
  if (compare.has_version()) compare.set_target(Compare::VERSION);
  if (compare.has_create_revision()) compare.set_target(Compare::CREATE);
  if (compare.has_mod_revision()) compare.set_target(Compare::MOD);
  if (compare.has_value()) compare.set_target(Compare::VALUE);
  if (compare.has_lease()) compare.set_target(Compare::LEASE);
  // Ids that the servers picked are in another order on each.
  if (compare.lease() >= World::kFirstHandle && compare.result() != Compare::EQUAL) {
    compare.set_result(Compare::NOT_EQUAL);
  }
  if (random.Chance(2)) compare.set_target(static_cast<Compare::CompareTarget>(random.Below(5)));
  if (random.Chance(2)) compare.clear_target_union();
  if (random.Chance(25)) {
    const KeyInterval interval = RandomInterval(random);
    compare.set_key(interval.key);
    compare.set_range_end(interval.end);
  } else {
    compare.set_key(RandomKey(random));
  }
  return compare;
}

TxnRequest RandomTxnAt(Random& random, const World& world, int depth);

// A refusal by one server only would make the stores differ from then on; unknown sorts are tried
// on ranges alone.
void KeepKnownSort(etcdserverpb::RangeRequest& request) {
  using etcdserverpb::RangeRequest;
  if (!RangeRequest::SortOrder_IsValid(request.sort_order())) request.clear_sort_order();
  if (!RangeRequest::SortTarget_IsValid(request.sort_target())) request.clear_sort_target();
}

RequestOp RandomOp(Random& random, const World& world, int depth) {
  RequestOp op;
  const int64_t choice = random.Below(100);
  if (choice < 35) {
    *op.mutable_request_range() = RandomRange(random, world);
    // A revision in most ranges would make most transactions fail.
    if (!random.Chance(10)) op.mutable_request_range()->clear_revision();
    KeepKnownSort(*op.mutable_request_range());
  } else if (choice < 70) {
    *op.mutable_request_put() = RandomPut(random, world);
  } else if (choice < 85 || depth == kMaxDepth) {
    *op.mutable_request_delete_range() = RandomDelete(random);
  } else if (choice < 99) {
    *op.mutable_request_txn() = RandomTxnAt(random, world, depth + 1);
  }
  return op;  // else an operation that says nothing
}

TxnRequest RandomTxnAt(Random& random, const World& world, int depth) {
  TxnRequest txn;
  for (int64_t i = random.Below(3); i > 0; --i) *txn.add_compare() = RandomCompare(random, world);
  for (int64_t i = random.Below(4); i > 0; --i) {
    *txn.add_success() = RandomOp(random, world, depth);
  }
  for (int64_t i = random.Below(3); i > 0; --i) {
    *txn.add_failure() = RandomOp(random, world, depth);
  }
  return txn;
}

// One of 126 to 130 operations: the limit is 128.
TxnRequest LargeTxn(Random& random) {
  TxnRequest txn;
  for (int64_t i = random.Between(126, 130); i > 0; --i) {
    txn.add_success()->mutable_request_put()->set_key("large/" + std::to_string(i));
  }
  return txn;
}

bool Deletes(const TxnRequest& txn) {
  const auto deletes = [](const RequestOp& op) {
    return op.has_request_delete_range() || (op.has_request_txn() && Deletes(op.request_txn()));
  };
  return std::any_of(txn.success().begin(), txn.success().end(), deletes) ||
         std::any_of(txn.failure().begin(), txn.failure().end(), deletes);
}

void KeepNothing(TxnRequest& txn) {
  for (auto* branch : {txn.mutable_success(), txn.mutable_failure()}) {
    for (RequestOp& op : *branch) {
      if (op.has_request_txn()) KeepNothing(*op.mutable_request_txn());
      if (!op.has_request_put()) continue;
      op.mutable_request_put()->clear_ignore_value();
      op.mutable_request_put()->clear_ignore_lease();
    }
  }
}

}  // namespace

TxnRequest RandomTxn(Random& random, const World& world) {
  if (random.Chance(1)) return LargeTxn(random);
  TxnRequest txn = RandomTxnAt(random, world, 0);
  // A put that keeps the value of a key which the same transaction has deleted kills etcd.
  if (Deletes(txn)) KeepNothing(txn);
  return txn;
}

}  // namespace keelson::differential
