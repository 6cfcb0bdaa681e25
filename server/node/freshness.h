// How old what this member has applied may be, at most (design D5): every write that was
// acknowledged to any client before the anchor, a moment of this member's own boot-time clock, is
// applied here.
//
//   follower   stamps its answers to the leader; a stamp that comes back says up to which index the
//              log went when the leader had it, and that the leader still led thereafter. Once that
//              index is applied here, the stamp is the anchor.
//   leader     notes when a round of questions leaves and the commit index of that moment; once a
//              quorum has answered and that index is applied here, that moment is the anchor.
//
// README.md, "How old a read may be", has the argument.
//
// The anchor is never the time at which something was heard. It is unknown after a start until one
// of these has happened in this process. No clock but the own one is read, so that only its rate
// counts (kDrift). Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "raft/ready.h"
#include "raft/types.h"
#include "server/node/seams.h"

namespace keelson::server {

class Freshness {
 public:
  // The rate of a clock is off by at most one part in a thousand: a slow one shows 999 of 1000.
  static constexpr int64_t kDriftDivisor = 999;
  // What reading clocks may be off besides.
  static constexpr Duration kTick = std::chrono::milliseconds(1);

  explicit Freshness(uint64_t boot_id) : boot_id_(boot_id) {}

  // All times are nanoseconds of Loop::BootNanos.

  // A round leaves now. REQUIRES: `now` is taken before its first message is sent.
  void RoundBegan(const raft::RoundMark& mark, uint64_t now) { round_ = {mark, now}; }
  void RoundConfirmed(uint64_t round);
  // `now`: when it came.
  void Returned(const raft::FreshnessEcho& echo, uint64_t now);

  // The anchor as far as `applied`; nullopt while it is unknown. Never goes back.
  std::optional<uint64_t> Anchor(raft::Index applied);

  // The best moment at which a quorum is known to have followed this member's leader, or this
  // member as theirs, whether what was acknowledged by then is applied or not; nullopt while none
  // is known.
  std::optional<uint64_t> QuorumHeard() const;

  // An upper bound of the age at `now` of what was read when `anchor` held.
  // REQUIRES: `now` was taken after it was read.
  static Duration AgeOf(uint64_t anchor, uint64_t now);

 private:
  struct Mark {
    uint64_t moment;
    raft::Index index;  // once it is applied
  };
  // Of those that wait the first is the next to be good, the last the best.
  static constexpr size_t kWaiting = 32;
  void Offer(const Mark& mark);

  const uint64_t boot_id_;
  std::optional<std::pair<raft::RoundMark, uint64_t>> round_;  // the last one that left
  std::deque<Mark> waiting_;  // growing in moment; those that are reached need not grow in index
  std::optional<uint64_t> anchor_;
};

}  // namespace keelson::server
