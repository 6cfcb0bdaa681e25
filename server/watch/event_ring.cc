#include "server/watch/event_ring.h"

#include <algorithm>

#include "base/check.h"

namespace keelson::server {

void EventRing::Append(WatchEventPtr event) {
  KEELSON_CHECK(event->revision() >= base_, "the ring has no gap at its front");
  KEELSON_CHECK(events_.empty() || event->revision() >= events_.back()->revision(),
                "revisions are published in order");
  event->AccountTo(&bytes_);
  bytes_ += event->bytes();
  events_.push_back(std::move(event));
}

void EventRing::Trim() {
  while (bytes_ > max_bytes_ && !events_.empty()) {
    const int64_t revision = events_.front()->revision();
    while (!events_.empty() && events_.front()->revision() == revision) {
      bytes_ -= events_.front()->bytes();
      events_.front()->AccountTo(nullptr);
      events_.pop_front();
    }
    base_ = revision + 1;
  }
}

void EventRing::Reset(int64_t next_revision) {
  for (const WatchEventPtr& event : events_) event->AccountTo(nullptr);
  events_.clear();
  bytes_ = 0;
  base_ = next_revision;
}

std::deque<WatchEventPtr>::const_iterator EventRing::Find(int64_t from) const {
  return std::lower_bound(
      events_.begin(), events_.end(), from,
      [](const WatchEventPtr& event, int64_t revision) { return event->revision() < revision; });
}

size_t EventRing::CountFrom(int64_t from) const { return events_.end() - Find(from); }

int64_t EventRing::Take(int64_t from, size_t max_changes, size_t max_bytes,
                        std::vector<WatchEventPtr>* out) const {
  KEELSON_CHECK(from >= base_, "the ring is asked only for what it holds");
  int64_t last = from - 1;
  size_t bytes = 0;
  const size_t before = out->size();
  for (auto it = Find(from); it != events_.end(); ++it) {
    const bool full = out->size() - before >= max_changes || bytes >= max_bytes;
    if (full && (*it)->revision() != last) break;
    last = (*it)->revision();
    bytes += (*it)->bytes();
    out->push_back(*it);
  }
  return last;
}

}  // namespace keelson::server
