// Tells watchers how far they are when nothing happens: on a timer, and on request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "absl/container/btree_map.h"
#include "server/node/seams.h"
#include "server/watch/watch_hub.h"
#include "server/watch/watch_stream.h"

namespace keelson::server {

// Loop thread only. It only reads and marks what the hub owns.
class ProgressTeller {
 public:
  using Streams = absl::btree_map<WatchHub::StreamId, std::unique_ptr<WatchStream>>;

  // One timer serves all watchers; `environment` and `streams` outlive it; `wake` is called when
  // there is something to tell.
  ProgressTeller(const WatchHub::Environment& environment, Duration interval,
                 const Streams* streams, std::function<void()> wake);
  ~ProgressTeller();
  ProgressTeller(const ProgressTeller&) = delete;
  ProgressTeller& operator=(const ProgressTeller&) = delete;

  // The client asked; answered by Run once everything up to `revision`, the store's, is sent.
  void Request(WatchHub::StreamId stream, int64_t revision);

  // Sends what is due, given that live watchers got everything below `sent_below` (and nothing
  // above it where `at_boundary`). Returns whether units ran out.
  bool Run(int64_t sent_below, bool at_boundary, int64_t* units);

 private:
  void StartTimer();
  void Answer(const WatchStream& stream, int64_t sent_below);
  void Notify(WatchStream* stream, int64_t sent_below, int64_t* units);

  const WatchHub::Environment& environment_;
  const Duration interval_;
  const Streams* const streams_;
  const std::function<void()> wake_;
  Loop::TimerId timer_ = 0;
  struct Asked {
    WatchHub::StreamId stream = 0;
    int64_t revision = 0;
  };
  std::deque<Asked> requests_;   // unanswered, in order, hence with rising revisions
  bool tick_ = false;            // a tick is being told to the streams
  WatchHub::StreamId told_ = 0;  // up to this one
};

}  // namespace keelson::server
