#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "client/keelson/recipes/barrier.h"
#include "client/keelson/recipes/internal/claim.h"

namespace keelson::client::recipes {
namespace {

using internal::MayPass;
using internal::Patience;

}  // namespace

DoubleBarrier::DoubleBarrier(LeaseSession& session, const std::string& name, int count)
    : session_(session),
      in_(absl::StrCat(name, "/in")),
      ready_(absl::StrCat(name, "/ready")),
      count_(count),
      claim_(std::make_unique<internal::Claim>(session, internal::ClaimKey(session, in_),
                                               KeyRange::Prefix(absl::StrCat(in_, "/")))) {
  KEELSON_CHECK(count > 0, "a barrier is for somebody");
}

DoubleBarrier::~DoubleBarrier() = default;

// What a look at the barrier finds.
struct DoubleBarrier::View {
  bool ready = false;
  int64_t in = 0;           // how many
  std::string newest = {};  // key of the one that came last
  int64_t revision = 0;
};

absl::StatusOr<DoubleBarrier::View> DoubleBarrier::Look(Patience& patience) const {
  Txn look;
  look.Then(Op::Get(KeyRange::Key(ready_), {.count_only = true}));
  look.Then(
      Op::Get(KeyRange::Prefix(absl::StrCat(in_, "/")), {.limit = 1,
                                                         .order = SortOrder::kDescending,
                                                         .sort_by = SortTarget::kCreateRevision,
                                                         .keys_only = true}));
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    const auto result = patience.Await(session_.client().kv().CommitAsync(look, patience.Call()));
    if (result.ok()) {
      const auto& in = std::get<GetResult>(result->responses.at(1));
      return View{.ready = std::get<GetResult>(result->responses.at(0)).count > 0,
                  .in = in.count,
                  .newest = in.kvs.empty() ? "" : in.kvs[0].key,
                  .revision = result->header.revision};
    }
    if (!MayPass(result.status())) return result.status();
    give_up = patience.Pause();
  }
  return give_up;
}

absl::Status DoubleBarrier::Enter(const WaitOptions& wait) {
  Patience patience(session_, wait);
  absl::Status status = TryEnter(patience);
  if (status.ok()) status = AwaitReady(patience);
  return status.ok() ? status : claim_->GiveUp(std::move(status));
}

// Not while those before are leaving.
absl::Status DoubleBarrier::TryEnter(Patience& patience) {
  const std::vector<Compare> closed = {Compare::CreateRevision(ready_).Equals(0)};
  while (true) {
    absl::Status entered = claim_->Enter("", patience, closed);
    if (!absl::IsAborted(entered)) return entered;
    entered = AwaitClosed(patience);
    if (!entered.ok()) return entered;
  }
}

absl::Status DoubleBarrier::AwaitReady(Patience& patience) {
  while (true) {
    const auto view = Look(patience);
    if (!view.ok()) return view.status();
    if (view->ready) return absl::OkStatus();
    if (view->in >= count_) {
      const absl::Status opened = Open(patience);
      if (!opened.ok()) return opened;
      continue;
    }
    const auto watcher = patience.Watch(
        session_.client(), {{.range = KeyRange::Key(ready_), .start_revision = view->revision + 1}},
        {.no_delete = true});
    const auto batch = patience.Next(*watcher);
    if (batch.ok()) return absl::OkStatus();
    if (!absl::IsOutOfRange(batch.status())) return batch.status();
  }
}

// Whoever completes the number opens; several may try. OK tells that it is to be looked at again.
absl::Status DoubleBarrier::Open(Patience& patience) {
  Txn open;
  open.If(claim_->fence().Holds()).If(Compare::CreateRevision(ready_).Equals(0));
  open.Then(Op::Put(ready_, ""));
  const auto opened = patience.Await(session_.client().kv().CommitAsync(open, patience.Call()));
  if (!opened.ok()) return MayPass(opened.status()) ? patience.Pause() : opened.status();
  // Is it this one that is in no more?
  return opened->succeeded ? absl::OkStatus() : claim_->LookAhead(patience).status();
}

absl::Status DoubleBarrier::Leave(const WaitOptions& wait) {
  Patience patience(session_, wait);
  const absl::Status lost = session_.Lost();
  if (!lost.ok())
    return WithOutcome(absl::FailedPreconditionError(lost.message()), Outcome::kFailed);
  const absl::Status left = claim_->Leave();
  return left.ok() ? AwaitClosed(patience) : left;
}

// Until nobody is in; the last one to find that out closes.
absl::Status DoubleBarrier::AwaitClosed(Patience& patience) {
  const KeyRange in = KeyRange::Prefix(absl::StrCat(in_, "/"));
  while (true) {
    const auto view = Look(patience);
    if (!view.ok()) return view.status();
    if (!view->ready) return absl::OkStatus();
    if (view->in > 0) {
      const auto gone =
          internal::AwaitDeletion(session_.client(), view->newest, view->revision, patience);
      if (!gone.ok()) return gone.status();
      continue;
    }
    Txn close;
    close.If(Compare::CreateRevision(in_).Equals(0).Over(in));
    close.Then(Op::Delete(KeyRange::Key(ready_)));
    const auto closed = patience.Await(session_.client().kv().CommitAsync(close, patience.Call()));
    if (!closed.ok() && !MayPass(closed.status())) return closed.status();
    const absl::Status give_up = closed.ok() ? patience.Check() : patience.Pause();
    if (!give_up.ok()) return give_up;
  }
}

}  // namespace keelson::client::recipes
