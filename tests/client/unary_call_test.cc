// Retries and failover of single requests, attempt by attempt.
#include <gtest/gtest.h>

#include <optional>

#include "client/keelson/outcome.h"
#include "tests/client/fake_core.h"

namespace keelson::client::internal {
namespace {

using keelson::testing::FakeCore;
using keelson::testing::FakeTransport;

const absl::Status kRefused = absl::UnavailableError("connection refused");

class UnaryCallTest : public ::testing::Test {
 protected:
  void Start(Effect effect, absl::Duration timeout = absl::Seconds(4)) {
    StartUnary(fake_.core,
               {.method = "/m",
                .body = "request",
                .effect = effect,
                .timeout = timeout,
                .cancellation = cancellation_},
               [this](absl::StatusOr<UnaryAnswer> result) {
                 ASSERT_FALSE(result_.has_value()) << "a call ends once";
                 result_ = std::move(result);
               });
  }

  FakeTransport::Attempt& Last() { return fake_.transport->attempts.back(); }
  size_t attempts() const { return fake_.transport->attempts.size(); }
  void EndLast(absl::Status status, Reach reach) {
    // By value: the end may start a further attempt.
    const auto done = Last().done;
    done({.status = std::move(status), .reach = reach, .body = "answer"});
  }

  FakeCore fake_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
  std::optional<absl::StatusOr<UnaryAnswer>> result_;
};

TEST_F(UnaryCallTest, AnAnswerEndsTheCall) {
  Start(Effect::kWrites);
  EXPECT_EQ(Last().start.endpoint, "a:1");
  EXPECT_EQ(Last().request, "request");
  EndLast(absl::OkStatus(), Reach::kAnswered);
  EXPECT_EQ((*result_)->body, "answer");
}

TEST_F(UnaryCallTest, AReadGoesToTheNextMemberAtOnce) {
  Start(Effect::kReads);
  EndLast(absl::UnavailableError("Socket closed"), Reach::kSent);
  EXPECT_EQ(attempts(), 2u);
  EXPECT_EQ(Last().start.endpoint, "b:1");
  EndLast(absl::OkStatus(), Reach::kAnswered);
  EXPECT_TRUE(result_->ok());
}

TEST_F(UnaryCallTest, AReadLeavesTimeForAnotherMemberAndTheLastGetsTheRest) {
  Start(Effect::kReads, absl::Seconds(4));
  EXPECT_EQ(Last().start.timeout, absl::Seconds(2));
  fake_.scheduler->Advance(absl::Seconds(2));
  EndLast(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
  EXPECT_EQ(Last().start.timeout, absl::Seconds(1));
  fake_.scheduler->Advance(absl::Seconds(1));
  EndLast(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
  EXPECT_EQ(Last().start.endpoint, "c:1");
  EXPECT_EQ(Last().start.timeout, absl::Seconds(1));
  fake_.scheduler->Advance(absl::Seconds(1));
  EndLast(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kFailed);
}

TEST_F(UnaryCallTest, AWriteThatMayHaveArrivedIsNeverSentTwice) {
  Start(Effect::kWrites);
  EXPECT_EQ(Last().start.timeout, absl::Seconds(4));
  EndLast(absl::UnavailableError("Socket closed"), Reach::kSent);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

TEST_F(UnaryCallTest, AWriteThatWasNotSentTriesEveryMember) {
  Start(Effect::kWrites);
  EndLast(kRefused, Reach::kNotSent);
  EndLast(kRefused, Reach::kNotSent);
  EXPECT_EQ(Last().start.endpoint, "c:1");
  EndLast(absl::OkStatus(), Reach::kAnswered);
  EXPECT_TRUE(result_->ok());
}

TEST_F(UnaryCallTest, ARoundWithoutSuccessIsFollowedByAPause) {
  Start(Effect::kReads);
  for (int i = 0; i < 3; ++i) EndLast(kRefused, Reach::kNotSent);
  EXPECT_EQ(attempts(), 3u);
  fake_.scheduler->RunReady();
  EXPECT_EQ(attempts(), 3u);
  fake_.scheduler->Advance(absl::Milliseconds(25));
  EXPECT_EQ(attempts(), 4u);
}

TEST_F(UnaryCallTest, TheSearchForAnybodyEndsWithTheDialTimeout) {
  Start(Effect::kWrites, absl::Seconds(60));
  while (!result_) {
    EndLast(kRefused, Reach::kNotSent);
    fake_.scheduler->Advance(absl::Milliseconds(100));
  }
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kFailed);
  EXPECT_EQ(std::string(result_->status().message())
                .find("no member could be reached at a:1, b:1, "
                      "c:1"),
            0u);
  const ClientOptions defaults;
  EXPECT_LT(fake_.scheduler->Now(), absl::Seconds(1000) + defaults.dial_timeout + absl::Seconds(2));
}

// As a member does that is paused: its kernel takes the connection, and nothing follows.
TEST_F(UnaryCallTest, OneThatLetsAConnectionHangDoesNotUseUpTheSearch) {
  Start(Effect::kWrites, absl::Seconds(60));
  fake_.scheduler->Advance(ClientOptions{}.dial_timeout);
  EndLast(kRefused, Reach::kNotSent);
  ASSERT_FALSE(result_.has_value()) << result_->status();
  EXPECT_EQ(Last().start.endpoint, "b:1");
  EndLast(absl::OkStatus(), Reach::kAnswered);
  EXPECT_TRUE(result_->ok());
}

TEST_F(UnaryCallTest, WhatAMemberSaidIsToldThoughTheLastOneWasNotReached) {
  Start(Effect::kReads, absl::Seconds(4));
  while (!result_) {
    const bool answers = Last().start.endpoint == "a:1";
    fake_.scheduler->Advance(absl::Milliseconds(100));
    if (answers) {
      EndLast(absl::UnavailableError("etcdserver: no leader"), Reach::kAnswered);
    } else {
      EndLast(kRefused, Reach::kNotSent);
    }
    fake_.scheduler->Advance(absl::Milliseconds(100));
  }
  EXPECT_EQ(result_->status().message(), "etcdserver: no leader");
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kFailed);
}

TEST_F(UnaryCallTest, AMemberThatDoesNotAnswerIsNamedThoughTheLastOneWasNotReached) {
  Start(Effect::kReads, absl::Seconds(4));
  fake_.scheduler->Advance(absl::Seconds(2));
  EndLast(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
  while (!result_) {
    fake_.scheduler->Advance(absl::Milliseconds(500));
    EndLast(kRefused, Reach::kNotSent);
  }
  EXPECT_EQ(std::string(result_->status().message()).find("no answer from a:1 within "), 0u)
      << result_->status();
}

TEST_F(UnaryCallTest, ARefusalIsFinalAndKeepsItsText) {
  Start(Effect::kWrites);
  EndLast(absl::InvalidArgumentError("etcdserver: key is not provided"), Reach::kAnswered);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(result_->status().message(), "etcdserver: key is not provided");
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kFailed);
}

TEST_F(UnaryCallTest, AFailedMemberIsAvoidedByTheNextCall) {
  Start(Effect::kWrites);
  EndLast(absl::UnavailableError("Socket closed"), Reach::kSent);
  result_.reset();
  Start(Effect::kWrites);
  EXPECT_EQ(Last().start.endpoint, "b:1");
}

TEST_F(UnaryCallTest, APinnedRequestAsksOneMemberOnce) {
  StartUnary(fake_.core, {.method = "/m", .pinned_endpoint = "x:9"},
             [this](absl::StatusOr<UnaryAnswer> result) { result_ = std::move(result); });
  EXPECT_EQ(Last().start.endpoint, "x:9");
  EndLast(kRefused, Reach::kNotSent);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_FALSE(result_->ok());
}

TEST_F(UnaryCallTest, ACancelledAttemptIsNotFollowedByAnother) {
  Start(Effect::kReads);
  EXPECT_EQ(Last().start.cancellation, cancellation_);
  cancellation_->Request();
  EndLast(absl::UnavailableError("Socket closed"), Reach::kSent);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_TRUE(result_.has_value());
}

TEST_F(UnaryCallTest, ACancelledCallIsCancelledThoughItsAttemptFailsBeforeItHears) {
  Start(Effect::kReads);
  cancellation_->Request();
  EndLast(absl::UnavailableError("no leader"), Reach::kAnswered);
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kCancelled);
}

TEST_F(UnaryCallTest, ACancelledWriteThatMayHaveArrivedIsUnknown) {
  Start(Effect::kWrites);
  cancellation_->Request();
  EndLast(absl::CancelledError("CANCELLED"), Reach::kSent);
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

TEST_F(UnaryCallTest, ACancellationEndsThePauseBetweenRounds) {
  Start(Effect::kWrites);
  for (int i = 0; i < 3; ++i) EndLast(kRefused, Reach::kNotSent);
  cancellation_->Request();
  fake_.scheduler->RunReady();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kFailed);
  fake_.scheduler->Advance(absl::Seconds(5));
  EXPECT_EQ(attempts(), 3u);
}

}  // namespace
}  // namespace keelson::client::internal
