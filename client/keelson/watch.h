// Watching keys change: every change once, in order, over the failure of any member.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/keelson/key_range.h"
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

  // The client stops reading, which holds the server back, while more events than this wait for
  // Next.
  size_t max_buffered_events = 10000;

  // Both run on the client's own thread: they must not block, nor make blocking calls.
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

// Changes of one target, whole revisions in order. Without events it is a progress mark: everything
// up to header.revision has been delivered.
struct WatchBatch {
  static constexpr size_t kAllTargets = static_cast<size_t>(-1);

  Header header = {};
  size_t target = 0;  // index into the targets; kAllTargets for an answer to RequestProgress
  std::vector<WatchEvent> events = {};

  bool is_progress() const { return events.empty(); }
};

// A running watch. When its stream breaks it goes on at another member from the revision after the
// last one seen: nothing is missed or repeated. Thread-safe; destruction cancels.
//
// Order holds within a target. A watch ends by itself only when it can't keep that promise
// (OutOfRange: the revisions it needs were compacted away, see compact_revision()) or is refused.
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
  // failure is the end, and repeats: Cancelled after Cancel(), or why the watch can't go on.
  absl::StatusOr<WatchBatch> Next(absl::Duration timeout = absl::InfiniteDuration());

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
