// The latest events, in memory and without a gap, within a limit of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "server/watch/watch_event.h"

namespace keelson::server {

// Loop thread only.
class EventRing {
 public:
  // Starts empty; everything from `next_revision` on will be in it.
  EventRing(size_t max_bytes, int64_t next_revision)
      : max_bytes_(max_bytes), base_(next_revision) {}
  ~EventRing() { Reset(base_); }
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  // REQUIRES: the revision is not below that of the event before, nor below base().
  void Append(WatchEventPtr event);

  // Drops the oldest revisions until the limit holds.
  void Trim();

  // Empties it; everything from `next_revision` on will be in it.
  void Reset(int64_t next_revision);

  // The ring has every event from this revision on.
  int64_t base() const { return base_; }
  size_t size() const { return events_.size(); }
  size_t bytes() const { return bytes_; }

  // How many events have a revision of at least `from`.
  size_t CountFrom(int64_t from) const;

  // Appends the events from `from` on to `out`: whole revisions, at least one if there is any,
  // until `max_changes` or `max_bytes` are reached. Returns the last revision taken, or from - 1.
  // REQUIRES: from >= base().
  int64_t Take(int64_t from, size_t max_changes, size_t max_bytes,
               std::vector<WatchEventPtr>* out) const;

 private:
  std::deque<WatchEventPtr>::const_iterator Find(int64_t from) const;

  const size_t max_bytes_;
  int64_t base_;
  std::deque<WatchEventPtr> events_;
  size_t bytes_ = 0;  // of all events, encoded forms included
};

}  // namespace keelson::server
