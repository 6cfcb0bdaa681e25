#include "client/keelson/stm.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/internal/ask.h"
#include "client/keelson/outcome.h"

namespace keelson::client {

absl::StatusOr<std::optional<std::string>> Stm::Get(const std::string& key) {
  const auto written = writes_.find(key);
  if (written != writes_.end()) return written->second.value;
  const auto known = reads_.find(key);
  if (known != reads_.end()) return known->second.value;
  const auto got = kv_.Get(KeyRange::Key(key), {.revision = revision_}, call_);
  if (!got.ok()) {
    snapshot_lost_ = revision_ != 0 && absl::IsOutOfRange(got.status());
    return got.status();
  }
  if (revision_ == 0) revision_ = got->header.revision;
  Read& read = reads_[key];
  if (!got->kvs.empty()) {
    read = {.mod_revision = got->kvs[0].mod_revision, .value = got->kvs[0].value};
  }
  return read.value;
}

void Stm::Put(const std::string& key, std::string value, const PutOptions& options) {
  writes_[key] = {.value = std::move(value), .options = options};
}

void Stm::Delete(const std::string& key) { writes_[key] = {}; }

Txn Stm::ToTxn() const {
  Txn txn;
  for (const auto& [key, read] : reads_) {
    txn.If(Compare::ModRevision(key).Equals(read.mod_revision));
  }
  for (const auto& [key, write] : writes_) {
    txn.Then(write.value ? Op::Put(key, *write.value, write.options)
                         : Op::Delete(KeyRange::Key(key)));
  }
  return txn;
}

class StmRunner {
 public:
  StmRunner(const Kv& kv, const std::function<absl::Status(Stm&)>& body, const StmOptions& options)
      : kv_(kv), body_(body), core_(*kv.core()) {
    deadline_ =
        core_.scheduler().Now() +
        (options.timeout == absl::ZeroDuration() ? core_.options().timeout : options.timeout);
  }

  absl::StatusOr<TxnResult> Run() {
    if (core_.scheduler().InLoop()) {
      return WithOutcome(internal::WaitsOnOwnThread(), Outcome::kFailed);
    }
    for (int tries = 1;; ++tries) {
      const auto result = Try();
      if (!result.ok() || result->succeeded) return result;
      const absl::Duration pause = core_.Backoff(tries);
      if (pause >= Left()) {
        return WithOutcome(absl::AbortedError(absl::StrCat("what was read had changed at each of ",
                                                           tries, " tries until the deadline")),
                           Outcome::kFailed);
      }
      Sleep(pause);
    }
  }

 private:
  absl::Duration Left() const {
    return std::max(deadline_ - core_.scheduler().Now(), absl::Milliseconds(1));
  }

  // Not succeeded: there was a conflict.
  absl::StatusOr<TxnResult> Try() {
    Stm stm(kv_, {.timeout = Left()});
    const absl::Status decided = body_(stm);
    if (stm.snapshot_lost_) return TxnResult();
    if (!decided.ok()) return WithOutcome(decided, Outcome::kFailed);
    if (stm.writes_.empty()) {
      return TxnResult{.header = {.revision = stm.revision_}, .succeeded = true};
    }
    return kv_.Commit(stm.ToTxn(), {.timeout = Left()});
  }

  void Sleep(absl::Duration pause) {
    const auto woken = std::make_shared<internal::FutureState<bool>>(core_.executor());
    core_.scheduler().After(pause, [woken] { woken->Complete(true); });
    (void)woken->Wait(absl::InfiniteDuration());
  }

  const Kv& kv_;
  const std::function<absl::Status(Stm&)>& body_;
  internal::Core& core_;
  internal::Instant deadline_;
};

absl::StatusOr<TxnResult> RunStm(const Kv& kv, const std::function<absl::Status(Stm&)>& body,
                                 const StmOptions& options) {
  return StmRunner(kv, body, options).Run();
}

}  // namespace keelson::client
