#include "server/watch/progress.h"

#include <algorithm>
#include <utility>

namespace keelson::server {
namespace {

constexpr Duration kShortestInterval = std::chrono::milliseconds(100);

// Whether everything below `sent_below` includes the revision from which this watcher counts.
bool HasReachedStart(const Watcher& watcher, int64_t sent_below) {
  return watcher.starts_later ? watcher.next < sent_below : watcher.next <= sent_below;
}

}  // namespace

ProgressTeller::ProgressTeller(const WatchHub::Environment& environment, Duration interval,
                               const Streams* streams, std::function<void()> wake)
    : environment_(environment),
      interval_(std::max(interval, kShortestInterval)),
      streams_(streams),
      wake_(std::move(wake)) {
  StartTimer();
}

ProgressTeller::~ProgressTeller() { environment_.loop.Cancel(timer_); }

void ProgressTeller::StartTimer() {
  const auto jitter = static_cast<int64_t>(environment_.random() % (interval_.count() / 10 + 1));
  timer_ = environment_.loop.After(interval_ + Duration(jitter), [this] {
    tick_ = true;
    told_ = 0;
    StartTimer();
    wake_();
  });
}

void ProgressTeller::Request(WatchHub::StreamId stream, int64_t revision) {
  requests_.push_back({.stream = stream, .revision = revision});
  wake_();
}

bool ProgressTeller::Run(int64_t sent_below, bool at_boundary, int64_t* units) {
  while (at_boundary && !requests_.empty() && requests_.front().revision < sent_below) {
    if (*units <= 0) return true;
    const auto found = streams_->find(requests_.front().stream);
    requests_.pop_front();
    if (found == streams_->end()) continue;
    *units -= static_cast<int64_t>(1 + found->second->watchers.size() / 16);
    Answer(*found->second, sent_below);
  }
  while (tick_) {
    if (*units <= 0) return true;
    --*units;
    const auto next = streams_->upper_bound(told_);
    if (next == streams_->end()) {
      tick_ = false;
    } else {
      told_ = next->first;
      Notify(next->second.get(), sent_below, units);
    }
  }
  return false;
}

void ProgressTeller::Answer(const WatchStream& stream, int64_t sent_below) {
  // A watcher that is not as far as the answer says makes it a lie: the client asks again.
  if (stream.watchers.empty() || stream.behind > 0) return;
  for (const auto& [id, watcher] : stream.watchers) {
    if (!HasReachedStart(*watcher, sent_below)) return;
  }
  stream.sink->Send(
      {.head = Encode(
           {.ids = environment_.header(), .revision = sent_below - 1, .watch_id = kNoWatchId}),
       .tail = nullptr});
}

void ProgressTeller::Notify(WatchStream* stream, int64_t sent_below, int64_t* units) {
  if (stream->notified == 0 || !stream->sink->Writable()) return;
  for (auto& [id, watcher] : stream->watchers) {
    if (!watcher->notify) continue;
    const bool quiet = !watcher->had_events;
    watcher->had_events = false;
    if (!quiet || watcher->place != Watcher::Place::kLive) continue;
    if (!HasReachedStart(*watcher, sent_below)) continue;
    stream->sink->Send(
        {.head = Encode(
             {.ids = environment_.header(), .revision = sent_below - 1, .watch_id = watcher->id}),
         .tail = nullptr});
    --*units;
  }
}

}  // namespace keelson::server
