// Random grants, keep-alives, pauses, lost contacts, lost proposals and leader changes on three
// members: no lease ends before its last full TTL has passed in real time, and each ends at last.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "server/lease/lease_table.h"

namespace keelson::server {
namespace {

constexpr Duration kElection = std::chrono::milliseconds(1000);

struct Cluster {
  explicit Cluster(uint64_t seed) : random(seed) {
    for (auto& member : members) member = std::make_unique<LeaseTable>();
  }

  int64_t Roll(int64_t below) { return static_cast<int64_t>(random() % below); }
  bool OneIn(int64_t n) { return Roll(n) == 0; }
  LeaseTable& Leader() { return *members[leader]; }

  void ChangeLeader() {
    proposed.clear();  // what the old one had in flight is lost
    // Some time without a leader; the old one may learn of it late, or lead again.
    now = now + Duration(Roll(3'000'000'000));
    const bool learns_late = OneIn(2);
    if (!learns_late) Leader().Demote();
    const size_t old = leader;
    leader = Roll(3);
    if (learns_late && leader == old) Leader().Demote();
    if (learns_late && leader != old) deposed.push_back(old);
    std::erase(deposed, leader);
    Leader().Demote();
    Leader().Promote(now, kElection);
  }

  void Grant() {
    const int64_t id = ++last_id;
    const int64_t ttl = 2 + Roll(20);
    for (auto& member : members) member->OnGranted({.id = id, .ttl = ttl}, now);
    lives[id] = {.until = now + std::chrono::seconds(ttl), .ttl = ttl};
  }

  void Renew() {
    if (lives.empty()) return;
    auto it = lives.lower_bound(1 + Roll(last_id));
    if (it == lives.end()) return;
    Life& life = it->second;
    Leader().Renew(it->first, now, [&](LeaseRenewal answer) {
      if (answer.outcome != LeaseRenewal::Outcome::kRenewed) return;
      ASSERT_EQ(answer.ttl, life.ttl);
      life.until = std::max(life.until, now + std::chrono::seconds(life.ttl));
      ++renewed;
    });
  }

  void Propose() {
    for (const int64_t id : Leader().Expired(now, 1 + Roll(50))) {
      const auto life = lives.find(id);
      ASSERT_NE(life, lives.end()) << "a lease ended twice: " << id;
      ASSERT_GE(now, life->second.until) << "lease " << id << " ended early";
      proposed.push_back(id);
    }
    // A deposed leader that does not know may offer anything; none of it commits. It hears nothing.
    for (const size_t member : deposed) members[member]->Expired(now, 10);
  }

  void Settle() {
    if (OneIn(4)) return Leader().ExpiryLost(std::exchange(proposed, {}));
    for (const int64_t id : proposed) {
      for (auto& member : members) member->OnRevoked(id);
      lives.erase(id);
      ++ended;
    }
    proposed.clear();
  }

  void Step() {
    const int64_t what = Roll(1000);
    if (what < 2) return ChangeLeader();
    if (what < 6) now = now + Duration(Roll(30'000'000'000));  // a pause, or a jump of the clock
    if (what < 100) Grant();
    if (what < 400) Renew();
    if (what < 950) Leader().QuorumContact(now);
    if (what > 500) Propose();
    if (what > 900) Settle();
    while (!deposed.empty() && OneIn(5)) {
      members[deposed.back()]->Demote();
      deposed.pop_back();
    }
    now = now + Duration(Roll(200'000'000));
  }

  // With a steady leader everything ends within its time plus an election timeout and a second.
  void Drain() {
    const Instant limit = now + std::chrono::seconds(22 + 2) + kElection;
    while (!lives.empty() && now < limit) {
      now = now + std::chrono::milliseconds(100);
      Leader().QuorumContact(now);
      do {
        Propose();
      } while (Leader().MoreExpired());
      for (const int64_t id : std::exchange(proposed, {})) {
        for (auto& member : members) member->OnRevoked(id);
        lives.erase(id);
      }
    }
    EXPECT_TRUE(lives.empty()) << lives.size() << " leases never ended";
  }

  struct Life {
    Instant until;
    int64_t ttl = 0;
  };
  std::mt19937_64 random;
  std::array<std::unique_ptr<LeaseTable>, 3> members;
  size_t leader = 0;
  std::vector<size_t> deposed;  // still believe that they lead
  Instant now{1};
  int64_t last_id = 0;
  std::map<int64_t, Life> lives;
  std::vector<int64_t> proposed;
  int64_t renewed = 0;
  int64_t ended = 0;
};

TEST(LeaseProperty, NoLeaseEndsEarlyWhateverHappensToTheLeader) {
  const char* fixed = std::getenv("KEELSON_SEED");
  const uint64_t first = fixed != nullptr ? std::strtoull(fixed, nullptr, 10) : 1;
  const uint64_t last = fixed != nullptr ? first : 40;
  int64_t renewed = 0;
  int64_t ended = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("replay: KEELSON_SEED=" + std::to_string(seed) +
                 " lease_test --gtest_filter=LeaseProperty.*");
    Cluster cluster(seed);
    cluster.Leader().Promote(cluster.now, kElection);
    for (int i = 0; i < 10'000 && !::testing::Test::HasFatalFailure(); ++i) cluster.Step();
    if (!cluster.proposed.empty()) cluster.Leader().ExpiryLost(std::exchange(cluster.proposed, {}));
    cluster.Drain();
    if (::testing::Test::HasFailure()) return;
    renewed += cluster.renewed;
    ended += cluster.ended;
  }
  std::cout << "seeds " << first << ".." << last << ": " << renewed << " renewals, " << ended
            << " ends\n";
  EXPECT_GT(renewed, 100);
  EXPECT_GT(ended, 100);
}

}  // namespace
}  // namespace keelson::server
