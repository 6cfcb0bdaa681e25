// Futures: the three ways to take a result, on which thread, and coroutines.
#include "client/keelson/future.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "client/keelson/internal/timer_thread.h"
#include "client/keelson/kv.h"
#include "client/keelson/outcome.h"
#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using internal::FutureState;
using internal::Reach;
using internal::TimerThread;
using keelson::testing::FakeCore;

class FutureTest : public ::testing::Test {
 protected:
  std::shared_ptr<FutureState<int>> NewState() {
    return std::make_shared<FutureState<int>>(thread_);
  }
  // Completes `state` on the client's thread.
  void Complete(const std::shared_ptr<FutureState<int>>& state, absl::StatusOr<int> result) {
    thread_->Post([state, result] { state->Complete(result); });
  }

  const std::shared_ptr<TimerThread> thread_ = std::make_shared<TimerThread>();
};

TEST_F(FutureTest, GetWaitsForTheResult) {
  const auto state = NewState();
  Future<int> future(state);
  Complete(state, 7);
  EXPECT_EQ(*future.Get(), 7);
}

TEST_F(FutureTest, AWaitThatEndsEarlyLeavesTheResultForTheNext) {
  const auto state = NewState();
  Future<int> future(state);
  EXPECT_EQ(future.Get(absl::Milliseconds(1)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(future.IsReady());
  Complete(state, absl::NotFoundError("none"));
  EXPECT_EQ(future.Get().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FutureTest, WhatIsToldIsToldOnTheClientsThreadEarlyOrLate) {
  for (const bool early : {true, false}) {
    const auto state = NewState();
    const auto told = std::make_shared<FutureState<bool>>();
    if (!early) state->Complete(7);
    Future<int>(state).Then([this, told](const absl::StatusOr<int>& result) {
      told->Complete(*result == 7 && thread_->InLoop());
    });
    if (early) Complete(state, 7);
    EXPECT_TRUE(*told->Wait(absl::Seconds(10)));
  }
}

TEST_F(FutureTest, AResultIsTakenOnce) {
  const auto state = NewState();
  Future<int> future(state);
  Complete(state, 7);
  EXPECT_EQ(*future.Get(), 7);
  EXPECT_EQ(future.Get().status().code(), absl::StatusCode::kFailedPrecondition);
  const auto told = std::make_shared<FutureState<bool>>();
  std::move(future).Then([told](const absl::StatusOr<int>& result) {
    told->Complete(absl::IsFailedPrecondition(result.status()));
  });
  EXPECT_TRUE(*told->Wait(absl::Seconds(10)));
}

// The client and its handles may be gone by then.
TEST(FutureOwnerTest, WhatIsToldIsToldByAThreadThatNobodyElseKeeps) {
  for (int i = 0; i < 200; ++i) {
    auto state = std::make_shared<FutureState<int>>(std::make_shared<TimerThread>());
    state->Complete(7);
    const auto told = std::make_shared<FutureState<int>>();
    Future<int>(std::move(state)).Then([told](absl::StatusOr<int> result) {
      told->Complete(std::move(result));
    });
    ASSERT_EQ(told->Wait(absl::Seconds(2)).value_or(0), 7);
  }
}

TEST_F(FutureTest, AWaitOnTheClientsThreadFailsInsteadOfWaitingForItself) {
  const auto pending = NewState();
  const auto seen = std::make_shared<FutureState<int>>();
  thread_->Post([pending, seen] {
    Future<int> future(pending);
    seen->Complete(static_cast<int>(future.Get().status().code()));
  });
  EXPECT_EQ(*seen->Wait(absl::Seconds(10)),
            static_cast<int>(absl::StatusCode::kFailedPrecondition));
}

Future<int> Sum(std::shared_ptr<FutureState<int>> one, std::shared_ptr<FutureState<int>> other,
                std::shared_ptr<TimerThread> thread) {
  const absl::StatusOr<int> first = co_await Future<int>(one);
  if (!first.ok()) co_return first.status();
  if (!thread->InLoop()) co_return absl::InternalError("on a thread that is not the client's");
  const absl::StatusOr<int> second = co_await Future<int>(other);
  if (!second.ok()) co_return second.status();
  co_return *first + *second;
}

TEST_F(FutureTest, ACoroutineGoesOnOnTheClientsThread) {
  const auto one = NewState();
  const auto other = NewState();
  one->Complete(2);
  Future<int> sum = Sum(one, other, thread_);
  Complete(other, 3);
  const auto result = sum.Get();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, 5);
}

TEST_F(FutureTest, AFailureEndsACoroutineThatHandsItOn) {
  const auto one = NewState();
  Future<int> sum = Sum(one, NewState(), thread_);
  Complete(one, absl::AbortedError("no"));
  EXPECT_EQ(sum.Get().status().code(), absl::StatusCode::kAborted);
}

TEST_F(FutureTest, TheCancellationOfACoroutineReachesWhatItWaitsFor) {
  const auto one = NewState();
  const auto other = NewState();
  Future<int> sum = Sum(one, other, thread_);
  sum.Cancel();
  EXPECT_TRUE(one->cancellation()->requested());
  // And what it waits for later.
  Complete(one, 1);
  Complete(other, 2);
  EXPECT_TRUE(sum.Get().ok());
  EXPECT_TRUE(other->cancellation()->requested());
}

TEST(FutureCallTest, ACallCanBeCancelledAndItsFutureForgotten) {
  FakeCore fake;
  const Kv kv(fake.core);
  {
    Future<PutResult> put = kv.PutAsync("k", "v");
    put.Cancel();
    ASSERT_EQ(fake.transport->attempts.size(), 1u);
    EXPECT_TRUE(fake.transport->attempts[0].start.cancellation->requested());
    fake.transport->attempts[0].done(
        {.status = absl::CancelledError("CANCELLED"), .reach = Reach::kSent});
    const auto result = put.Get();
    EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(OutcomeOf(result.status()), Outcome::kUnknown);
  }
  int told = 0;
  kv.PutAsync("k", "v").Then(
      [&told](const absl::StatusOr<PutResult>& result) { told += result.ok() ? 1 : 100; });
  fake.transport->attempts[1].done({.reach = Reach::kAnswered});
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace keelson::client
