#include "server/rpc/abuse_policy.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr PingPolicy::Time kStart{hours(1)};

TEST(PingPolicyTest, PingsAtTheAllowedRateAreNeverStrikes) {
  PingPolicy policy(seconds(5), false);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(policy.OnPing(kStart + i * seconds(5), true));
}

TEST(PingPolicyTest, TheThirdPingThatComesTooEarlyEndsTheConnection) {
  PingPolicy policy(seconds(5), false);
  EXPECT_TRUE(policy.OnPing(kStart, true));
  EXPECT_TRUE(policy.OnPing(kStart + seconds(1), true));
  EXPECT_TRUE(policy.OnPing(kStart + seconds(2), true));
  EXPECT_FALSE(policy.OnPing(kStart + seconds(3), true));
}

TEST(PingPolicyTest, AnAnswerInBetweenForgivesAllStrikes) {
  PingPolicy policy(seconds(5), false);
  for (int i = 0; i < 20; ++i) {
    policy.OnAnswerSent();
    EXPECT_TRUE(policy.OnPing(kStart + milliseconds(i), true));
    EXPECT_TRUE(policy.OnPing(kStart + milliseconds(i), true));
    EXPECT_TRUE(policy.OnPing(kStart + milliseconds(i), true));
  }
}

TEST(PingPolicyTest, WithoutStreamsPingsAreStrikesAtAnyUsualRate) {
  PingPolicy policy(seconds(5), false);
  EXPECT_TRUE(policy.OnPing(kStart, false));
  EXPECT_TRUE(policy.OnPing(kStart + seconds(60), false));
  EXPECT_TRUE(policy.OnPing(kStart + seconds(120), false));
  EXPECT_FALSE(policy.OnPing(kStart + seconds(180), false));
}

TEST(PingPolicyTest, WithoutStreamsPingsAreFineWhenPermitted) {
  PingPolicy policy(seconds(5), true);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(policy.OnPing(kStart + i * seconds(5), false));
}

TEST(RateLimitTest, TheBurstIsAllowedAndThenTheRate) {
  RateLimit limit(10, 2);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.Take(kStart));
  EXPECT_FALSE(limit.Take(kStart));
  EXPECT_FALSE(limit.Take(kStart + milliseconds(999)));
  EXPECT_TRUE(limit.Take(kStart + seconds(1)));
  EXPECT_TRUE(limit.Take(kStart + seconds(1)));
  EXPECT_FALSE(limit.Take(kStart + seconds(1)));
}

TEST(RateLimitTest, ALongPauseFillsTheBucketAndNoMore) {
  RateLimit limit(3, 1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.Take(kStart));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.Take(kStart + hours(1'000'000)));
  EXPECT_FALSE(limit.Take(kStart + hours(1'000'000)));
}

TEST(RateLimitTest, ARateOfZeroNeverRefills) {
  RateLimit limit(1, 0);
  EXPECT_TRUE(limit.Take(kStart));
  EXPECT_FALSE(limit.Take(kStart + hours(1000)));
}

}  // namespace
}  // namespace keelson::server
