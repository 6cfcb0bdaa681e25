#include "tests/client/watch_copy.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace keelson::testing {

using client::KeyValue;
using client::WatchBatch;
using client::WatchEvent;

void WatchCopy::Take() {
  watcher_->NextAsync().Then([self = shared_from_this()](const absl::StatusOr<WatchBatch>& batch) {
    {
      const std::lock_guard lock(self->mutex_);
      self->Apply(batch);
      self->idle_ = self->paused_;
      if (self->ended_ || self->idle_) return;
    }
    self->Take();
  });
}

void WatchCopy::Pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void WatchCopy::Resume() {
  {
    const std::lock_guard lock(mutex_);
    paused_ = false;
    if (!std::exchange(idle_, false)) return;
  }
  Take();
}

std::string WatchCopy::Complaint() const {
  const std::lock_guard lock(mutex_);
  return complaint_;
}

int WatchCopy::resyncs() const {
  const std::lock_guard lock(mutex_);
  return resyncs_;
}

bool WatchCopy::Equals(const std::vector<KeyValue>& pairs) const {
  const std::lock_guard lock(mutex_);
  if (in_state_ || held_.size() != pairs.size()) return false;
  auto held = held_.begin();
  for (const KeyValue& kv : pairs) {
    if (held->first != kv.key || held->second.mod_revision != kv.mod_revision ||
        held->second.value != kv.value) {
      return false;
    }
    ++held;
  }
  return true;
}

void WatchCopy::Apply(const absl::StatusOr<WatchBatch>& batch) {
  if (!batch.ok()) {
    ended_ = true;
    if (!absl::IsCancelled(batch.status())) complaint_ = batch.status().ToString();
    return;
  }
  switch (batch->kind) {
    case WatchBatch::Kind::kProgress:
      return;
    case WatchBatch::Kind::kResyncBegin:
      in_state_ = true;
      state_.clear();
      return;
    case WatchBatch::Kind::kResyncState:
      return ApplyState(*batch);
    case WatchBatch::Kind::kResyncEnd:
      return EndState(batch->header.revision);
    case WatchBatch::Kind::kChanges:
      for (const WatchEvent& event : batch->events) ApplyChange(event);
  }
}

void WatchCopy::ApplyState(const WatchBatch& batch) {
  for (const WatchEvent& event : batch.events) {
    if (!in_state_) Complain("a state without a beginning", event);
    if (event.type == WatchEvent::Type::kDelete) {
      // Perhaps of a key whose put was dropped with what waited.
      held_.erase(event.kv.key);
    } else {
      state_[event.kv.key] = {event.kv.version, event.kv.mod_revision, event.kv.value};
      // Until the end both count as given.
      held_[event.kv.key] = state_[event.kv.key];
    }
  }
}

void WatchCopy::EndState(int64_t revision) {
  // What is gone was named, so that the state named is the whole state.
  if (state_.size() != held_.size()) {
    complaint_ = absl::StrCat("the state at ", revision, " names ", state_.size(), " keys of ",
                              held_.size());
  }
  held_ = std::exchange(state_, {});
  in_state_ = false;
  if (revision < revision_) complaint_ = absl::StrCat("back from ", revision_, " to ", revision);
  revision_ = revision;
  ++resyncs_;
}

void WatchCopy::ApplyChange(const WatchEvent& event) {
  const auto held = held_.find(event.kv.key);
  if (in_state_) Complain("a change in the middle of a state", event);
  if (event.kv.mod_revision < revision_) Complain("a change out of order", event);
  revision_ = event.kv.mod_revision;
  if (held != held_.end() && held->second.mod_revision >= event.kv.mod_revision) {
    Complain("a change that was given before", event);
  }
  if (event.type == WatchEvent::Type::kDelete) {
    if (held == held_.end()) return Complain("a deletion of what is not there", event);
    held_.erase(held);
    return;
  }
  const int64_t version = held == held_.end() ? 0 : held->second.version;
  if (event.kv.version != version + 1) Complain("a change was missed before this one", event);
  held_[event.kv.key] = {event.kv.version, event.kv.mod_revision, event.kv.value};
}

void WatchCopy::Complain(const std::string& what, const WatchEvent& event) {
  if (!complaint_.empty()) return;
  complaint_ = absl::StrCat(what, ": ", event.kv.key, " at ", event.kv.mod_revision, ", version ",
                            event.kv.version, ", after ", revision_);
}

}  // namespace keelson::testing
