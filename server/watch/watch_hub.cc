#include "server/watch/watch_hub.h"

#include <utility>

#include "server/apply/errors.h"
#include "server/watch/hub_impl.h"

namespace keelson::server {
namespace {

// Progress is told also in turns that have no time left.
constexpr int64_t kUnitsForProgress = 100;

}  // namespace

WatchHub::Impl::Impl(Environment environment, WatchOptions options, int64_t revision,
                     int64_t compact_revision)
    : environment_(std::move(environment)),
      options_(options),
      self_(std::make_shared<Impl*>(this)),
      feed_(environment_, options_, revision, compact_revision, [this] { Schedule(); }),
      live_(std::make_shared<WatchGroup>(/*is_live=*/true, revision + 1, Priorities())),
      progress_(environment_, options_.progress_interval, &streams_, [this] { Schedule(); }) {}

WatchHub::Impl::~Impl() = default;

void WatchHub::Impl::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  environment_.loop.Post([weak = std::weak_ptr<Impl*>(self_)] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    (*self)->scheduled_ = false;
    (*self)->Deliver();
  });
}

void WatchHub::Impl::Publish(std::span<const storage::Change> changes, int64_t revision) {
  if (changes.empty() && revision == feed_.published()) return;
  feed_.Publish(changes, revision, /*wanted=*/watchers_ > 0);
  if (watchers_ > 0) Schedule();
}

void WatchHub::Impl::OnCompacted(int64_t compact_revision) {
  feed_.OnCompacted(compact_revision);
  if (watchers_ > 0) Schedule();
}

void WatchHub::Impl::ResetStore(int64_t revision, int64_t compact_revision) {
  feed_.ResetStore(revision, compact_revision);
  Schedule();
}

void WatchHub::Impl::Deliver() {
  auto units = static_cast<int64_t>(options_.units_per_turn);
  // Those who are behind get their share also when the live ones could use all of the turn.
  const int64_t reserved = groups_.empty() && queue_.empty() ? 0 : units / 4;
  units -= reserved;
  bool more = RunLive(&units);
  units += reserved;
  if (RunGroups(&units)) more = true;
  const bool at_boundary = live_->batch == nullptr && !sweep_;
  int64_t telling = units / 2 + kUnitsForProgress;
  if (progress_.Run(live_->EverythingSentBelow(), at_boundary, &telling)) more = true;
  if (more) Schedule();
}

bool WatchHub::Impl::RunLive(int64_t* units) {
  for (;;) {
    if (sweep_ && !SweepLive(units)) return true;
    switch (feed_.Advance(live_, feed_.published() + 1, units, this)) {
      case EventFeed::State::kMore:
        return true;
      case EventFeed::State::kCaughtUp:
      case EventFeed::State::kReading:
      case EventFeed::State::kTurnOver:
        return false;
      case EventFeed::State::kCompacted:
        sweep_ = {0, 0};
        sweep_floor_ = feed_.compacted();
        break;
      case EventFeed::State::kFailed:
        Fail(live_);
        return false;
    }
  }
}

WatchCounters WatchHub::Impl::counters() const {
  return {.streams = streams_.size(),
          .watchers = watchers_,
          .slow_watchers = behind_,
          .events_total = feed_.events_sent(),
          .pending_events = feed_.CountFrom(live_->next)};
}

WatchHub::WatchHub(Environment environment, WatchOptions options, int64_t revision,
                   int64_t compact_revision)
    : impl_(std::make_unique<Impl>(std::move(environment), options, revision, compact_revision)) {}
WatchHub::~WatchHub() = default;

void WatchHub::Publish(std::span<const storage::Change> changes, int64_t revision) {
  impl_->Publish(changes, revision);
}
void WatchHub::OnCompacted(int64_t revision) { impl_->OnCompacted(revision); }
void WatchHub::ResetStore(int64_t revision, int64_t compact_revision) {
  impl_->ResetStore(revision, compact_revision);
}
void WatchHub::Deliver() { impl_->Deliver(); }
void WatchHub::OnNoLeaderFor3Timeouts() { impl_->EndIf(errors::NoLeader(), true); }
void WatchHub::EndAll(const absl::Status& status) { impl_->EndIf(status, false); }
WatchCounters WatchHub::counters() const { return impl_->counters(); }
WatchHub::StreamId WatchHub::Open(std::shared_ptr<WatchSink> sink, bool require_leader) {
  return impl_->Open(std::move(sink), require_leader);
}
void WatchHub::Close(StreamId stream) { impl_->Close(stream); }
void WatchHub::Create(StreamId stream, WatchRequestCreate request) {
  impl_->Create(stream, std::move(request));
}
void WatchHub::Refuse(StreamId stream, const std::string& reason) { impl_->Refuse(stream, reason); }
void WatchHub::Cancel(StreamId stream, int64_t watch_id) { impl_->Cancel(stream, watch_id); }
void WatchHub::RequestProgress(StreamId stream) { impl_->RequestProgress(stream); }
void WatchHub::OnWritable(StreamId stream) { impl_->OnWritable(stream); }

}  // namespace keelson::server
