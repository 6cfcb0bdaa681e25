#include "client/keelson/recipes/counter.h"

#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/keelson/internal/random_id.h"
#include "client/keelson/recipes/internal/patience.h"

namespace keelson::client::recipes {
namespace {

using internal::MayPass;
using internal::Patience;

// A pair that was read, or what stands for a missing one.
KeyValue PairOr(const GetResult& read, const char* value) {
  return read.kvs.empty() ? KeyValue{.value = value} : read.kvs[0];
}

absl::StatusOr<int64_t> NumberIn(const KeyValue& kv) {
  int64_t number = 0;
  if (absl::SimpleAtoi(kv.value, &number)) return number;
  return WithOutcome(absl::DataLossError(absl::StrCat(kv.key, " holds no number")),
                     Outcome::kFailed);
}

// The value that the mark says was reached by the Add with this number, if it does.
std::optional<int64_t> ReachedBy(const std::string& add, const KeyValue& mark) {
  int64_t reached = 0;
  if (mark.value.substr(0, add.size()) != add) return std::nullopt;
  if (!absl::SimpleAtoi(mark.value.substr(add.size()), &reached)) return std::nullopt;
  return reached;
}

}  // namespace

Counter::Counter(LeaseSession& session, const std::string& name)
    : session_(session),
      name_(name),
      mark_(absl::StrCat(name, "/", client::internal::RandomId())) {}

absl::StatusOr<int64_t> Counter::Get(const CallOptions& call) const {
  const auto got = session_.client().kv().Get(KeyRange::Key(name_), {}, call);
  if (!got.ok()) return got.status();
  return NumberIn(PairOr(*got, "0"));
}

absl::StatusOr<int64_t> Counter::Add(int64_t delta, const WaitOptions& wait) {
  Patience patience(session_, wait);
  const std::lock_guard lock(mutex_);
  const std::string add = absl::StrCat(++adds_, " ");
  const Kv kv = session_.client().kv();
  Txn look;
  look.Then(Op::Get(KeyRange::Key(name_))).Then(Op::Get(KeyRange::Key(mark_)));
  bool in_doubt = false;
  absl::Status status = patience.Check();
  for (; status.ok(); status = patience.Pause()) {
    const auto seen = patience.Await(kv.CommitAsync(look, patience.Call()));
    if (!seen.ok() && MayPass(seen.status())) continue;
    if (!seen.ok()) {
      status = seen.status();
      break;
    }
    const KeyValue pair = PairOr(std::get<GetResult>(seen->responses.at(0)), "0");
    const KeyValue mark = PairOr(std::get<GetResult>(seen->responses.at(1)), "");
    if (const auto reached = ReachedBy(add, mark)) return *reached;
    const auto number = NumberIn(pair);
    int64_t sum = 0;
    if (!number.ok()) {
      status = number.status();
      break;
    }
    if (__builtin_add_overflow(*number, delta, &sum)) {
      status = WithOutcome(absl::OutOfRangeError("the sum does not fit"), Outcome::kFailed);
      break;
    }
    // Of one that had no answer and this one only the first can find both as they were seen.
    Txn txn;
    txn.If(Compare::ModRevision(name_).Equals(pair.mod_revision));
    txn.If(Compare::ModRevision(mark_).Equals(mark.mod_revision));
    txn.Then(Op::Put(name_, absl::StrCat(sum)));
    txn.Then(Op::Put(mark_, absl::StrCat(add, sum), {.lease = session_.lease()}));
    const auto done = patience.Await(kv.CommitAsync(txn, patience.Call()));
    if (done.ok() && done->succeeded) return sum;
    if (done.ok()) continue;
    if (OutcomeOf(done.status()) == Outcome::kUnknown) in_doubt = true;
    if (!MayPass(done.status())) {
      status = done.status();
      break;
    }
  }
  return in_doubt ? WithOutcome(status, Outcome::kUnknown) : status;
}

}  // namespace keelson::client::recipes
