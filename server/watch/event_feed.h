// Feeds groups of watchers with events, from the ring of recent ones or from the store's history.
//
//               +------------------------ batch ------------------------+
//               | in the ring: TakeFromRing                             | Batch::Step is done
//   Advance --> at a position --> below the ring: StartRead --> reading | OnRead
//               |                                                       v
//               +--> caught up, compacted or failed: the caller's turn <-
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "server/node/seams.h"
#include "server/watch/batch.h"
#include "server/watch/event_ring.h"
#include "server/watch/range_index.h"
#include "server/watch/watch_hub.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

// Watchers that read the same run of events: all live ones, or some that are behind.
struct WatchGroup {
  WatchGroup(bool is_live, int64_t position, Random random)
      : live(is_live), next(position), index(std::move(random)) {}

  // Every member has all below it that is not in the batch in progress.
  int64_t EverythingSentBelow() const { return batch ? batch->first_revision() : next; }

  const bool live;
  int64_t next;  // the first revision that is in no batch yet
  RangeIndex index;
  std::unique_ptr<Batch> batch;
  std::shared_ptr<storage::HistoryCursor> cursor;  // open while the history is being read
  bool reading = false;                            // a slice of it is being read off the loop
  size_t slices = 0;                               // of history, read so far
  absl::Status error;                              // of the last slice
};

// Loop thread only.
class EventFeed {
 public:
  enum class State {
    kMore,       // out of units
    kCaughtUp,   // the group has everything below `until`
    kReading,    // waits for the history; `wake` comes
    kTurnOver,   // a group that is behind has read its share of history for now
    kCompacted,  // members behind compacted() can't go on
    kFailed,     // the history can't be read: WatchGroup::error
  };

  // `environment` outlives the feed. `wake` is called when a group can go on after kReading.
  EventFeed(const WatchHub::Environment& environment, const WatchOptions& options, int64_t revision,
            int64_t compact_revision, std::function<void()> wake);

  // `wanted`: somebody may want to read them from the ring. Very many at once are left out of it.
  void Publish(std::span<const storage::Change> changes, int64_t revision, bool wanted);
  void OnCompacted(int64_t compact_revision);
  void ResetStore(int64_t revision, int64_t compact_revision);

  // Takes the group on, to `until` (exclusive) at least where that is possible.
  State Advance(const std::shared_ptr<WatchGroup>& group, int64_t until, int64_t* units,
                Batch::Receiver* receiver);

  // Moves a live group that has no members past everything published: nobody misses it.
  void SkipIfIdle(WatchGroup* group) const;

  int64_t published() const { return published_; }
  int64_t compacted() const { return compacted_; }
  bool InRing(int64_t revision) const { return revision >= ring_.base(); }
  size_t CountFrom(int64_t revision) const { return ring_.CountFrom(revision); }
  uint64_t events_sent() const { return events_sent_; }

 private:
  struct Read;

  State Start(const std::shared_ptr<WatchGroup>& group, Batch::Receiver* receiver);
  void TakeFromRing(WatchGroup* group, Batch::Receiver* receiver);
  absl::Status OpenCursor(WatchGroup* group, const storage::ReadView& view);
  void StartRead(const std::shared_ptr<WatchGroup>& group, Batch::Receiver* receiver);
  void OnRead(WatchGroup* group, Read* read, Batch::Receiver* receiver);
  void Discard(std::unique_ptr<Batch> batch);
  void MakeBatch(WatchGroup* group, std::vector<WatchEventPtr> events, bool from_ring,
                 Batch::Receiver* receiver);

  const WatchHub::Environment& environment_;
  const WatchOptions options_;
  const std::function<void()> wake_;
  int64_t published_;
  int64_t compacted_;
  EventRing ring_;
  uint64_t events_sent_ = 0;
};

}  // namespace keelson::server
