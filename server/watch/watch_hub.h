// Delivers the changes of the store to all watchers of this member, in order, each once.
//
// The apply step calls Publish, which only appends to a ring in memory. Deliver, at the end of a
// turn, matches new changes against the watchers and sends. Watchers that are behind (an old start
// revision, a slow reader, a snapshot install) are caught up in the background from the ring or
// from the store's history. A slow reader is never disconnected, and never makes apply wait.
//
// Everything runs on the loop thread; history is read through the runner. See README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "server/api/call.h"
#include "server/node/seams.h"
#include "server/watch/watch_response.h"
#include "storage/mvcc/read_view.h"
#include "storage/mvcc/types.h"

namespace keelson::server {

// Where a stream's responses go: the answer side of one Watch call.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  // Queues one serialized WatchResponse.
  virtual void Send(SharedBody body) = 0;
  // Whether the connection keeps up. While false the hub sends no events to this stream; it goes
  // on after WatchHub::OnWritable.
  virtual bool Writable() const = 0;
  // Ends the call. The hub has forgotten the stream and calls nothing afterwards.
  virtual void End(const absl::Status& status) = 0;
};

// A WatchCreateRequest with enums and flags taken apart; key and range_end as they came.
struct WatchRequestCreate {
  std::string key = {};
  std::string range_end = {};
  int64_t start_revision = 0;
  int64_t watch_id = 0;
  bool progress_notify = false;
  bool no_put = false;
  bool no_delete = false;
  bool prev_kv = false;
  bool fragment = false;
};

struct WatchOptions {
  // Bytes of recent events kept in memory for those who are a little behind.
  size_t ring_bytes = 32 << 20;
  // At least 100 ms. Each tick comes up to 10 % later at random.
  Duration progress_interval = std::chrono::minutes(10);
  // A response of a watcher with fragment=true is split where it would reach this
  // (max-request-bytes + 512 KiB).
  size_t fragment_bytes = (1536 << 10) + (512 << 10);
  // How much goes into one response: whole revisions until either is reached.
  size_t batch_bytes = 1 << 20;
  size_t batch_changes = 1000;
  // Watchers that are caught up together, and how many such groups run at the same time.
  size_t group_watchers = 1000;
  size_t groups = 8;
  // Work of one Deliver, in units of roughly a microsecond; the rest goes to a later turn.
  size_t units_per_turn = 2000;
};

struct WatchCounters {
  uint64_t streams = 0;
  uint64_t watchers = 0;
  uint64_t slow_watchers = 0;   // behind, and being caught up or waiting for their reader
  uint64_t events_total = 0;    // events sent, counted per watcher
  uint64_t pending_events = 0;  // published, not yet looked at for the live watchers
};

class WatchHub {
 public:
  using StreamId = uint64_t;  // never 0, never used twice

  struct Environment {
    Loop& loop;
    Runner& runner;
    Random random;
    // The store as of its last commit; history is read from it.
    std::function<storage::ReadViewPtr()> view;
    std::function<HeaderIds()> header;
  };

  // The store's revision and compaction revision. Starts the timer of progress notifications.
  WatchHub(Environment environment, WatchOptions options, int64_t revision,
           int64_t compact_revision);
  ~WatchHub();  // sinks are not ended

  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  // --- from the apply step ---

  // Takes in the changes of a committed batch: revisions ascending, each above all published
  // before, whole. `revision` is the store's revision after the batch. Never sends.
  void Publish(std::span<const storage::Change> changes, int64_t revision);

  // A compaction was applied. Watchers that still need older history are cancelled, unless the
  // ring has all of it.
  void OnCompacted(int64_t compact_revision);

  // The store was replaced by an installed snapshot; Environment::view already speaks for the new
  // one. Watchers keep their place: those behind `compact_revision` are cancelled as compacted,
  // the others go on from the new history. REQUIRES: neither revision goes back.
  void ResetStore(int64_t revision, int64_t compact_revision);

  // --- from the node ---

  // Sends what is due, within the work limit of a turn; goes on by itself in later turns. Call it
  // at the end of each turn (without it events leave one turn later).
  void Deliver();

  // No leader was known for three election timeouts: streams that require one end with
  // Unavailable "etcdserver: no leader".
  void OnNoLeaderFor3Timeouts();

  // Ends every stream with `status` (shutdown).
  void EndAll(const absl::Status& status);

  WatchCounters counters() const;

  // --- from the watch service; unknown streams are ignored ---

  StreamId Open(std::shared_ptr<WatchSink> sink, bool require_leader);
  // The call is over; nothing is sent any more.
  void Close(StreamId stream);

  void Create(StreamId stream, WatchRequestCreate request);
  // Answers a create request that may not be served: created and canceled, id -1, with `reason`.
  void Refuse(StreamId stream, const std::string& reason);
  void Cancel(StreamId stream, int64_t watch_id);
  void RequestProgress(StreamId stream);
  void OnWritable(StreamId stream);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keelson::server
