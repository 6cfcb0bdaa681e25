#include "client/keelson/recipes/internal/claim.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::client::recipes::internal {
namespace {

constexpr absl::Duration kLeavePatience = absl::Seconds(5);

// The pair that the operation at `index` read, if there was one.
std::optional<KeyValue> PairAt(const TxnResult& result, size_t index) {
  if (index >= result.responses.size()) return std::nullopt;
  const auto* read = std::get_if<GetResult>(&result.responses[index]);
  if (read == nullptr || read->kvs.empty()) return std::nullopt;
  return read->kvs[0];
}

absl::Status Gone(const std::string& key) {
  return WithOutcome(absl::FailedPreconditionError(
                         absl::StrCat(key, " is gone: its lease ended, or somebody deleted it")),
                     Outcome::kFailed);
}

}  // namespace

std::string ClaimKey(const LeaseSession& session, const std::string& prefix) {
  return absl::StrCat(prefix, "/", absl::Hex(static_cast<uint64_t>(session.lease())));
}

Claim::Claim(LeaseSession& session, std::string key, KeyRange line)
    : session_(session), key_(std::move(key)), line_(std::move(line)) {}

Claim::~Claim() {
  if (entered()) Leave().IgnoreError();  // the lease's end deletes what can't be deleted now
  Forget();
}

Fence Claim::fence() const { return entered() ? Fence(key_, token_) : Fence(); }

absl::Status Claim::Obtain(const std::string& value, const WaitOptions& wait) {
  Patience patience(session_, wait);
  absl::Status status = Enter(value, patience);
  if (status.ok()) status = AwaitFirst(patience);
  return status.ok() ? status : GiveUp(std::move(status));
}

absl::Status Claim::TryObtain(const std::string& value, const WaitOptions& wait) {
  Patience patience(session_, wait);
  absl::Status status = Enter(value, patience);
  if (!status.ok()) return GiveUp(std::move(status));
  const auto ahead = LookAhead(patience);
  if (!ahead.ok()) return GiveUp(ahead.status());
  if (!ahead->key.empty()) return GiveUp(absl::AbortedError(absl::StrCat("held by ", ahead->key)));
  first_ = true;
  return absl::OkStatus();
}

absl::Status Claim::Enter(const std::string& value, Patience& patience,
                          const std::vector<Compare>& conditions) {
  if (!reserved_ && !session_.Reserve(key_)) {
    return WithOutcome(absl::FailedPreconditionError(absl::StrCat(
                           key_, " is claimed by this session already; use another session")),
                       Outcome::kFailed);
  }
  reserved_ = true;
  Txn txn;
  txn.If(Compare::CreateRevision(key_).Equals(0));
  for (const Compare& condition : conditions) txn.If(condition);
  txn.Then(Op::Put(key_, value, {.lease = session_.lease()}));
  txn.Else(Op::Get(KeyRange::Key(key_)));
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    const auto result = patience.Await(session_.client().kv().CommitAsync(txn, patience.Call()));
    if (result.ok()) return OnEntered(*result, value, patience, in_doubt_);
    if (!MayPass(result.status())) return result.status();
    if (OutcomeOf(result.status()) == Outcome::kUnknown) ++in_doubt_;
    give_up = patience.Pause();
  }
  return give_up;
}

absl::Status Claim::OnEntered(const TxnResult& result, const std::string& value, Patience& patience,
                              int unanswered) {
  first_ = false;
  if (result.succeeded) {
    token_ = mod_revision_ = result.header.revision;
    return absl::OkStatus();
  }
  const auto found = PairAt(result, 0);
  if (!found) {
    return WithOutcome(absl::AbortedError("what the claim depends on has changed"),
                       Outcome::kFailed);
  }
  if (found->lease != session_.lease()) {
    return WithOutcome(absl::FailedPreconditionError(absl::StrCat(
                           key_, " is there, and not attached to this session's lease")),
                       Outcome::kFailed);
  }
  // Put by one that had no answer, or left over.
  in_doubt_ = std::max(unanswered - 1, 0);
  token_ = found->create_revision;
  mod_revision_ = found->mod_revision;
  return found->value == value ? absl::OkStatus() : Update(value, patience);
}

absl::StatusOr<Claim::Ahead> Claim::LookAhead(Patience& patience) {
  KEELSON_CHECK(entered(), "who is not in line has nobody ahead");
  const GetOptions last{.limit = 1,
                        .order = SortOrder::kDescending,
                        .sort_by = SortTarget::kCreateRevision,
                        .keys_only = true,
                        .max_create_revision = token_ - 1};
  Txn look;
  look.If(fence().Holds()).Then(Op::Get(line_, last));
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    const auto result = patience.Await(session_.client().kv().CommitAsync(look, patience.Call()));
    if (result.ok()) {
      if (!result->succeeded) return Gone(key_);
      const auto pair = PairAt(*result, 0);
      return Ahead{.key = pair ? pair->key : "", .revision = result->header.revision};
    }
    if (!MayPass(result.status())) return result.status();
    give_up = patience.Pause();
  }
  return give_up;
}

absl::Status Claim::AwaitFirst(Patience& patience) {
  while (true) {
    const auto ahead = LookAhead(patience);
    if (!ahead.ok()) return ahead.status();
    if (ahead->key.empty()) {
      first_ = true;
      return absl::OkStatus();
    }
    const auto waited = AwaitDeletion(session_.client(), ahead->key, ahead->revision, patience);
    if (!waited.ok()) return waited.status();
  }
}

absl::Status Claim::Update(const std::string& value, Patience& patience) {
  KEELSON_CHECK(entered(), "only a key that is there has a value");
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    // By the modification: one without an answer can't undo a later one.
    Txn txn;
    txn.If(fence().Holds()).If(Compare::ModRevision(key_).Equals(mod_revision_));
    txn.Then(Op::Put(key_, value, {.lease = session_.lease()}));
    txn.Else(Op::Get(KeyRange::Key(key_)));
    const auto result = patience.Await(session_.client().kv().CommitAsync(txn, patience.Call()));
    if (result.ok() && result->succeeded) {
      mod_revision_ = result->header.revision;
      return absl::OkStatus();
    }
    if (result.ok()) {
      const auto found = PairAt(*result, 0);
      if (!found || found->create_revision != token_) return Gone(key_);
      mod_revision_ = found->mod_revision;
      if (found->value == value) return absl::OkStatus();
    } else if (!MayPass(result.status())) {
      return result.status();
    }
    give_up = patience.Pause();
  }
  return WithOutcome(give_up, Outcome::kUnknown);
}

absl::Status Claim::Leave() {
  const bool was_first = std::exchange(first_, false);
  if (!session_.Lost().ok()) {
    Forget();
    return absl::OkStatus();
  }
  Patience patience(session_, {.timeout = kLeavePatience});
  Txn txn;
  txn.If(Compare::Lease(key_).Equals(session_.lease())).Then(Op::Delete(KeyRange::Key(key_)));
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    const auto result = patience.Await(session_.client().kv().CommitAsync(txn, patience.Call()));
    if (result.ok()) {
      Forget();
      return absl::OkStatus();
    }
    give_up = MayPass(result.status()) ? patience.Pause() : result.status();
  }
  if (!session_.Lost().ok()) {
    Forget();
    return absl::OkStatus();
  }
  // Still a holder, for Leave() to be called again.
  first_ = was_first;
  return WithOutcome(give_up, Outcome::kUnknown);
}

absl::Status Claim::GiveUp(absl::Status why) {
  if (!reserved_) return why;
  const bool surely =
      (!entered() && in_doubt_ == 0) || (Leave().ok() && in_doubt_ == 0) || !session_.Lost().ok();
  first_ = false;
  Forget();
  return WithOutcome(std::move(why), surely ? Outcome::kFailed : Outcome::kUnknown);
}

void Claim::Forget() {
  token_ = 0;
  if (std::exchange(reserved_, false)) session_.GiveBack(key_);
}

absl::StatusOr<bool> AwaitDeletion(const Client& client, const std::string& key, int64_t revision,
                                   Patience& patience) {
  const auto watcher = patience.Watch(
      client, {{.range = KeyRange::Key(key), .start_revision = revision + 1}}, {.no_put = true});
  const auto batch = patience.Next(*watcher);
  if (batch.ok()) return true;
  if (absl::IsOutOfRange(batch.status())) return false;
  return batch.status();
}

}  // namespace keelson::client::recipes::internal
