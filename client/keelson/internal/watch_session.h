// One watch over the life of its streams: which revision comes next for each target, and how to go
// on after a failure.
//
//   opening --Open()--> creating --all created: OnCreated()--> running
//      ^                   |                                      |
//      |                   +--OnEnd() or OnCreateTimeout()--------+--OnEnd()
//      +------backoff: Resume()-----------------------------------+
//   any state --Fail(): compacted or refused; Stop()--> stopped
//
// Invariants: no event with a revision below its target's next_revision is delivered (nothing
// twice); every stream starts each target at exactly next_revision (nothing missed).
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "client/keelson/internal/core.h"
#include "client/keelson/internal/view.h"
#include "client/keelson/internal/watch_queue.h"
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
  void RequestProgress();
  absl::StatusOr<WatchBatch> Next(absl::Duration timeout);
  absl::StatusOr<int64_t> WaitReady(absl::Duration timeout);
  int64_t compact_revision() const { return compact_revision_.load(std::memory_order_acquire); }

 private:
  struct TargetState {
    KeyRange range;         // in the store's names
    int64_t next_revision;  // 0: whatever comes after the server's answer to the creation
    bool created = false;   // on the present stream
  };

  // On the client's thread:
  // ------------------------------------------------------------------------
  void Open();
  void SendCreate(size_t target);
  void OnMessage(uint64_t generation, const std::string& bytes);
  void OnEnd(uint64_t generation, const CallEnd& end);
  void OnCreateTimeout();
  void OnResponse(const etcdserverpb::WatchResponse& response);
  void OnCreated(const etcdserverpb::WatchResponse& response, TargetState& target);
  void OnCanceled(const etcdserverpb::WatchResponse& response);
  void OnChanges(const etcdserverpb::WatchResponse& response, size_t index);
  void OnProgress(const etcdserverpb::WatchResponse& response);
  void Deliver(WatchBatch batch);
  void Interrupted(const absl::Status& status);
  void Fail(absl::Status status);
  void CloseStream();
  bool AllCreated() const;

  const std::shared_ptr<Core> core_;
  const WatchOptions options_;
  const ViewPtr view_;
  WatchQueue queue_;
  std::atomic<int64_t> compact_revision_{0};

  // The client's thread only:
  std::vector<TargetState> targets_;
  bool stopped_ = false;
  std::string endpoint_;
  std::shared_ptr<Stream> stream_;
  uint64_t generation_ = 0;  // of the present stream; events of older ones are ignored
  int failures_ = 0;         // in a row, for the backoff
  Scheduler::TimerId timer_ = Scheduler::kNoTimer;  // the create timeout, or the backoff
  bool paused_ = false;                             // the queue is full; no Read is pending
};

}  // namespace keelson::client::internal
