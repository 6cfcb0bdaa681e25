// A run of events on its way to the watchers of one index: first matched, then sent, both in steps
// of bounded work. Between two steps watchers may come and go.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/watch/event_body.h"
#include "server/watch/range_index.h"
#include "server/watch/watch_event.h"
#include "server/watch/watch_response.h"
#include "server/watch/watcher.h"

namespace keelson::server {

// Loop thread only.
class Batch {
 public:
  class Receiver {
   public:
    virtual ~Receiver() = default;
    // The watcher's stream takes no more: it missed everything from `revision` on. The receiver
    // takes it out of its index.
    virtual void FellBehind(Watcher* watcher, int64_t revision) = 0;
  };

  struct Options {
    int64_t last_revision = 0;    // the batch is whole up to here
    int64_t header_revision = 0;  // of every response; 0: of the last event in the response
    size_t fragment_bytes = 0;
    HeaderIds ids = {};
  };

  // `events` are whole revisions, in order, none above `last_revision`. The index and the receiver
  // outlive the batch; no other batch runs on the index.
  Batch(std::vector<WatchEventPtr> events, Options options, RangeIndex* index, Receiver* receiver);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Works until it is done (true) or `*units` are used up.
  bool Step(int64_t* units);

  int64_t first_revision() const { return first_revision_; }
  uint64_t events_sent() const { return events_sent_; }

  // Gives the events away: freeing very many takes time. REQUIRES: Step returned true.
  std::vector<WatchEventPtr> TakeEvents();

 private:
  bool Match(int64_t* units);
  bool Flush(RangeNode* node, int64_t* units);
  void Release(RangeNode* node);
  // What a watcher gets; null while that is not whole yet. Valid until the next call.
  const EventBody* BodyFor(RangeNode* node, size_t first_hit, const Watcher& watcher,
                           int64_t* units);
  void MissedFrom(const RangeNode& node, size_t first_hit, Watcher* watcher);
  void Deliver(const EventBody& body, Watcher* watcher);

  std::vector<WatchEventPtr> events_;
  const Options options_;
  RangeIndex* const index_;
  Receiver* const receiver_;
  int64_t first_revision_ = 0;
  size_t matched_ = 0;               // events before it are matched
  std::vector<RangeNode*> touched_;  // nodes with hits, in the order of their first
  size_t flushed_ = 0;               // nodes before it are done
  // Of the node that is being flushed, for those who want all hits.
  std::array<std::optional<EventBody>, Watcher::kVariants> bodies_;
  EventBody own_;                          // of a watcher that does not want all hits
  std::unique_ptr<EventBodyMaker> maker_;  // of what is not whole yet
  uint64_t events_sent_ = 0;
};

}  // namespace keelson::server
