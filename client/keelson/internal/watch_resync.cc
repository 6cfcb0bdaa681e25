// The part of a watch that begins anew from the state of its targets.
#include <algorithm>
#include <utility>

#include "client/keelson/internal/watch_session.h"

namespace keelson::client::internal {
namespace {

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
