#include "server/node/freshness.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

using raft::FreshnessEcho;
using raft::FreshnessStamp;
using raft::Index;

constexpr uint64_t kProcess = 5;
constexpr uint64_t kNow = 5000;

FreshnessEcho Echo(uint64_t moment, uint64_t index, uint64_t process = kProcess) {
  return {FreshnessStamp{moment, process}, Index(index)};
}

TEST(FreshnessTest, NothingIsKnownAtTheStart) {
  EXPECT_EQ(Freshness(kProcess).Anchor(Index(10)), std::nullopt);
}

TEST(FreshnessTest, AStampCountsOnceItsIndexIsApplied) {
  Freshness freshness(kProcess);
  freshness.Returned(Echo(100, 7), kNow);
  EXPECT_EQ(freshness.Anchor(Index(6)), std::nullopt);
  EXPECT_EQ(freshness.Anchor(Index(7)), 100u);
  freshness.Returned(Echo(200, 9), kNow);
  EXPECT_EQ(freshness.Anchor(Index(8)), 100u);
  EXPECT_EQ(freshness.Anchor(Index(12)), 200u);
}

TEST(FreshnessTest, AStampOfTheProcessBeforeIsNone) {
  Freshness freshness(kProcess);
  freshness.Returned(Echo(100, 1, kProcess + 1), kNow);
  EXPECT_EQ(freshness.Anchor(Index(9)), std::nullopt);
}

TEST(FreshnessTest, AnOldStampTakesNothingBack) {
  Freshness freshness(kProcess);
  freshness.Returned(Echo(200, 3), kNow);
  EXPECT_EQ(freshness.Anchor(Index(3)), 200u);
  freshness.Returned(Echo(100, 2), kNow);
  EXPECT_EQ(freshness.Anchor(Index(3)), 200u);
}

TEST(FreshnessTest, AQuorumIsHeardOfBeforeWhatItHasIsApplied) {
  Freshness freshness(kProcess);
  EXPECT_EQ(freshness.QuorumHeard(), std::nullopt);
  freshness.Returned(Echo(100, 7), kNow);
  EXPECT_EQ(freshness.QuorumHeard(), 100u);
  EXPECT_EQ(freshness.Anchor(Index(6)), std::nullopt);
  freshness.Returned(Echo(200, 9), kNow);
  EXPECT_EQ(freshness.Anchor(Index(7)), 100u);
  EXPECT_EQ(freshness.QuorumHeard(), 200u);
  EXPECT_EQ(freshness.Anchor(Index(9)), 200u);
  EXPECT_EQ(freshness.QuorumHeard(), 200u);
}

TEST(FreshnessTest, WhatIsNotAppliedForLongIsBounded) {
  Freshness freshness(kProcess);
  for (uint64_t i = 1; i <= 1000; ++i) freshness.Returned(Echo(i, i), kNow);
  EXPECT_EQ(freshness.Anchor(Index(1)), 1u) << "the first one that is reached is kept";
  EXPECT_EQ(freshness.Anchor(Index(1000)), 1000u) << "and the latest";
}

TEST(FreshnessTest, ALeadersRoundCountsFromWhenItLeft) {
  Freshness freshness(kProcess);
  freshness.RoundBegan({.round = 1, .index = Index(4)}, 100);
  EXPECT_EQ(freshness.Anchor(Index(9)), std::nullopt) << "nobody has answered";
  freshness.RoundConfirmed(1);
  EXPECT_EQ(freshness.Anchor(Index(9)), 100u);
}

TEST(FreshnessTest, AnAnswerToAnotherRoundIsNone) {
  Freshness freshness(kProcess);
  freshness.RoundBegan({.round = 2, .index = Index(4)}, 100);
  freshness.RoundConfirmed(1);
  EXPECT_EQ(freshness.Anchor(Index(9)), std::nullopt);
}

TEST(FreshnessTest, AnAgeHasRoomForTheClocksRateAndItsTick) {
  constexpr uint64_t kSecond = 1000000000;
  const Duration age = Freshness::AgeOf(kSecond, 11 * kSecond);
  EXPECT_GE(age, std::chrono::milliseconds(10010));
  EXPECT_LE(age, std::chrono::milliseconds(10012));
}

}  // namespace
}  // namespace keelson::server
