#include "client/keelson/recipes/fence.h"

#include <memory>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/keelson/outcome.h"

namespace keelson::client::recipes {
namespace {

// The answer to a transaction's only operation.
template <typename Result>
absl::StatusOr<Result> Only(const TxnResult& result) {
  if (result.responses.size() != 1 || !std::holds_alternative<Result>(result.responses[0])) {
    return WithOutcome(absl::InternalError("the answer to a transaction does not fit it"),
                       Outcome::kUnknown);
  }
  return std::get<Result>(result.responses[0]);
}

// The same with the header of the whole: within a transaction answers come with an empty one.
template <typename Result>
absl::StatusOr<Result> OnlyOf(const absl::StatusOr<TxnResult>& result) {
  if (!result.ok()) return result.status();
  auto only = Only<Result>(*result);
  if (only.ok()) only->header = result->header;
  return only;
}

}  // namespace

Compare Fence::Holds() const {
  // No request may have an empty key; of a fence of nobody any key will do.
  return Compare::CreateRevision(key_.empty() ? std::string_view("\0", 1) : std::string_view(key_))
      .Equals(token_);
}

absl::StatusOr<TxnResult> Fence::Commit(const Kv& kv, Txn txn, const CallOptions& call) const {
  Txn fenced;
  fenced.If(Holds()).Then(Op::Nested(std::move(txn)));
  auto result = kv.Commit(fenced, call);
  if (!result.ok()) return result.status();
  if (!result->succeeded) {
    return WithOutcome(absl::FailedPreconditionError(absl::StrCat(
                           key_, " is no longer held under token ", token_, ": fenced off")),
                       Outcome::kFailed);
  }
  auto inner = Only<std::shared_ptr<const TxnResult>>(*result);
  if (!inner.ok()) return inner.status();
  TxnResult own = **inner;
  own.header = result->header;
  return own;
}

absl::StatusOr<PutResult> Fence::Put(const Kv& kv, std::string key, std::string value,
                                     const PutOptions& options, const CallOptions& call) const {
  Txn txn;
  txn.Then(Op::Put(std::move(key), std::move(value), options));
  return OnlyOf<PutResult>(Commit(kv, std::move(txn), call));
}

absl::StatusOr<DeleteResult> Fence::Delete(const Kv& kv, KeyRange range,
                                           const DeleteOptions& options,
                                           const CallOptions& call) const {
  Txn txn;
  txn.Then(Op::Delete(std::move(range), options));
  return OnlyOf<DeleteResult>(Commit(kv, std::move(txn), call));
}

absl::Status Fence::Verify(const Kv& kv, const CallOptions& call) const {
  return Commit(kv, Txn(), call).status();
}

}  // namespace keelson::client::recipes
