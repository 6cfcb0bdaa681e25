// The part of a watch that begins anew from the state of its targets.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/keelson/internal/convert.h"
#include "client/keelson/internal/watch_session.h"

namespace keelson::client::internal {
namespace {

// Between two looks at a cluster that does not answer.
constexpr absl::Duration kHistoryPause = absl::Seconds(1);

WatchEvent Deletion(const std::string& key, int64_t revision) {
  WatchEvent event{.type = WatchEvent::Type::kDelete};
  event.kv.key = key;
  event.kv.mod_revision = revision;
  return event;
}

// Whether no other try would do better.
bool IsFinal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) ||
         absl::IsUnauthenticated(status);
}

}  // namespace

void WatchSession::CheckHistory() {
  UnaryRequest question{
      .method = "/etcdserverpb.KV/Range",
      .body = ToWire(KeyRange::Key("health"), {.count_only = true}).SerializeAsString()};
  StartUnary(core_, std::move(question),
             [self = shared_from_this(),
              generation = generation_](const absl::StatusOr<UnaryAnswer>& answer) {
               self->OnHistoryChecked(generation, answer);
             });
}

void WatchSession::OnHistoryChecked(uint64_t generation,
                                    const absl::StatusOr<UnaryAnswer>& answer) {
  if (generation != generation_ || stream_ == nullptr || IsFinal(answer.status())) return;
  if (!answer.ok()) {
    timer_ = core_->scheduler().After(kHistoryPause, [self = shared_from_this()] {
      self->timer_ = Scheduler::kNoTimer;
      self->CheckHistory();
    });
    return;
  }
  const auto response = ParseAnswer<etcdserverpb::RangeResponse>(answer->body);
  if (!response.ok() || response->header().cluster_id() != cluster_) return;
  if (response->header().revision() >= seen_) return;
  LoseHistory(absl::FailedPreconditionError(
      absl::StrCat("the cluster is at revision ", response->header().revision(), ", behind ", seen_,
                   " that it has told before: it has begun anew")));
}

void WatchSession::LoseHistory(absl::Status why) {
  if (!resyncs()) return Fail(std::move(why));
  gate_.Call(options_.on_interrupted, why);
  cluster_ = 0;
  seen_ = 0;
  strangers_ = 0;
  for (TargetState& target : targets_) target.next_revision = 0;
  for (size_t index = 0; index < targets_.size(); ++index) LosePlace(index);
}

void WatchSession::LosePlace(size_t index) {
  if (std::find(lost_.begin(), lost_.end(), index) == lost_.end()) lost_.push_back(index);
  CloseStream();
  if (reader_ == nullptr) BeginResync();
}

void WatchSession::BeginResync() {
  const TargetState& target = targets_[lost_.front()];
  CallOptions call;
  if (options_.stale_ok) {
    // As old as the watch may be, but not older than what it has given.
    call.read = {.max_age = options_.max_age,
                 .min_revision = std::max<int64_t>(target.next_revision - 1, 0),
                 .stale_ok = true};
  }
  reader_ = std::make_shared<RangeReader>(Kv(core_, view_), target.named, RangeReaderOptions{},
                                          std::move(call));
  walked_.clear();
  Deliver({.target = lost_.front(), .kind = WatchBatch::Kind::kResyncBegin});
  FetchPage();
}

void WatchSession::FetchPage() {
  if (stopped_ || reader_ == nullptr) return;
  if (queue_.full()) {
    paused_ = true;
    return;
  }
  paused_ = false;
  reader_->NextAsync().Then(
      [self = shared_from_this(), reader = reader_](absl::StatusOr<std::vector<KeyValue>> page) {
        if (!self->stopped_ && reader == self->reader_) self->OnPage(std::move(page));
      });
}

void WatchSession::OnPage(absl::StatusOr<std::vector<KeyValue>> page) {
  if (!page.ok()) return OnPageFailed(page.status());
  failures_ = 0;
  DeliverState(targets_[lost_.front()], *std::move(page));
  if (reader_->done()) return EndResync();
  FetchPage();
}

void WatchSession::OnPageFailed(const absl::Status& status) {
  if (IsFinal(status)) return Fail(status);
  gate_.Call(options_.on_interrupted, status);
  // Its revision was compacted away in the middle: once more from the start.
  if (absl::IsOutOfRange(status)) return BeginResync();
  ++failures_;
  timer_ = core_->scheduler().After(core_->Backoff(failures_), [self = shared_from_this()] {
    self->timer_ = Scheduler::kNoTimer;
    self->FetchPage();
  });
}

// `known` is walked beside the page, in the order of keys: what the page skips is gone.
void WatchSession::DeliverState(TargetState& target, std::vector<KeyValue> page) {
  WatchBatch batch{.target = lost_.front(), .kind = WatchBatch::Kind::kResyncState};
  batch.header.revision = reader_->revision();
  auto known = target.known.lower_bound(walked_);
  const auto delete_until = [&](const std::string* key) {
    while (known != target.known.end() && (key == nullptr || *known < *key)) {
      batch.events.push_back(Deletion(*known, reader_->revision()));
      known = target.known.erase(known);
    }
  };
  for (KeyValue& kv : page) {
    delete_until(&kv.key);
    known = std::next(target.known.insert(kv.key).first);
    walked_ = kv.key + '\0';
    batch.events.push_back({.kv = std::move(kv)});
  }
  if (reader_->done()) delete_until(nullptr);
  if (!batch.events.empty()) Deliver(std::move(batch));
}

void WatchSession::EndResync() {
  const size_t index = lost_.front();
  const int64_t revision = reader_->revision();
  targets_[index].next_revision = revision + 1;
  reader_ = nullptr;
  lost_.pop_front();
  Deliver(
      {.header = {.revision = revision}, .target = index, .kind = WatchBatch::Kind::kResyncEnd});
  if (stopped_) return;
  lost_.empty() ? Open() : BeginResync();
}

void WatchSession::Remember(TargetState& target, const std::vector<WatchEvent>& events) {
  for (const WatchEvent& event : events) {
    if (event.type == WatchEvent::Type::kPut) {
      target.known.insert(event.kv.key);
    } else {
      target.known.erase(event.kv.key);
    }
  }
}

}  // namespace keelson::client::internal
