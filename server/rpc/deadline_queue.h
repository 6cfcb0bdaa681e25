// Deadlines of calls and connections in one ordered structure, so that the loop needs one timer.
//
// A 4-ary heap of intrusive entries: arming and clearing cost O(log n) without allocation per
// entry, and a deadline that is later than all others, the usual case, costs O(1).
// Pure: the owner asks Next() and calls Expire() in time. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "base/check.h"

namespace keelson::server {

class DeadlineQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Something with one deadline. REQUIRES: cleared before it is destroyed.
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    virtual ~Entry() { KEELSON_CHECK(!armed(), "a deadline entry died while armed"); }

    bool armed() const { return slot_ != kNone; }

   protected:
    // The deadline passed. The entry is no longer armed and may be armed again.
    virtual void OnDeadline() = 0;

   private:
    friend class DeadlineQueue;
    static constexpr size_t kNone = static_cast<size_t>(-1);
    size_t slot_ = kNone;
  };

  // Arms the entry, or moves its deadline.
  void Set(Entry& entry, Time at);
  // Does nothing if the entry is not armed.
  void Clear(Entry& entry);

  // The earliest deadline.
  std::optional<Time> Next() const;

  // Calls OnDeadline of the entries that are due at `now`, earliest first; of those armed meanwhile
  // only the ones due before the call began count.
  void Expire(Time now);

  size_t size() const { return heap_.size(); }

 private:
  struct Node {
    Time at;
    Entry* entry;
  };

  void Place(size_t slot, Node node);
  void SiftUp(size_t slot, Node node);
  void SiftDown(size_t slot, Node node);
  void RemoveSlot(size_t slot);

  std::vector<Node> heap_;
};

}  // namespace keelson::server
