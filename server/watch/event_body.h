// The events that a watcher gets of a batch as bytes, made in steps of bounded work: one revision
// may hold a million of them, and none is split over responses unless its client asked for that.
//
//   Gather: encode what passes the filters --> Join: one run of bytes, or parts of limited size
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/watch/watch_event.h"
#include "server/watch/watch_response.h"
#include "server/watch/watcher.h"

namespace keelson::server {

struct EventBody {
  using Part = std::shared_ptr<const std::string>;
  std::vector<Part> parts;  // one response each; empty if no event passes
  size_t count = 0;
  int64_t first_revision = 0;
  int64_t last_revision = 0;
};

// Loop thread only.
class EventBodyMaker {
 public:
  struct Limits {
    // A watcher that takes fragments gets responses below it where that is possible.
    size_t fragment_bytes = 0;
    // The least revision in the header of its responses.
    int64_t header_revision = 0;
    HeaderIds ids = {};
  };

  // Of `hits` (positions in `events`) those from `first` on. Both outlive the maker and stay.
  EventBodyMaker(const std::vector<WatchEventPtr>& events, const std::vector<uint32_t>& hits,
                 size_t first, const Watcher& watcher, const Limits& limits);

  // Whether it makes the very body that `watcher` gets of the hits from `first` on.
  bool IsFor(size_t first, const Watcher& watcher) const;

  // Works until it is done (true) or `*units` are used up. Then Take gives the body, once.
  bool Step(int64_t* units);
  EventBody Take() { return std::move(body_); }

 private:
  bool Gather(int64_t* units);
  void BeginJoin();
  bool Join(int64_t* units);
  void EndPart();

  const std::vector<WatchEventPtr>& events_;
  const std::vector<uint32_t>& hits_;
  const size_t first_;
  const Watcher form_;  // the flags and the id of whom it is made for
  const Limits limits_;

  size_t gathered_ = 0;  // hits before it
  std::vector<const EventBody::Part*> elements_;
  size_t size_ = 0;  // of the elements

  bool joining_ = false;
  size_t part_limit_ = SIZE_MAX;
  size_t joined_ = 0;  // elements before it
  std::string part_;
  EventBody body_;
};

}  // namespace keelson::server
