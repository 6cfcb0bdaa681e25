#include "client/keelson/txn.h"

#include <utility>

#include "base/check.h"

namespace keelson::client {
namespace {

bool ReadsOnly(const std::vector<Op>& ops) {
  for (const Op& op : ops) {
    if (std::holds_alternative<Op::GetOp>(op.form())) continue;
    const auto* nested = std::get_if<std::shared_ptr<const Txn>>(&op.form());
    if (nested == nullptr || !(*nested)->IsReadOnly()) return false;
  }
  return true;
}

}  // namespace

Compare Compare::Over(const KeyRange& range) && {
  range_ = range;
  return std::move(*this);
}

Compare Compare::Make(Target target, std::string_view key, Relation relation,
                      std::variant<int64_t, std::string> operand) {
  Compare compare(target, key);
  if (const auto* number = std::get_if<int64_t>(&operand)) return compare.With(relation, *number);
  return compare.With(relation, std::get<std::string>(operand));
}

Compare Compare::With(Relation relation, int64_t number) {
  KEELSON_CHECK(target_ != Target::kValue, "a value is compared with bytes, not with a number");
  relation_ = relation;
  number_ = number;
  return std::move(*this);
}

Compare Compare::With(Relation relation, std::string_view value) {
  KEELSON_CHECK(target_ == Target::kValue, "only a value is compared with bytes");
  relation_ = relation;
  value_ = value;
  return std::move(*this);
}

Op Op::Get(KeyRange range, GetOptions options) { return Op(GetOp{std::move(range), options}); }

Op Op::Put(std::string key, std::string value, PutOptions options) {
  return Op(PutOp{std::move(key), std::move(value), options});
}

Op Op::Delete(KeyRange range, DeleteOptions options) {
  return Op(DeleteOp{std::move(range), options});
}

Op Op::Nested(Txn txn) { return Op(std::make_shared<const Txn>(std::move(txn))); }

Txn& Txn::If(Compare compare) {
  compares_.push_back(std::move(compare));
  return *this;
}

Txn& Txn::Then(Op op) {
  then_.push_back(std::move(op));
  return *this;
}

Txn& Txn::Else(Op op) {
  else_.push_back(std::move(op));
  return *this;
}

bool Txn::IsReadOnly() const { return ReadsOnly(then_) && ReadsOnly(else_); }

}  // namespace keelson::client
