// One watch over the life of its streams: which revision comes next for each target, and how to go
// on after a failure.
//
//   Begin() --initial_state--> resyncing
//      |
//   opening --Open()--> creating --all created: OnCreated()--> running
//      ^                   |                                      |
//      |                   +--OnEnd() or OnCreateTimeout()--------+--OnEnd()
//      +------backoff: Resume()-----------------------------------+
//   creating, running --LosePlace(): compacted, overflow, another cluster--> resyncing
//   resyncing --OnPage(), the last--> opening
//   any state --Fail(): refused, or a lost place without resync; Stop()--> stopped
//
// Resyncing reads the lost targets one after the other, page by page, at one revision each.
//
// Invariants: no event with a revision below its target's next_revision is delivered (nothing
// twice); every stream starts each target at exactly next_revision (nothing missed); `known` holds
// every key of which a put was delivered, or waits to be, and no deletion was.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/keelson/internal/callback_gate.h"
#include "client/keelson/internal/core.h"
#include "client/keelson/internal/view.h"
#include "client/keelson/internal/watch_queue.h"
#include "client/keelson/range_reader.h"
#include "client/keelson/watch.h"
#include "proto/etcd/rpc.pb.h"

namespace keelson::client::internal {

class WatchSession : public std::enable_shared_from_this<WatchSession> {
 public:
  WatchSession(std::shared_ptr<Core> core, std::vector<WatchTarget> targets, WatchOptions options,
               ViewPtr view);

  // Thread-safe:
  // -----------------------------------------------------------------------------------
  void Start();
  void Stop();
  // Stop(); no callback runs any more when it returns, but for that which calls it.
  void Close();
  void RequestProgress();
  absl::StatusOr<WatchBatch> Next(absl::Duration timeout);
  Future<WatchBatch> NextAsync();
  absl::StatusOr<int64_t> WaitReady(absl::Duration timeout);
  int64_t compact_revision() const { return compact_revision_.load(std::memory_order_acquire); }

 private:
  struct TargetState {
    KeyRange named;         // in the view's names
    KeyRange range;         // in the store's names
    int64_t next_revision;  // 0: whatever comes after the server's answer to the creation
    bool created = false;   // on the present stream
    std::set<std::string> known = {};  // with resync: the keys given
  };

  // On the client's thread:
  // ------------------------------------------------------------------------
  void Begin();
  void Open();
  void SendCreate(size_t target);
  void OnMessage(uint64_t generation, const std::string& bytes);
  void OnEnd(uint64_t generation, const CallEnd& end);
  void OnCreateTimeout();
  void OnResponse(const etcdserverpb::WatchResponse& response);
  void OnCreated(const etcdserverpb::WatchResponse& response, TargetState& target);
  void OnCanceled(const etcdserverpb::WatchResponse& response);
  // Of a member of another cluster than those before.
  void OnStranger();
  void OnChanges(const etcdserverpb::WatchResponse& response, size_t index);
  void OnProgress(const etcdserverpb::WatchResponse& response);
  // Whether a member that has not come so far is behind, or the whole cluster, which then has begun
  // anew: it would say nothing until it has come so far again.
  void CheckHistory();
  void OnHistoryChecked(uint64_t generation, const absl::StatusOr<UnaryAnswer>& answer);
  // What comes has nothing to do with what was delivered.
  void LoseHistory(absl::Status why);
  void LosePlace(size_t index);
  void BeginResync();
  void FetchPage();
  void OnPage(absl::StatusOr<std::vector<KeyValue>> page);
  void OnPageFailed(const absl::Status& status);
  void DeliverState(TargetState& target, std::vector<KeyValue> page);
  void EndResync();
  void Remember(TargetState& target, const std::vector<WatchEvent>& events);
  void Deliver(WatchBatch batch);
  void OnOverflow();
  void GoOnReading();
  void Tell();
  void Await(const std::shared_ptr<FutureState<WatchBatch>>& waiter);
  // Gives the next batch to whoever awaits it.
  void HandOver();
  void Interrupted(const absl::Status& status);
  void Fail(absl::Status status);
  void CloseStream();
  bool AllCreated() const;
  bool resyncs() const;

  const std::shared_ptr<Core> core_;
  const WatchOptions options_;
  const ViewPtr view_;
  WatchQueue queue_;
  std::atomic<int64_t> compact_revision_{0};
  CallbackGate gate_;

  // The client's thread only:
  std::vector<TargetState> targets_;
  bool stopped_ = false;
  std::string endpoint_;
  uint64_t cluster_ = 0;  // whose revisions these are; 0: not known yet
  int64_t seen_ = 0;      // the highest revision that it has told
  size_t strangers_ = 0;  // streams in a row to members of another one
  std::shared_ptr<Stream> stream_;
  uint64_t generation_ = 0;  // of the present stream; events of older ones are ignored
  int failures_ = 0;         // in a row, for the backoff
  Scheduler::TimerId timer_ = Scheduler::kNoTimer;  // the create timeout, or the backoff
  bool paused_ = false;  // the queue is full; neither a Read nor a page is pending
  std::optional<Instant> progress_asked_;  // the first request on this stream without an answer
  std::deque<size_t> lost_;                // targets that lost their place; the front is being read
  std::shared_ptr<RangeReader> reader_;    // while resyncing
  std::string walked_;                     // with it: its keys up to this one are done with
  std::shared_ptr<FutureState<WatchBatch>> waiter_;  // NextAsync's
};

}  // namespace keelson::client::internal
