#include "client/keelson/recipes/queue.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/internal/random_id.h"
#include "client/keelson/recipes/internal/claim.h"

namespace keelson::client::recipes {
namespace {

using internal::Claim;
using internal::MayPass;
using internal::Patience;

// How many free items are looked at at once: several workers find different ones.
constexpr int64_t kFreeAtOnce = 8;

// Asks until there is an answer.
absl::StatusOr<GetResult> Get(const Client& client, const KeyRange& range,
                              const GetOptions& options, Patience& patience) {
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    auto got = patience.Await(client.kv().GetAsync(range, options, patience.Call()));
    if (got.ok() || !MayPass(got.status())) return got;
    give_up = patience.Pause();
  }
  return give_up;
}

}  // namespace

QueueItem::QueueItem(std::unique_ptr<Claim> claim, std::string item_key, std::string value)
    : claim_(std::move(claim)), item_key_(std::move(item_key)), value_(std::move(value)) {}

QueueItem::~QueueItem() = default;

Fence QueueItem::fence() const { return claim_->fence(); }

absl::Status QueueItem::Done(const WaitOptions& wait) {
  Patience patience(claim_->session(), wait);
  Txn txn;
  txn.If(fence().Holds());
  txn.Then(Op::Delete(KeyRange::Key(item_key_))).Then(Op::Delete(KeyRange::Key(claim_->key())));
  absl::Status give_up = patience.Check();
  while (give_up.ok()) {
    const auto result =
        patience.Await(claim_->session().client().kv().CommitAsync(txn, patience.Call()));
    if (result.ok()) {
      // The claim of a session that is alive ends by Done only: by one that had no answer.
      const bool done = result->succeeded || (done_in_doubt_ && claim_->session().Lost().ok());
      if (!done && done_in_doubt_) break;
      claim_->Forget();
      if (done) return absl::OkStatus();
      return WithOutcome(
          absl::FailedPreconditionError(absl::StrCat(item_key_, " is another worker's by now")),
          Outcome::kFailed);
    }
    if (!MayPass(result.status())) return result.status();
    if (OutcomeOf(result.status()) == Outcome::kUnknown) done_in_doubt_ = true;
    give_up = patience.Pause();
  }
  if (!done_in_doubt_) return give_up;
  if (give_up.ok()) give_up = absl::FailedPreconditionError("the session's lease is lost");
  return WithOutcome(give_up, Outcome::kUnknown);
}

absl::Status QueueItem::Return() { return claim_->Leave(); }

Queue::Queue(const Client& client, const std::string& name)
    : client_(client),
      items_(absl::StrCat(name, "/items/")),
      claims_(absl::StrCat(name, "/claims/")),
      line_(absl::StrCat(name, "/line")) {}

absl::StatusOr<std::string> Queue::Push(const std::string& value, const WaitOptions& wait) const {
  Patience patience(client_, wait);
  std::string key = absl::StrCat(items_, client::internal::RandomId());
  absl::Status status = patience.Check();
  if (!status.ok()) return status;
  const auto put = [&] {
    return patience.Await(client_.kv().PutAsync(key, value, {}, patience.Call())).status();
  };
  status = put();
  while (OutcomeOf(status) == Outcome::kFailed && MayPass(status)) {
    if (const absl::Status give_up = patience.Pause(); !give_up.ok()) return give_up;
    status = put();
  }
  if (status.ok()) return key;
  if (OutcomeOf(status) == Outcome::kFailed) return status;
  // Put again it might be worked on twice: it is only looked for.
  const auto there = Get(client_, KeyRange::Key(key), {.keys_only = true}, patience);
  if (there.ok() && !there->kvs.empty()) return key;
  return status;
}

absl::StatusOr<int64_t> Queue::Size(const CallOptions& call) const {
  const auto got = client_.kv().Get(KeyRange::Prefix(items_), {.count_only = true}, call);
  if (!got.ok()) return got.status();
  return got->count;
}

struct Queue::View {
  std::vector<KeyValue> free = {};  // without values, the oldest first
  int64_t revision = 0;             // what has changed after it was perhaps not seen
};

absl::StatusOr<Queue::View> Queue::Look(Patience& patience) const {
  const auto claims = Get(client_, KeyRange::Prefix(claims_), {.keys_only = true}, patience);
  if (!claims.ok()) return claims.status();
  std::set<std::string> taken;
  for (const KeyValue& kv : claims->kvs) taken.insert(kv.key.substr(claims_.size()));
  const GetOptions oldest{.limit = static_cast<int64_t>(taken.size()) + kFreeAtOnce,
                          .order = SortOrder::kAscending,
                          .sort_by = SortTarget::kCreateRevision,
                          .keys_only = true};
  auto items = Get(client_, KeyRange::Prefix(items_), oldest, patience);
  if (!items.ok()) return items.status();
  View view{.revision = claims->header.revision};
  for (KeyValue& kv : items->kvs) {
    if (taken.count(kv.key.substr(items_.size())) == 0) view.free.push_back(std::move(kv));
  }
  return view;
}

// Null if others were faster with all of them.
Queue::MaybeItem Queue::TakeOneOf(const View& view, LeaseSession& session,
                                  Patience& patience) const {
  for (const KeyValue& item : view.free) {
    const std::string key = absl::StrCat(claims_, item.key.substr(items_.size()));
    auto claim = std::make_unique<Claim>(session, key, KeyRange::Key(key));
    const absl::Status status = claim->Enter(
        "", patience, {Compare::CreateRevision(item.key).Equals(item.create_revision)});
    const bool taken = absl::IsAborted(status) || absl::IsFailedPrecondition(status);
    if (taken && session.Lost().ok()) {
      claim->GiveUp(status).IgnoreError();
      continue;
    }
    if (!status.ok()) return claim->GiveUp(status);
    const auto got = Get(client_, KeyRange::Key(item.key), {}, patience);
    if (!got.ok()) return claim->GiveUp(got.status());
    if (got->kvs.empty()) continue;  // its claim was ended by hand, and it was done
    return std::make_unique<QueueItem>(std::move(claim), item.key, got->kvs[0].value);
  }
  return nullptr;
}

absl::Status Queue::AwaitChange(const View& view, Patience& patience) const {
  const auto watcher = patience.Watch(
      client_, {{.range = KeyRange::Prefix(items_), .start_revision = view.revision + 1},
                {.range = KeyRange::Prefix(claims_), .start_revision = view.revision + 1}});
  while (true) {
    const auto batch = patience.Next(*watcher);
    if (absl::IsOutOfRange(batch.status())) return absl::OkStatus();
    if (!batch.ok()) return batch.status();
    // Of items the new ones, of claims those that ended.
    const auto wanted = batch->target == 0 ? WatchEvent::Type::kPut : WatchEvent::Type::kDelete;
    for (const WatchEvent& event : batch->events) {
      if (event.type == wanted) return absl::OkStatus();
    }
  }
}

Queue::MaybeItem Queue::TakeInLine(LeaseSession& session, Patience& patience) const {
  Claim place(session, internal::ClaimKey(session, line_),
              KeyRange::Prefix(absl::StrCat(line_, "/")));
  absl::Status status = place.Enter("", patience);
  if (status.ok()) status = place.AwaitFirst(patience);
  while (status.ok()) {
    const auto view = Look(patience);
    if (!view.ok()) return place.GiveUp(view.status());
    auto item = TakeOneOf(*view, session, patience);
    if (!item.ok()) return place.GiveUp(item.status());
    if (*item != nullptr) return item;
    status = view->free.empty() ? AwaitChange(*view, patience) : patience.Check();
  }
  return place.GiveUp(status);
}

absl::StatusOr<std::unique_ptr<QueueItem>> Queue::Take(LeaseSession& session,
                                                       const WaitOptions& wait) const {
  Patience patience(session, wait);
  const auto view = Look(patience);
  if (!view.ok()) return view.status();
  auto item = TakeOneOf(*view, session, patience);
  if (!item.ok() || *item != nullptr) return item;
  return TakeInLine(session, patience);
}

}  // namespace keelson::client::recipes
