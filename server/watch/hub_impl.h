// The hub's own state: streams, where each of their watchers is, and whose turn it is.
//
//                    Create (start is new)
//                  +------------------------> live --------+
//   create request |          JoinLive          ^          | FellBehind (slow reader)
//                  |   +------------------------+          v
//                  +---+-----> waiting --FormGroups--> group
//        Create (start is old)    ^                        |
//                                 +------------------------+ FellBehind, Disband
//   Leaves from any place: Cancel, Close, CancelCompacted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "server/watch/batch.h"
#include "server/watch/event_feed.h"
#include "server/watch/progress.h"
#include "server/watch/watch_hub.h"
#include "server/watch/watch_stream.h"

namespace keelson::server {

class WatchHub::Impl final : public Batch::Receiver {
 public:
  Impl(Environment environment, WatchOptions options, int64_t revision, int64_t compact_revision);
  ~Impl() override;

  void Publish(std::span<const storage::Change> changes, int64_t revision);
  void OnCompacted(int64_t compact_revision);
  void ResetStore(int64_t revision, int64_t compact_revision);
  void Deliver();
  WatchCounters counters() const;

  // hub_requests.cc
  StreamId Open(std::shared_ptr<WatchSink> sink, bool require_leader);
  void Close(StreamId stream);
  void Create(StreamId stream, WatchRequestCreate request);
  void Refuse(StreamId stream, const std::string& reason);
  void Cancel(StreamId stream, int64_t watch_id);
  void RequestProgress(StreamId stream);
  void OnWritable(StreamId stream);
  void EndIf(const absl::Status& status, bool only_those_that_require_a_leader);

  void FellBehind(Watcher* watcher, int64_t revision) override;

 private:
  using Group = std::shared_ptr<WatchGroup>;

  Random Priorities() const {
    return [this] { return environment_.random(); };
  }
  // Calls Deliver in a later turn.
  void Schedule();

  WatchStream* Find(StreamId stream);
  void AddWatcher(WatchStream* stream, const WatchRequestCreate& request, storage::KeyRange range,
                  int64_t id);
  void SendControl(WatchStream* stream, WatchResponseHead head);
  // Takes a watcher out of where it is and forgets it.
  void Drop(Watcher* watcher);
  void SendCompacted(WatchStream* stream, int64_t watch_id);

  // hub_catch_up.cc: those who are behind.
  void AddWaiting(Watcher* watcher, storage::KeyRange range);
  storage::KeyRange TakeWaiting(Watcher* watcher);
  void Enqueue(WatchStream* stream);
  bool RunGroups(int64_t* units);
  bool AfterAdvance(const Group& group, EventFeed::State state);
  void FormGroups();
  std::vector<Watcher*> Candidates();
  bool HasRoomFor(bool in_ring) const;
  void JoinLive(const Group& group);
  void Disband(const Group& group);
  void CancelCompacted(const Group& group);
  void Fail(const Group& group);

  bool RunLive(int64_t* units);
  // Cancels live watchers that the compaction overtook, in steps; true when done.
  bool SweepLive(int64_t* units);

  const Environment environment_;
  const WatchOptions options_;
  const std::shared_ptr<Impl*> self_;  // callbacks hold it weakly
  bool scheduled_ = false;

  absl::btree_map<StreamId, std::unique_ptr<WatchStream>> streams_;
  StreamId last_stream_ = 0;
  size_t watchers_ = 0;
  size_t behind_ = 0;

  EventFeed feed_;
  Group live_;
  std::deque<Group> groups_;    // those whose turn is next come first
  std::deque<StreamId> queue_;  // streams with waiting watchers that can take events
  // How far SweepLive came: a stream and a watch id.
  std::optional<std::pair<StreamId, int64_t>> sweep_;
  int64_t sweep_floor_ = 0;

  ProgressTeller progress_;
};

}  // namespace keelson::server
