// Writes with names: what is sent again, and what its end says.
#include <gtest/gtest.h>

#include <optional>

#include "client/keelson/outcome.h"
#include "tests/client/fake_core.h"

namespace keelson::client::internal {
namespace {

using keelson::testing::FakeCore;
using keelson::testing::FakeTransport;

const absl::Status kBroken = absl::UnavailableError("Socket closed");
const absl::Status kTimedOut = absl::UnavailableError("etcdserver: request timed out");

Metadata Told(const std::string& outcome, int position) {
  return {{"keelson-request-outcome", outcome},
          {"keelson-request-position", std::to_string(position)}};
}

class NamedWriteTest : public ::testing::Test {
 protected:
  void Put() {
    result_.reset();
    StartUnary(
        fake_->core,
        {.method = "/etcdserverpb.KV/Put", .effect = Effect::kWrites, .timeout = absl::Seconds(4)},
        [this](absl::StatusOr<UnaryAnswer> result) { result_ = std::move(result); });
  }
  FakeTransport::Attempt& Last() { return fake_->transport->attempts.back(); }
  size_t attempts() const { return fake_->transport->attempts.size(); }
  std::string Name() {
    const std::string* name = Find(Last().start.metadata, "keelson-request-id");
    return name == nullptr ? "" : *name;
  }
  void End(absl::Status status, Reach reach, Metadata metadata = {}) {
    const auto done = Last().done;
    done({.status = std::move(status), .reach = reach, .metadata = std::move(metadata)});
  }
  void Answer(Metadata metadata = {}) { End({}, Reach::kAnswered, std::move(metadata)); }
  // The cluster knows names.
  void Learn(int position = 7) {
    Put();
    Answer(Told("first", position));
  }

  std::unique_ptr<FakeCore> fake_ = std::make_unique<FakeCore>();
  std::optional<absl::StatusOr<UnaryAnswer>> result_;
};

TEST_F(NamedWriteTest, NamesBeginWithTheLastPositionAndDiffer) {
  Put();
  const std::string first = Name();
  EXPECT_EQ(first.substr(0, 2), "0-");
  Answer(Told("first", 41));
  Put();
  EXPECT_EQ(Name().substr(0, 3), "41-");
  EXPECT_NE(Name().substr(3), first.substr(2));
}

TEST_F(NamedWriteTest, AWriteWithoutAnAnswerIsSentAgainByTheSameName) {
  Learn();
  Put();
  const std::string name = Name();
  EXPECT_EQ(Last().start.timeout, absl::Seconds(2)) << "time is left for another member";
  End(kBroken, Reach::kSent);
  EXPECT_EQ(Name(), name);
  EXPECT_EQ(Last().start.endpoint, "b:1");
  End(kTimedOut, Reach::kAnswered);
  EXPECT_EQ(Name(), name);
  Answer(Told("repeated", 9));
  EXPECT_TRUE(result_->ok());
}

TEST_F(NamedWriteTest, WhatTheLogHasDecidedIsTheEnd) {
  Learn();
  Put();
  End(kBroken, Reach::kSent);
  End(absl::NotFoundError("etcdserver: requested lease not found"), Reach::kAnswered,
      Told("repeated", 9));
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kFailed);
}

TEST_F(NamedWriteTest, AnAnswerThatWasNotKeptIsNoRefusal) {
  Learn();
  Put();
  End(kBroken, Reach::kSent);
  End(absl::AlreadyExistsError("keelson: the request was applied before; its answer was too large"),
      Reach::kAnswered, Told("repeated", 9));
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

TEST_F(NamedWriteTest, ARefusalBeforeTheLogSettlesNothing) {
  Learn();
  Put();
  End(kBroken, Reach::kSent);
  const size_t before = attempts();
  End(absl::UnavailableError("etcdserver: no leader"), Reach::kAnswered);
  EXPECT_EQ(attempts(), before + 1) << "tried on";
  End(absl::InvalidArgumentError("etcdserver: request is too large"), Reach::kAnswered);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

TEST_F(NamedWriteTest, NobodyAnswersUntilTheDeadline) {
  Learn();
  Put();
  while (!result_) {
    if (Last().done != nullptr) {
      const auto done = std::exchange(Last().done, nullptr);
      done({.status = kBroken, .reach = Reach::kSent});
    }
    fake_->scheduler->Advance(absl::Milliseconds(50));
  }
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

TEST_F(NamedWriteTest, APositionTooOldIsLearnedFromAndTheWriteSentByANewName) {
  Put();
  const std::string name = Name();
  End(absl::UnavailableError("keelson: the request id is too old to tell"), Reach::kAnswered,
      Told("too-old", 500));
  EXPECT_EQ(Name().substr(0, 4), "500-");
  EXPECT_NE(Name(), name);
  Answer(Told("first", 501));
  EXPECT_TRUE(result_->ok());
}

TEST_F(NamedWriteTest, TooOldAfterAnAttemptOfUnknownEndStaysUnknown) {
  Learn();
  Put();
  End(kBroken, Reach::kSent);
  End(absl::UnavailableError("keelson: the request id is too old to tell"), Reach::kAnswered,
      Told("too-old", 500));
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

TEST_F(NamedWriteTest, APositionOfAnotherClusterIsForgotten) {
  Learn();
  Put();
  End(absl::InvalidArgumentError(
          "keelson: the position in the request id is none that this cluster has told"),
      Reach::kAnswered);
  EXPECT_EQ(Name().substr(0, 2), "0-");
  Answer(Told("first", 1));
  EXPECT_TRUE(result_->ok());
}

TEST_F(NamedWriteTest, WhileNotAllMembersKnowNamesAWriteHasNone) {
  Put();
  End(absl::UnavailableError(
          "keelson: request ids are taken once all members run a version that knows them"),
      Reach::kAnswered);
  EXPECT_EQ(Name(), "");
  End(kBroken, Reach::kSent);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
  Put();
  EXPECT_EQ(Name(), "") << "not every write finds that out again";
  Answer();
  fake_->scheduler->Advance(absl::Seconds(1));
  Put();
  EXPECT_NE(Name(), "");
}

TEST_F(NamedWriteTest, WhetherNamesAreKnownIsFoundOutWhenItMatters) {
  Put();
  const std::string name = Name();
  End(kBroken, Reach::kSent);
  EXPECT_EQ(Last().start.method, "/etcdserverpb.Lease/LeaseRevoke");
  End(absl::NotFoundError("etcdserver: requested lease not found"), Reach::kAnswered,
      Told("first", 3));
  EXPECT_EQ(Last().start.method, "/etcdserverpb.KV/Put");
  EXPECT_EQ(Name(), name);
  Answer(Told("first", 4));
  EXPECT_TRUE(result_->ok());
}

TEST_F(NamedWriteTest, OnEtcdNothingIsSentTwiceNorNamedAgain) {
  Put();
  End(kBroken, Reach::kSent);
  End(absl::NotFoundError("etcdserver: requested lease not found"), Reach::kAnswered);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kUnavailable);
  Put();
  EXPECT_EQ(Name(), "");
  const size_t before = attempts();
  End(kBroken, Reach::kSent);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
  EXPECT_EQ(attempts(), before);
}

TEST_F(NamedWriteTest, WithoutTheOptionNothingHasAName) {
  fake_ = std::make_unique<FakeCore>(3, ClientOptions{.exactly_once = false});
  Put();
  EXPECT_EQ(Name(), "");
  End(kBroken, Reach::kSent);
  EXPECT_EQ(OutcomeOf(result_->status()), Outcome::kUnknown);
}

}  // namespace
}  // namespace keelson::client::internal
