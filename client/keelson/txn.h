// Transactions: if all comparisons hold do these operations, else those, atomically.
//
//   Txn txn;
//   txn.If(Compare::Version("config").Equals(0))
//      .Then(Op::Put("config", "v1"))
//      .Else(Op::Get(KeyRange::Key("config")));
//   absl::StatusOr<TxnResult> result = client->kv().Commit(txn);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/keelson/key_range.h"
#include "client/keelson/kv_types.h"

namespace keelson::client {

// One comparison of a stored pair with a given value. On a missing key numbers compare as 0 and a
// value compares as false. Over a range every key in it must satisfy the comparison.
class Compare {
 public:
  enum class Target { kVersion, kCreateRevision, kModRevision, kValue, kLease };
  enum class Relation { kEqual, kGreater, kLess, kNotEqual };

  // What to compare; complete it with one of the four relations below.
  static Compare Version(std::string_view key) { return {Target::kVersion, key}; }
  static Compare CreateRevision(std::string_view key) { return {Target::kCreateRevision, key}; }
  static Compare ModRevision(std::string_view key) { return {Target::kModRevision, key}; }
  static Compare Value(std::string_view key) { return {Target::kValue, key}; }
  static Compare Lease(std::string_view key) { return {Target::kLease, key}; }

  // Numbers for all targets but kValue, which takes bytes.
  Compare Equals(int64_t number) && { return With(Relation::kEqual, number); }
  Compare IsGreaterThan(int64_t number) && { return With(Relation::kGreater, number); }
  Compare IsLessThan(int64_t number) && { return With(Relation::kLess, number); }
  Compare Differs(int64_t number) && { return With(Relation::kNotEqual, number); }
  Compare Equals(std::string_view value) && { return With(Relation::kEqual, value); }
  Compare IsGreaterThan(std::string_view value) && { return With(Relation::kGreater, value); }
  Compare IsLessThan(std::string_view value) && { return With(Relation::kLess, value); }
  Compare Differs(std::string_view value) && { return With(Relation::kNotEqual, value); }

  // Compares every key of `range` instead of one.
  Compare Over(const KeyRange& range) &&;

  // The general form, for tools. `operand` holds int64_t, or std::string for kValue.
  // REQUIRES: the operand's type fits the target.
  static Compare Make(Target target, std::string_view key, Relation relation,
                      std::variant<int64_t, std::string> operand);

  Target target() const { return target_; }
  Relation relation() const { return relation_; }
  const KeyRange& range() const { return range_; }
  int64_t number() const { return number_; }
  const std::string& value() const { return value_; }

 private:
  Compare(Target target, std::string_view key) : target_(target), range_(KeyRange::Key(key)) {}
  Compare With(Relation relation, int64_t number);
  Compare With(Relation relation, std::string_view value);

  Target target_;
  Relation relation_ = Relation::kEqual;
  KeyRange range_;
  int64_t number_ = 0;
  std::string value_;
};

class Txn;

// One operation of a transaction's branch.
class Op {
 public:
  struct GetOp {
    KeyRange range;
    GetOptions options;
  };
  struct PutOp {
    std::string key;
    std::string value;
    PutOptions options;
  };
  struct DeleteOp {
    KeyRange range;
    DeleteOptions options;
  };
  using Form = std::variant<GetOp, PutOp, DeleteOp, std::shared_ptr<const Txn>>;

  static Op Get(KeyRange range, GetOptions options = {});
  static Op Put(std::string key, std::string value, PutOptions options = {});
  static Op Delete(KeyRange range, DeleteOptions options = {});
  // A transaction inside: its comparisons, too, see the state before the whole.
  static Op Nested(Txn txn);

  const Form& form() const { return form_; }

 private:
  explicit Op(Form form) : form_(std::move(form)) {}
  Form form_;
};

// A transaction under construction. Not thread-safe; a value.
class Txn {
 public:
  Txn& If(Compare compare);
  Txn& Then(Op op);
  Txn& Else(Op op);

  const std::vector<Compare>& compares() const { return compares_; }
  const std::vector<Op>& then_ops() const { return then_; }
  const std::vector<Op>& else_ops() const { return else_; }

  // Whether no branch, nested ones included, can change anything.
  bool IsReadOnly() const;

 private:
  std::vector<Compare> compares_;
  std::vector<Op> then_;
  std::vector<Op> else_;
};

struct TxnResult;

// The answer to one operation, in the order of the branch that ran.
using OpResult = std::variant<GetResult, PutResult, DeleteResult, std::shared_ptr<const TxnResult>>;

struct TxnResult {
  Header header = {};
  // Whether all comparisons held, so that the Then branch ran.
  bool succeeded = false;
  std::vector<OpResult> responses = {};
  Freshness freshness = {};  // of a transaction that only reads
};

}  // namespace keelson::client
