#include "client/keelson/internal/outcome_rules.h"

#include <gtest/gtest.h>

namespace keelson::client::internal {
namespace {

CallEnd End(absl::StatusCode code, const char* text, Reach reach) {
  return {.status = absl::Status(code, text), .reach = reach};
}

TEST(OutcomeTest, AStatusCarriesItsOutcomeAndKeepsCodeAndText) {
  const absl::Status plain = absl::UnavailableError("x");
  EXPECT_EQ(OutcomeOf(plain), Outcome::kUnknown);
  const absl::Status failed = WithOutcome(plain, Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(failed), Outcome::kFailed);
  EXPECT_EQ(failed.message(), "x");
  EXPECT_EQ(OutcomeOf(absl::OkStatus()), Outcome::kDone);
}

TEST(OutcomeRulesTest, AWriteThatGotNoAnswerIsUnknown) {
  const CallEnd end = End(absl::StatusCode::kUnavailable, "Socket closed", Reach::kSent);
  EXPECT_EQ(Judge(Effect::kWrites, end), Outcome::kUnknown);
  EXPECT_FALSE(MayRetry(Effect::kWrites, end));
  EXPECT_EQ(Judge(Effect::kReads, end), Outcome::kFailed);
  EXPECT_TRUE(MayRetry(Effect::kReads, end));
}

TEST(OutcomeRulesTest, AWriteThatWasNeverSentMayBeSentAgain) {
  const CallEnd end = End(absl::StatusCode::kUnavailable, "refused", Reach::kNotSent);
  EXPECT_EQ(Judge(Effect::kWrites, end), Outcome::kFailed);
  EXPECT_TRUE(MayRetry(Effect::kWrites, end));
}

TEST(OutcomeRulesTest, ATimeoutThatTheServerReportsLeavesAWriteUnknown) {
  for (const char* text : {"etcdserver: request timed out",
                           "etcdserver: request timed out, possibly due to previous leader failure",
                           "etcdserver: request timed out, possibly due to connection lost",
                           "etcdserver: leader changed", "etcdserver: server stopped"}) {
    const CallEnd end = End(absl::StatusCode::kUnavailable, text, Reach::kAnswered);
    EXPECT_EQ(Judge(Effect::kWrites, end), Outcome::kUnknown) << text;
    EXPECT_FALSE(MayRetry(Effect::kWrites, end)) << text;
  }
  const CallEnd late =
      End(absl::StatusCode::kDeadlineExceeded, "context deadline exceeded", Reach::kAnswered);
  EXPECT_EQ(Judge(Effect::kWrites, late), Outcome::kUnknown);
  const CallEnd gone =
      End(absl::StatusCode::kUnknown, "etcdserver: request cancelled", Reach::kAnswered);
  EXPECT_EQ(Judge(Effect::kWrites, gone), Outcome::kUnknown);
}

TEST(OutcomeRulesTest, ARefusalIsNoEffect) {
  const std::pair<absl::StatusCode, const char*> refusals[] = {
      {absl::StatusCode::kInvalidArgument, "etcdserver: key is not provided"},
      {absl::StatusCode::kNotFound, "etcdserver: requested lease not found"},
      {absl::StatusCode::kResourceExhausted, "etcdserver: mvcc: database space exceeded"},
      {absl::StatusCode::kResourceExhausted, "etcdserver: too many requests"},
      {absl::StatusCode::kUnknown, "etcdserver: too many requests"},
      {absl::StatusCode::kUnavailable, "etcdserver: no leader"},
      {absl::StatusCode::kDataLoss, "etcdserver: corrupt cluster"}};
  for (const auto& [code, text] : refusals) {
    const CallEnd end = End(code, text, Reach::kAnswered);
    EXPECT_EQ(Judge(Effect::kWrites, end), Outcome::kFailed) << text;
    EXPECT_FALSE(MayRetry(Effect::kWrites, end)) << text;
  }
}

TEST(OutcomeRulesTest, AnAnswerTooLargeToReceiveLeavesAWriteUnknown) {
  const CallEnd end = End(absl::StatusCode::kResourceExhausted,
                          "Received message larger than max (5 vs. 4)", Reach::kSent);
  EXPECT_EQ(Judge(Effect::kWrites, end), Outcome::kUnknown);
}

TEST(OutcomeRulesTest, ALearnerIsLeftForAnotherMember) {
  const CallEnd end = End(absl::StatusCode::kFailedPrecondition,
                          "etcdserver: rpc not supported for learner", Reach::kAnswered);
  EXPECT_TRUE(MayRetry(Effect::kWrites, end));
  EXPECT_TRUE(BlamesEndpoint(end));
}

TEST(OutcomeRulesTest, OnlyTroubleOfTheMemberIsHeldAgainstIt) {
  EXPECT_TRUE(BlamesEndpoint(End(absl::StatusCode::kUnavailable, "x", Reach::kSent)));
  EXPECT_TRUE(BlamesEndpoint(
      End(absl::StatusCode::kUnavailable, "etcdserver: no leader", Reach::kAnswered)));
  EXPECT_FALSE(BlamesEndpoint(End(absl::StatusCode::kNotFound, "x", Reach::kAnswered)));
}

}  // namespace
}  // namespace keelson::client::internal
