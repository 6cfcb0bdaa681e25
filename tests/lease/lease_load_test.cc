// Many leases at once: bounded steps, O(1) renewals, memory. Prints what it measured.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>

#include "server/lease/lease_table.h"

namespace keelson::server {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Duration kElection = std::chrono::milliseconds(1000);

double MicrosSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

TEST(LeaseLoad, HundredThousandLeasesThatEndTogetherAreHandedOutInBoundedBatches) {
  constexpr int64_t kLeases = 100'000;
  LeaseTable table;
  Instant now{1};
  for (int64_t id = 1; id <= kLeases; ++id) table.OnGranted({.id = id, .ttl = 2}, now);
  table.Promote(now, kElection);
  for (int i = 0; i < 31; ++i) {
    now = now + std::chrono::milliseconds(100);
    table.QuorumContact(now);
  }
  int64_t ended = 0;
  double longest = 0;
  size_t calls = 0;
  do {
    const auto start = Clock::now();
    const auto ids = table.Expired(now, 1000);
    longest = std::max(longest, MicrosSince(start));
    EXPECT_LE(ids.size(), 1000u);
    ended += static_cast<int64_t>(ids.size());
    ++calls;
    for (const int64_t id : ids) table.OnRevoked(id);
  } while (table.MoreExpired());
  EXPECT_EQ(ended, kLeases);
  EXPECT_EQ(table.size(), 0u);
  std::cout << kLeases << " ends in " << calls << " calls, longest " << longest << " us\n";
}

TEST(LeaseLoad, MillionLeasesTakeUnderAHundredBytesEach) {
  constexpr int64_t kLeases = 1'000'000;
  const auto before = mallinfo2();
  LeaseTable table;
  Instant now{1};
  table.Promote(now, kElection);
  for (int64_t id = 1; id <= kLeases; ++id) {
    table.OnGranted({.id = id * 7919, .ttl = 60 + id % 600}, now);
  }
  const auto after = mallinfo2();
  const size_t used = (after.uordblks + after.hblkhd) - (before.uordblks + before.hblkhd);
  const auto start = Clock::now();
  for (int64_t id = 1; id <= kLeases; ++id) {
    table.Renew(id * 7919, now, [](LeaseRenewal) {});
  }
  std::cout << used / kLeases << " bytes a lease, " << MicrosSince(start) * 1000 / kLeases
            << " ns a renewal\n";
  if (used != 0) {  // a sanitizer's allocator reports nothing
    EXPECT_LE(used / kLeases, 100u);
  }
}

}  // namespace
}  // namespace keelson::server
