// What was handed to the disk and how far the disk has confirmed it. Batches complete in order.
// Owned by the core, same thread.
#pragma once

#include <cstdint>
#include <deque>

#include "raft/ready.h"
#include "raft/types.h"

namespace keelson::raft {

class DiskQueue {
 public:
  // All of the log up to `last` and `hard` came from the disk.
  DiskQueue(HardState hard, Index last);

  // The last entry handed out; entries after it still have to be.
  Index handed() const { return handed_; }
  const HardState& handed_hard() const { return handed_hard_; }
  // The last entry confirmed that is still the log's (what was replaced since does not count).
  Index durable() const { return durable_; }
  const HardState& durable_hard() const { return durable_hard_; }
  bool idle() const { return outstanding_.empty(); }
  uint64_t last_seq() const { return last_seq_; }

  // A batch leaves. `last` is the last entry handed out with it or before. Returns its number.
  uint64_t HandOut(Index last, HardState hard, bool must_sync, uint64_t now);
  // REQUIRES: seq was handed out and not confirmed by an earlier call with a larger one.
  void Confirm(uint64_t seq);
  // Entries after `keep` are not the log's any more, wherever they are.
  void Truncate(Index keep);
  // A snapshot that ends at `last` replaced the log, durably.
  void Reset(Index last);

  // For how many ticks the oldest batch that needs a sync has been out; 0 = none.
  uint64_t StalledTicks(uint64_t now) const;

 private:
  struct Batch {
    uint64_t seq;
    Index last;
    HardState hard;
    bool must_sync;
    uint64_t handed_at;  // tick
  };

  std::deque<Batch> outstanding_;
  uint64_t last_seq_ = 0;
  uint64_t confirmed_seq_ = 0;
  Index handed_;
  Index durable_;
  HardState handed_hard_;
  HardState durable_hard_;
};

}  // namespace keelson::raft
