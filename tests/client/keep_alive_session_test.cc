// A lease's renewals by a clock that the test moves.
#include <gtest/gtest.h>

#include "client/keelson/lease.h"
#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using etcdserverpb::LeaseKeepAliveResponse;
using internal::Reach;
using keelson::testing::FakeCore;
using keelson::testing::FakeStream;

class KeepAliveSessionTest : public ::testing::Test {
 protected:
  // After a grant of `ttl` seconds that took so long; 0: nothing is known of the lease.
  void Start(int64_t ttl, absl::Duration took = absl::ZeroDuration()) {
    keeper_ = Leases(fake_.core)
                  .KeepAlive(Granted(ttl, took), {.on_renewed = [this](const auto&) { ++renewed_; },
                                                  .on_lost = [this] { ++lost_; }});
    believed_ = keeper_->Remaining();
    fake_.scheduler->RunReady();
  }
  LeaseGrantResult Granted(int64_t ttl, absl::Duration took) {
    if (ttl == 0) return {.id = 7};
    auto granted = Leases(fake_.core).GrantAsync(ttl);
    fake_.scheduler->Advance(took);
    etcdserverpb::LeaseGrantResponse response;
    response.set_id(7);
    response.set_ttl(ttl);
    fake_.transport->attempts.back().done(
        {.reach = Reach::kAnswered, .body = response.SerializeAsString()});
    return *granted.Get();
  }

  FakeStream& Last() { return *fake_.transport->streams.back(); }
  size_t streams() const { return fake_.transport->streams.size(); }
  void Answer(int64_t ttl) {
    LeaseKeepAliveResponse response;
    response.set_id(7);
    response.set_ttl(ttl);
    Last().Answer(response);
    fake_.scheduler->RunReady();
  }
  void Advance(double seconds) { fake_.scheduler->Advance(absl::Seconds(seconds)); }

  FakeCore fake_;
  std::unique_ptr<LeaseKeeper> keeper_;
  int renewed_ = 0;
  int lost_ = 0;
  absl::Duration believed_;  // of a keeper that has just been made
};

TEST_F(KeepAliveSessionTest, RenewalsGoOutEveryThirdOfTheTtlOnOneStream) {
  Start(9);
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(Last().sent().size(), static_cast<size_t>(i));
    Answer(9);
    Advance(3);
  }
  EXPECT_EQ(streams(), 1u);
  EXPECT_EQ(renewed_, 5);
  EXPECT_TRUE(keeper_->Lost().ok());
}

TEST_F(KeepAliveSessionTest, TheLeaseIsLostWhenTheClusterSaysSo) {
  Start(9);
  Answer(0);
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(lost_, 1);
  EXPECT_TRUE(keeper_->WaitLost(absl::ZeroDuration()));
  EXPECT_EQ(keeper_->Remaining(), absl::ZeroDuration());
  EXPECT_EQ(fake_.scheduler->pending(), 0u);
}

TEST_F(KeepAliveSessionTest, ASilentMemberIsLeftAfterAThirdOfTheTtl) {
  Start(9);
  Advance(3);
  EXPECT_TRUE(fake_.transport->streams[0]->cancelled());
  ASSERT_EQ(streams(), 2u);
  EXPECT_EQ(Last().start().endpoint, "b:1");
  EXPECT_EQ(Last().sent().size(), 1u);
  Answer(9);
  EXPECT_TRUE(keeper_->Lost().ok());
}

TEST_F(KeepAliveSessionTest, TheLossIsKnownBeforeTheClusterCanExpireTheLease) {
  Start(10);
  Answer(10);
  Advance(8.9);
  EXPECT_TRUE(keeper_->Lost().ok());
  Advance(0.2);
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(lost_, 1);
}

TEST_F(KeepAliveSessionTest, TheDeadlineCountsFromTheSendingNotFromTheAnswer) {
  Start(9);
  Advance(2);
  Answer(9);
  EXPECT_EQ(keeper_->Remaining(), absl::Seconds(9) * 0.9 - absl::Seconds(2));
}

TEST_F(KeepAliveSessionTest, TheTimeOfAGrantCountsFromItsSending) {
  Start(9, /*took=*/absl::Seconds(5));
  EXPECT_EQ(believed_, absl::Seconds(9) * 0.9 - absl::Seconds(5));
  Advance(3);
  EXPECT_TRUE(keeper_->Lost().ok());
  Advance(0.2);
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(lost_, 1);
}

TEST_F(KeepAliveSessionTest, AGrantThatTookTooLongIsLost) {
  Start(2, /*took=*/absl::Seconds(2));
  EXPECT_EQ(believed_, absl::ZeroDuration());
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(KeepAliveSessionTest, ABrokenStreamIsReplacedAtOnceByAnotherMembers) {
  Start(9);
  Answer(9);
  Last().Break();
  fake_.scheduler->RunReady();
  ASSERT_EQ(streams(), 2u);
  EXPECT_EQ(Last().start().endpoint, "b:1");
  Answer(9);
  EXPECT_EQ(renewed_, 2);
}

TEST_F(KeepAliveSessionTest, ARefusalToRenewIsALoss) {
  Start(9);
  Last().End(absl::PermissionDeniedError("etcdserver: permission denied"), Reach::kAnswered);
  fake_.scheduler->RunReady();
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(KeepAliveSessionTest, WithoutAKnownTtlTheFirstAnswerSetsTheDeadline) {
  Start(0);
  EXPECT_EQ(keeper_->Remaining(), absl::InfiniteDuration());
  Answer(10);
  EXPECT_EQ(keeper_->Remaining(), absl::Seconds(9));
}

TEST_F(KeepAliveSessionTest, APauseOfTheProcessIsNoticedAtOnceAndALostLeaseStaysLost) {
  Start(10);
  Answer(10);
  Advance(4);
  fake_.scheduler->Stall(absl::Seconds(9));
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(keeper_->WaitLost(absl::ZeroDuration()));
  // An answer from before the pause.
  Answer(10);
  EXPECT_EQ(keeper_->Lost().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(lost_, 1);
}

TEST_F(KeepAliveSessionTest, NoCallbackComesAfterTheKeeperIsGone) {
  Start(9);
  keeper_ = nullptr;
  // The client's thread has not heard of it yet.
  LeaseKeepAliveResponse response;
  response.set_ttl(9);
  Last().Answer(response);
  Last().End(absl::NotFoundError("etcdserver: requested lease not found"), Reach::kAnswered);
  EXPECT_EQ(renewed_, 0);
  EXPECT_EQ(lost_, 0);
}

TEST_F(KeepAliveSessionTest, DestroyingTheKeeperEndsTheStreamAndLeavesNoTimer) {
  Start(9);
  Answer(9);
  keeper_.reset();
  fake_.scheduler->RunReady();
  EXPECT_TRUE(Last().cancelled());
  EXPECT_EQ(lost_, 0);
  EXPECT_EQ(fake_.scheduler->pending(), 0u);
}

}  // namespace
}  // namespace keelson::client
