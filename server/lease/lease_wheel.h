// The records of all leases in one slab, strung on the slots of a hierarchical timing wheel
// (Varghese and Lauck 1987, scheme 7) and on two lists of leases that have ended.
//
// A record's slot is a lower bound of its deadline: an extension only writes the record; the slot
// is put right when it fires.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace keelson::server {

// 40 bytes a lease, plus its entry in the table's id map.
struct LeaseRecord {
  enum class Phase : uint8_t {
    kFree,
    kAlive,     // on the wheel, or on the due list and not yet handed out
    kHandedOut  // its revoke is being proposed
  };
  int64_t id = 0;
  int64_t ttl = 0;       // granted, seconds
  int64_t deadline = 0;  // lease time, nanoseconds; means something only in its leadership
  uint32_t prev = 0;
  uint32_t next = 0;
  uint32_t leadership = 0;  // the leadership that `deadline` and `phase` were written in
  Phase phase = Phase::kFree;
};

class LeaseWheel {
 public:
  using Index = uint32_t;
  enum class List { kDue, kHandedOut };

  // An empty wheel that stands at `now`, a tick.
  explicit LeaseWheel(uint64_t now);

  LeaseRecord& At(Index index) { return chunks_[index / kChunk][index % kChunk]; }
  const LeaseRecord& At(Index index) const { return chunks_[index / kChunk][index % kChunk]; }

  // A new record, on no list. References to others stay valid.
  Index Add();
  // REQUIRES: on no list.
  void Free(Index index);

  // Puts a record on the slot of `tick` (now or past: it fires at the next Advance).
  // REQUIRES: on no list.
  void Place(Index index, uint64_t tick);
  void Append(List list, Index index);
  void Unlink(Index index);
  // The first record of a list, or kNone.
  Index First(List list) const;
  // Moves all of `from` to the end of `to`, in O(1).
  void Splice(List from, List to);

  // Turns the wheel up to `tick`. Takes each record whose slot fires off and hands it to `fire`,
  // which must put it somewhere. Stops after `budget` records; returns whether `tick` was reached.
  template <typename Fire>
  bool Advance(uint64_t tick, size_t* budget, Fire fire) {
    for (;;) {
      for (int level = kLevels - 1; level >= 0; --level) {
        if ((now_ & ((uint64_t{1} << (kBits * level)) - 1)) != 0) continue;
        if (!Drain(SlotOf(level, now_), budget, fire)) return false;
      }
      if (now_ >= tick) return true;
      ++now_;
    }
  }

  // Calls `visit` for every record in use, in slab order.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (Index index = kSentinels; index < end_; ++index) {
      if (At(index).phase != LeaseRecord::Phase::kFree) visit(At(index));
    }
  }

  static constexpr Index kNone = 0;

 private:
  static constexpr int kBits = 8;
  static constexpr int kLevels = 4;
  static constexpr uint64_t kSlots = 1 << kBits;
  static constexpr Index kChunk = 4096;
  // Index 0 stands for none; then one sentinel per slot, then one per list.
  static constexpr Index kFirstSlot = 1;
  static constexpr Index kFirstList = kFirstSlot + kLevels * kSlots;
  static constexpr Index kSentinels = kFirstList + 2;

  static Index SlotOf(int level, uint64_t tick) {
    return kFirstSlot + static_cast<Index>(level * kSlots + ((tick >> (kBits * level)) % kSlots));
  }
  static Index HeadOf(List list) { return kFirstList + static_cast<Index>(list); }

  template <typename Fire>
  bool Drain(Index head, size_t* budget, Fire& fire) {
    while (At(head).next != head) {
      if (*budget == 0) return false;
      --*budget;
      const Index index = At(head).next;
      Unlink(index);
      fire(index);
    }
    return true;
  }

  void LinkBefore(Index head, Index index);
  Index NewIndex();

  std::vector<std::unique_ptr<LeaseRecord[]>> chunks_;
  Index end_ = 0;
  Index free_ = kNone;  // freed records, strung by `next`
  uint64_t now_;        // the tick whose slot fires next, or fired last
};

}  // namespace keelson::server
