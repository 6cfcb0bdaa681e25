#include "server/watch/event_feed.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "server/watch/key_filter.h"

namespace keelson::server {
namespace {

// Slices of history that a group reads before the others get their turn.
constexpr size_t kSlicesPerTurn = 64;

// Changes that may become events on the loop at once, and events that may be freed there.
constexpr size_t kManyChanges = 10'000;

}  // namespace

// One slice of history on its way from the runner.
struct EventFeed::Read {
  std::shared_ptr<storage::HistoryCursor> cursor;
  storage::SliceBudget budget;
  std::vector<WatchEventPtr> events;
  absl::Status status;
};

EventFeed::EventFeed(const WatchHub::Environment& environment, const WatchOptions& options,
                     int64_t revision, int64_t compact_revision, std::function<void()> wake)
    : environment_(environment),
      options_(options),
      wake_(std::move(wake)),
      published_(revision),
      compacted_(compact_revision),
      ring_(options.ring_bytes, revision + 1) {}

void EventFeed::Publish(std::span<const storage::Change> changes, int64_t revision, bool wanted) {
  KEELSON_CHECK(revision >= published_, "the store's revision never goes back");
  // Very many are read from the history, beside the loop.
  if (wanted && changes.size() <= kManyChanges) {
    int64_t last = published_;
    for (WatchEventPtr& event : MakeWatchEvents({changes.begin(), changes.end()})) {
      const int64_t at = event->revision();
      KEELSON_CHECK(at == last + 1 || (at == last && last > published_),
                    "revisions are published whole, in order and without a gap");
      last = at;
      ring_.Append(std::move(event));
    }
    KEELSON_CHECK(last == revision, "every revision of a batch is published");
    ring_.Trim();
  } else {
    ring_.Reset(revision + 1);
  }
  published_ = revision;
}

void EventFeed::OnCompacted(int64_t compact_revision) {
  compacted_ = std::max(compacted_, compact_revision);
}

void EventFeed::ResetStore(int64_t revision, int64_t compact_revision) {
  KEELSON_CHECK(revision >= published_, "an installed snapshot is not older than the store");
  published_ = revision;
  OnCompacted(compact_revision);
  ring_.Reset(revision + 1);
}

EventFeed::State EventFeed::Advance(const std::shared_ptr<WatchGroup>& group, int64_t until,
                                    int64_t* units, Batch::Receiver* receiver) {
  for (;;) {
    if (group->batch != nullptr) {
      const uint64_t before = group->batch->events_sent();
      const bool done = group->batch->Step(units);
      events_sent_ += group->batch->events_sent() - before;
      if (!done) return State::kMore;
      Discard(std::move(group->batch));
    }
    if (group->reading) return State::kReading;
    if (!group->error.ok()) return State::kFailed;
    SkipIfIdle(group.get());
    if (group->next >= until) {
      group->cursor.reset();
      return State::kCaughtUp;
    }
    if (*units <= 0) return State::kMore;
    const State state = Start(group, receiver);
    if (state != State::kMore) return state;
  }
}

void EventFeed::SkipIfIdle(WatchGroup* group) const {
  if (!group->live || !group->index.empty() || group->batch != nullptr || group->reading) return;
  group->next = std::max(group->next, published_ + 1);
}

EventFeed::State EventFeed::Start(const std::shared_ptr<WatchGroup>& group,
                                  Batch::Receiver* receiver) {
  if (InRing(group->next)) {
    group->cursor.reset();
    TakeFromRing(group.get(), receiver);
    return State::kMore;
  }
  if (!group->live && group->slices >= kSlicesPerTurn) return State::kTurnOver;
  if (group->cursor == nullptr) {
    const storage::ReadViewPtr view = environment_.view();
    OnCompacted(view->compact_revision());
    if (group->next < compacted_) return State::kCompacted;
    group->error = OpenCursor(group.get(), *view);
    if (!group->error.ok()) return State::kFailed;
  }
  StartRead(group, receiver);
  return State::kReading;
}

void EventFeed::TakeFromRing(WatchGroup* group, Batch::Receiver* receiver) {
  std::vector<WatchEventPtr> events;
  const int64_t last =
      ring_.Take(group->next, options_.batch_changes, options_.batch_bytes, &events);
  KEELSON_CHECK(!events.empty(), "the ring has every published revision from its base on");
  group->next = last + 1;
  MakeBatch(group, std::move(events), /*from_ring=*/true, receiver);
}

absl::Status EventFeed::OpenCursor(WatchGroup* group, const storage::ReadView& view) {
  storage::ReadView::KeyFilter wanted;
  // Watchers join the live group at any time, so it reads everything.
  if (!group->live) {
    std::vector<storage::KeyRange> ranges;
    group->index.ForEachNode([&](RangeNode* node) { ranges.push_back(node->range); });
    wanted = MakeKeyFilter(std::move(ranges));
  }
  auto cursor = view.History(group->next, std::move(wanted));
  if (!cursor.ok()) return cursor.status();
  group->cursor = *std::move(cursor);
  return absl::OkStatus();
}

void EventFeed::StartRead(const std::shared_ptr<WatchGroup>& group, Batch::Receiver* receiver) {
  auto read = std::make_shared<Read>();
  read->cursor = group->cursor;
  // No limit of time: it would make the slices differ from run to run.
  read->budget = {
      .max_keys = options_.batch_changes, .max_bytes = options_.batch_bytes, .max_micros = 0};
  group->reading = true;
  ++group->slices;
  // Groups live no longer than the hub, so a group that is there means that all the rest is.
  environment_.runner.Run(
      Runner::Lane::kRead,
      [read] {
        std::vector<storage::Change> changes;
        read->status = read->cursor->Next(read->budget, &changes);
        // Here, since one revision may be very many.
        if (read->status.ok()) read->events = MakeWatchEvents(std::move(changes));
      },
      [this, read, receiver, weak = std::weak_ptr<WatchGroup>(group)] {
        if (const auto alive = weak.lock()) OnRead(alive.get(), read.get(), receiver);
      });
}

void EventFeed::OnRead(WatchGroup* group, Read* read, Batch::Receiver* receiver) {
  group->reading = false;
  group->error = read->status;
  if (group->error.ok()) {
    std::vector<WatchEventPtr> events = std::move(read->events);
    KEELSON_CHECK(events.empty() || events.front()->revision() >= group->next,
                  "history never goes back");
    group->next = std::max(group->next, read->cursor->reached() + 1);
    if (read->cursor->done()) group->cursor.reset();
    if (!events.empty()) MakeBatch(group, std::move(events), /*from_ring=*/false, receiver);
  }
  wake_();
}

void EventFeed::Discard(std::unique_ptr<Batch> batch) {
  std::vector<WatchEventPtr> events = batch->TakeEvents();
  if (events.size() <= kManyChanges) return;
  environment_.runner.Run(
      Runner::Lane::kRead, [events = std::move(events)]() mutable { events.clear(); }, [] {});
}

void EventFeed::MakeBatch(WatchGroup* group, std::vector<WatchEventPtr> events, bool from_ring,
                          Batch::Receiver* receiver) {
  // Live events state their own revision, those of a catch-up the store's.
  const bool own_revision = group->live && from_ring;
  group->batch =
      std::make_unique<Batch>(std::move(events),
                              Batch::Options{.last_revision = group->next - 1,
                                             .header_revision = own_revision ? 0 : published_,
                                             .fragment_bytes = options_.fragment_bytes,
                                             .ids = environment_.header()},
                              &group->index, receiver);
}

}  // namespace keelson::server
