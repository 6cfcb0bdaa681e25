#include "server/lease/lease_wheel.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::server {

LeaseWheel::LeaseWheel(uint64_t now) : now_(now) {
  for (Index i = 0; i < kSentinels; ++i) {
    const Index index = NewIndex();
    At(index).prev = At(index).next = index;
  }
}

LeaseWheel::Index LeaseWheel::NewIndex() {
  if (end_ % kChunk == 0) chunks_.push_back(std::make_unique<LeaseRecord[]>(kChunk));
  return end_++;
}

LeaseWheel::Index LeaseWheel::Add() {
  Index index = free_;
  if (index == kNone) {
    index = NewIndex();
  } else {
    free_ = At(index).next;
  }
  At(index) = LeaseRecord{.prev = index, .next = index, .phase = LeaseRecord::Phase::kAlive};
  return index;
}

void LeaseWheel::Free(Index index) {
  LeaseRecord& record = At(index);
  KEELSON_CHECK(record.next == index, "a freed lease is on no list");
  KEELSON_CHECK(record.phase != LeaseRecord::Phase::kFree, "a lease is freed once");
  record = LeaseRecord{.next = free_};
  free_ = index;
}

void LeaseWheel::Place(Index index, uint64_t tick) {
  KEELSON_CHECK(At(index).next == index, "a lease is on one list at a time");
  constexpr uint64_t kHorizon = (uint64_t{1} << (kBits * kLevels)) - 1;
  tick = std::clamp(tick, now_, now_ + kHorizon);
  int level = 0;
  while ((tick - now_) >> (kBits * (level + 1)) != 0) ++level;
  LinkBefore(SlotOf(level, tick), index);
}

void LeaseWheel::Append(List list, Index index) {
  KEELSON_CHECK(At(index).next == index, "a lease is on one list at a time");
  LinkBefore(HeadOf(list), index);
}

void LeaseWheel::LinkBefore(Index head, Index index) {
  const Index last = At(head).prev;
  At(index).prev = last;
  At(index).next = head;
  At(last).next = index;
  At(head).prev = index;
}

void LeaseWheel::Unlink(Index index) {
  LeaseRecord& record = At(index);
  At(record.prev).next = record.next;
  At(record.next).prev = record.prev;
  record.prev = record.next = index;
}

LeaseWheel::Index LeaseWheel::First(List list) const {
  const Index first = At(HeadOf(list)).next;
  return first == HeadOf(list) ? kNone : first;
}

void LeaseWheel::Splice(List from, List to) {
  const Index source = HeadOf(from);
  const Index target = HeadOf(to);
  if (At(source).next == source) return;
  const Index first = At(source).next;
  const Index last = At(source).prev;
  const Index tail = At(target).prev;
  At(tail).next = first;
  At(first).prev = tail;
  At(last).next = target;
  At(target).prev = last;
  At(source).prev = At(source).next = source;
}

}  // namespace keelson::server
