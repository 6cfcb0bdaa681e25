// A lease table on a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "server/lease/lease_table.h"

namespace keelson::server {

class LeaseFixture : public ::testing::Test {
 protected:
  using Outcome = LeaseRenewal::Outcome;
  static constexpr Duration kElection = std::chrono::milliseconds(1000);
  static constexpr Duration kHeartbeat = std::chrono::milliseconds(100);

  void Promote() { table_.Promote(now_, kElection); }
  void Grant(int64_t id, int64_t ttl) { table_.OnGranted({.id = id, .ttl = ttl}, now_); }

  // Lets time pass with a quorum answering every heartbeat; collects what ended.
  void Run(Duration time) {
    const Instant end = now_ + time;
    while (now_ < end) {
      now_ = std::min(now_ + kHeartbeat, end);
      table_.QuorumContact(now_);
      Collect();
    }
  }

  // Lets time pass without a word from the quorum.
  void RunAlone(Duration time) {
    const Instant end = now_ + time;
    while (now_ < end) {
      now_ = std::min(now_ + kHeartbeat, end);
      Collect();
    }
  }

  void Collect() {
    do {
      for (const int64_t id : table_.Expired(now_, 1000)) expired_.push_back(id);
    } while (table_.MoreExpired());
  }

  // The answer, or nullopt while it is still waiting.
  std::shared_ptr<std::optional<LeaseRenewal>> Renew(int64_t id) {
    auto answer = std::make_shared<std::optional<LeaseRenewal>>();
    table_.Renew(id, now_, [answer](LeaseRenewal renewal) { *answer = renewal; });
    return answer;
  }

  Outcome RenewNow(int64_t id) {
    const auto answer = Renew(id);
    EXPECT_TRUE(answer->has_value());
    return (*answer)->outcome;
  }

  // Whole seconds.
  int64_t Left(int64_t id) { return table_.TimeToLive(id, now_).value_or(LeaseTimes{}).remaining; }

  LeaseTable table_;
  Instant now_{5'000'000'000};
  std::vector<int64_t> expired_;
};

}  // namespace keelson::server
