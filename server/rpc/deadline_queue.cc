#include "server/rpc/deadline_queue.h"

#include <algorithm>

namespace keelson::server {
namespace {
constexpr size_t kFanOut = 4;
}  // namespace

void DeadlineQueue::Set(Entry& entry, Time at) {
  if (entry.armed()) RemoveSlot(entry.slot_);
  heap_.push_back({at, &entry});
  SiftUp(heap_.size() - 1, {at, &entry});
}

void DeadlineQueue::Clear(Entry& entry) {
  if (!entry.armed()) return;
  const size_t slot = entry.slot_;
  KEELSON_CHECK(slot < heap_.size() && heap_[slot].entry == &entry,
                "an entry is cleared in the queue that armed it");
  RemoveSlot(slot);
  entry.slot_ = Entry::kNone;
}

std::optional<DeadlineQueue::Time> DeadlineQueue::Next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

void DeadlineQueue::Expire(Time now) {
  // Bounded, so that an entry that arms itself in the past cannot hold the loop for ever.
  for (size_t left = heap_.size(); left > 0 && !heap_.empty(); --left) {
    Entry* entry = heap_.front().entry;
    if (heap_.front().at > now) return;
    Clear(*entry);
    entry->OnDeadline();
  }
}

void DeadlineQueue::Place(size_t slot, Node node) {
  heap_[slot] = node;
  node.entry->slot_ = slot;
}

void DeadlineQueue::SiftUp(size_t slot, Node node) {
  while (slot > 0) {
    const size_t parent = (slot - 1) / kFanOut;
    if (heap_[parent].at <= node.at) break;
    Place(slot, heap_[parent]);
    slot = parent;
  }
  Place(slot, node);
}

void DeadlineQueue::SiftDown(size_t slot, Node node) {
  for (;;) {
    const size_t first = slot * kFanOut + 1;
    if (first >= heap_.size()) break;
    size_t best = first;
    const size_t end = std::min(first + kFanOut, heap_.size());
    for (size_t child = first + 1; child < end; ++child) {
      if (heap_[child].at < heap_[best].at) best = child;
    }
    if (heap_[best].at >= node.at) break;
    Place(slot, heap_[best]);
    slot = best;
  }
  Place(slot, node);
}

void DeadlineQueue::RemoveSlot(size_t slot) {
  const Node last = heap_.back();
  heap_.pop_back();
  if (slot == heap_.size()) return;
  if (slot > 0 && last.at < heap_[(slot - 1) / kFanOut].at) {
    SiftUp(slot, last);
  } else {
    SiftDown(slot, last);
  }
}

}  // namespace keelson::server
