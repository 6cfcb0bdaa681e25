// Watching keys change: every change once, in order, over the failure of any member.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/future.h"
#include "client/keelson/key_range.h"
#include "client/keelson/read.h"
#include "client/keelson/types.h"

namespace keelson::client {

namespace internal {
class Core;
class WatchSession;
struct View;
}  // namespace internal

struct WatchTarget {
  KeyRange range;
  // The first revision to deliver, past ones included; 0 for the next change.
  int64_t start_revision = 0;
};

struct WatchOptions {
  bool prev_kv = false;          // give the pair before each change
  bool progress_notify = false;  // deliver the server's progress marks as empty batches
  bool no_put = false;           // leave puts out
  bool no_delete = false;        // leave deletions out

  // What happens while more events than this wait for Next.
  size_t max_buffered_events = 10000;
  enum class Overflow {
    kHoldBack,  // the client stops reading, which holds the server back
    kResync,    // what waits is dropped and the watch begins anew from the state, as with `resync`
    kFail,      // the watch ends with ResourceExhausted, after what waits
  };
  Overflow overflow = Overflow::kHoldBack;

  // A watch that lost its place, because the history that it needs was compacted away, does not
  // end: it gives the state of its target as it is now, between two marks (WatchBatch::Kind), and
  // goes on with the change after it. It remembers the keys that it has given, so it costs memory
  // for each. Not with `no_put` or `no_delete`.
  bool resync = false;
  // The watch begins in the same way: first the state, then every change from it on. For targets
  // without a start_revision; implies `resync`.
  bool initial_state = false;

  // Asks Keelson members to say in progress marks how old they are (WatchBatch::freshness).
  bool freshness = false;
  // Leaves a member whose state may be older for another one when the watch begins or when a
  // progress mark would say so. Implies `freshness`; an etcd member takes no notice.
  std::optional<absl::Duration> max_age = {};
  // Stays with a member that has no leader, where else the watch looks for one that has. A state
  // (see `resync`) may be read as with ReadOptions::stale_ok.
  bool stale_ok = false;

  // Both run on the client's own thread: they must not block, make blocking calls, nor throw. None
  // begins after Cancel(), or runs once the watcher is destroyed: that waits for one that runs,
  // unless it is what destroys it. So hold no lock there that they need.
  // After Next got something to return.
  std::function<void()> on_available = {};
  // When the stream broke and is about to be resumed elsewhere; for logs.
  std::function<void(const absl::Status&)> on_interrupted = {};
};

struct WatchEvent {
  enum class Type { kPut, kDelete };

  Type type = Type::kPut;
  KeyValue kv = {};                      // a deletion has only the key and mod_revision
  std::optional<KeyValue> prev_kv = {};  // if asked for; absent on creation and when compacted away

  bool is_create() const { return type == Type::kPut && kv.create_revision == kv.mod_revision; }
};

// Something that the watch has to say of a target. Changes come as whole revisions, in order.
struct WatchBatch {
  static constexpr size_t kAllTargets = static_cast<size_t>(-1);

  enum class Kind {
    kChanges,   // what happened
    kProgress,  // everything up to header.revision has been delivered
    // With WatchOptions::resync. From kResyncBegin to kResyncEnd the events are no changes but the
    // state of the target as of header.revision: a put for each pair there is, a deletion for each
    // key given before that is gone. So what is held of the target and not named by a put in
    // between is gone. After kResyncEnd come the changes from the next revision on. A further
    // kResyncBegin before the end begins the whole anew.
    kResyncBegin,
    kResyncState,
    kResyncEnd,
  };

  Header header = {};
  size_t target = 0;  // index into the targets; kAllTargets for an answer to RequestProgress
  std::vector<WatchEvent> events = {};
  Kind kind = Kind::kChanges;
  // Of the answer to RequestProgress with WatchOptions::freshness: how old what was delivered may
  // be.
  Freshness freshness = {};

  bool is_progress() const { return kind == Kind::kProgress; }
};

// A running watch. When its stream breaks it goes on at another member from the revision after the
// last one seen: nothing is missed or repeated. Thread-safe; destruction cancels.
//
// Order holds within a target. A watch ends by itself only when it can't keep that promise or is
// refused. OutOfRange: the revisions it needs were compacted away, see compact_revision().
// FailedPrecondition: the cluster has begun anew, as after a restore from a backup; all members
// belong to another cluster than before, or a quorum has not come so far as they told once. With
// WatchOptions::resync it goes on in both cases, from the state.
class Watcher {
 public:
  // REQUIRES: `targets` is not empty. Without a `view`: the whole store.
  static std::unique_ptr<Watcher> Start(std::shared_ptr<internal::Core> core,
                                        std::vector<WatchTarget> targets, WatchOptions options,
                                        std::shared_ptr<const internal::View> view = nullptr);
  explicit Watcher(std::shared_ptr<internal::WatchSession> session);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // The next batch. DeadlineExceeded if none came within `timeout`: the watch goes on. Any other
  // failure is the end, and repeats: Cancelled after Cancel(), or why the watch can't go on. (But
  // on the client's own thread, where nothing may wait, a wait is FailedPrecondition at once.)
  absl::StatusOr<WatchBatch> Next(absl::Duration timeout = absl::InfiniteDuration());

  // The same, without waiting; one at a time, not beside Next. Ends with the watch at the latest;
  // Cancelled, the batch being left to the next, by Future::Cancel or a further NextAsync. A future
  // that is destroyed takes its batch with it.
  Future<WatchBatch> NextAsync();

  // Waits until the cluster has accepted all targets. Then the store's revision at that moment (of
  // the last target): changes after it will be delivered.
  absl::StatusOr<int64_t> WaitReady(absl::Duration timeout);

  // Asks for a progress mark over all targets; one comes as a batch, if all are up to date.
  void RequestProgress();

  // Ends the watch; what was not taken by Next is dropped.
  void Cancel();

  // The store's compaction revision when the watch ended with OutOfRange, else 0.
  int64_t compact_revision() const;

 private:
  std::shared_ptr<internal::WatchSession> session_;
};

}  // namespace keelson::client
