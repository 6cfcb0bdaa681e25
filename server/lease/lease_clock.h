// The clock that lease deadlines are measured on. It runs only while this member leads and a
// quorum answers, so it is never faster than real time, and a pause of the leader ends no lease.
#pragma once

#include <algorithm>
#include <cstdint>

#include "server/node/seams.h"

namespace keelson::server {

// Nanoseconds of lease time; never goes back, not even from one leadership to the next.
class LeaseClock {
 public:
  // Starts running at a moment of quorum contact. Gaps between contacts longer than `max_gap` will
  // not count.
  void Start(Instant now, Duration max_gap) {
    last_contact_ = std::max(last_contact_, now);
    max_gap_ = max_gap;
  }

  void Contact(Instant now) {
    if (now <= last_contact_) return;
    const Duration gap = now - last_contact_;
    if (gap <= max_gap_) counted_ += gap.count();
    last_contact_ = now;
  }

  // The lease time that surely has passed. Whatever ends a lease is measured by it.
  int64_t Counted() const { return counted_; }

  // The most that Counted() can come to for this moment. Whatever extends a lease starts from it.
  int64_t AtMost(Instant now) const {
    const int64_t gap = (now - last_contact_).count();
    return counted_ + std::clamp<int64_t>(gap, 0, max_gap_.count());
  }

  // Whether the last contact is recent enough for its time to count.
  bool InContact(Instant now) const { return now - last_contact_ <= max_gap_; }

 private:
  int64_t counted_ = 0;
  Instant last_contact_;
  Duration max_gap_{0};
};

}  // namespace keelson::server
