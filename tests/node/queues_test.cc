// The writes and reads that clients wait for: who is answered when, and what is sent again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "server/node/proposals.h"
#include "server/node/reads.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Instant At(int64_t ms) { return {ms * 1'000'000}; }
raft::EntryId Id(uint64_t term, uint64_t index) { return {raft::Term(term), raft::Index(index)}; }

class ProposalsTest : public ::testing::Test {
 protected:
  uint64_t Add() {
    const uint64_t sequence = proposals_.NextSequence();
    proposals_.Add(
        sequence, std::make_shared<const std::string>("x"),
        [this, sequence](ApplyResult result) {
          answers_.push_back(absl::StrCat(sequence, ":", result.status.ok() ? "ok" : "failed"));
        },
        At(0));
    return sequence;
  }
  // Appends all that waits, as a leader of `term` at the indexes from `index` on.
  void Append(uint64_t term, uint64_t index) {
    proposals_.SendWaiting(
        [&](uint64_t sequence, const Proposals::Payload&) {
          sent_.push_back(sequence);
          Proposals::Attempt attempt;
          attempt.sent = Proposals::Sent::kAppended;
          attempt.id = Id(term, index++);
          return attempt;
        },
        At(1));
  }
  void Forward(raft::NodeId leader, uint64_t term = 0) {
    proposals_.SendWaiting(
        [&](uint64_t sequence, const Proposals::Payload&) {
          sent_.push_back(sequence);
          Proposals::Attempt attempt;
          attempt.sent = Proposals::Sent::kForwarded;
          attempt.leader = leader;
          attempt.term = raft::Term(term);
          return attempt;
        },
        At(1));
  }
  void Applied(uint64_t sequence) { proposals_.Applied(sequence, ApplyResult(), {{}, {}, At(2)}); }

  Proposals proposals_{Proposals::Limits()};
  std::vector<uint64_t> sent_;
  std::vector<std::string> answers_;
};

TEST_F(ProposalsTest, AreSentOnceInTheirOrderAndAnsweredOnce) {
  Add();
  Add();
  Add();
  Append(1, 10);
  EXPECT_THAT(sent_, ElementsAre(1u, 2u, 3u));
  Append(1, 20);
  EXPECT_EQ(sent_.size(), 3u) << "nothing waits";
  Applied(1);
  Applied(1);
  Applied(2);
  EXPECT_THAT(answers_, ElementsAre("1:ok", "2:ok"));
  EXPECT_EQ(proposals_.size(), 1u);
  EXPECT_EQ(proposals_.failed_total(), 0u);
}

TEST_F(ProposalsTest, WhoIsNotTakenNowKeepsItsPlace) {
  Add();
  Add();
  proposals_.SendWaiting([](uint64_t, const Proposals::Payload&) { return Proposals::Attempt(); },
                         At(1));
  EXPECT_TRUE(proposals_.has_waiting());
  Append(1, 10);
  EXPECT_THAT(sent_, ElementsAre(1u, 2u));
}

TEST_F(ProposalsTest, AnIndexTakenByAnotherTermMeansThatItIsSentAgain) {
  Add();
  Add();
  Append(1, 10);
  proposals_.IndexTaken(Id(2, 10));
  EXPECT_TRUE(proposals_.has_waiting());
  proposals_.IndexTaken(Id(1, 11));
  Applied(2);
  Append(3, 12);
  EXPECT_THAT(sent_, ElementsAre(1u, 2u, 1u));
  EXPECT_THAT(answers_, ElementsAre("2:ok"));
}

TEST_F(ProposalsTest, ARefusalToTheProcessBeforeIsNotTakenForOnesOwn) {
  Add();
  Forward(raft::NodeId(2), 5);
  const uint64_t of_the_process_before = sent_.back();
  proposals_ = Proposals(Proposals::Limits(), {}, /*boot_id=*/1'000'000);
  Add();
  Forward(raft::NodeId(2), 5);
  proposals_.Refused(of_the_process_before, raft::Term(5), errors::TooManyRequests());
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_FALSE(proposals_.has_waiting());
  proposals_.Refused(sent_.back(), raft::Term(5), errors::TooManyRequests());
  EXPECT_EQ(answers_.size(), 1u);
}

TEST_F(ProposalsTest, OnlyARefusalSendsAForwardedOneAgain) {
  Add();
  Forward(raft::NodeId(2));
  proposals_.ConnectionLost(raft::NodeId(2));
  EXPECT_FALSE(proposals_.has_waiting()) << "it may have arrived";
  proposals_.Refused(1, raft::Term(), absl::OkStatus());
  EXPECT_TRUE(proposals_.has_waiting());
  proposals_.Refused(1, raft::Term(), errors::TooManyRequests());
  EXPECT_THAT(answers_, IsEmpty()) << "a refusal of what waits is an old one";
  Forward(raft::NodeId(3));
  proposals_.Refused(1, raft::Term(), errors::TooManyRequests());
  EXPECT_THAT(answers_, ElementsAre("1:failed"));
  EXPECT_EQ(proposals_.failed_total(), 1u);
}

// Terms rise along the log: what is of an earlier one and not applied yet is not in it.
TEST_F(ProposalsTest, AnAppliedEntryOfALaterTermSendsWhatIsNotInTheLogAgain) {
  Add();
  Add();
  Forward(raft::NodeId(2), 5);
  EXPECT_FALSE(proposals_.TermApplied(raft::Term(5)));
  Applied(1);
  EXPECT_TRUE(proposals_.TermApplied(raft::Term(6)));
  Forward(raft::NodeId(3), 6);
  EXPECT_THAT(sent_, ElementsAre(1u, 2u, 2u));
  proposals_.Refused(2, raft::Term(5), absl::OkStatus());
  EXPECT_FALSE(proposals_.has_waiting()) << "a refusal of what was sent before";
  EXPECT_FALSE(proposals_.TermApplied(raft::Term(6)));
  Applied(2);
  EXPECT_THAT(answers_, ElementsAre("1:ok", "2:ok"));
}

TEST_F(ProposalsTest, WhatALaterLeaderCutFromTheLogIsSentAgainAtItsFirstEntry) {
  Add();
  Append(5, 100);
  EXPECT_TRUE(proposals_.TermApplied(raft::Term(6))) << "index 100 may not be taken for long";
  Append(7, 90);
  EXPECT_THAT(sent_, ElementsAre(1u, 1u));
  proposals_.IndexTaken(Id(7, 100));
  EXPECT_FALSE(proposals_.has_waiting());
}

TEST_F(ProposalsTest, WhereNobodyLooksAtTheTermNothingIsSentAgain) {
  Add();
  Forward(raft::NodeId(2));
  EXPECT_FALSE(proposals_.TermApplied(raft::Term(6)));
  EXPECT_FALSE(proposals_.has_waiting());
}

TEST_F(ProposalsTest, WhatASnapshotMayHoldIsNotSentAgain) {
  Add();
  Forward(raft::NodeId(2), 5);
  proposals_.LogSkipped();
  EXPECT_FALSE(proposals_.TermApplied(raft::Term(7)));
  Add();
  Forward(raft::NodeId(3), 7);
  EXPECT_TRUE(proposals_.TermApplied(raft::Term(8))) << "what was sent since";
  Forward(raft::NodeId(3), 8);
  EXPECT_THAT(sent_, ElementsAre(1u, 2u, 2u));
}

TEST_F(ProposalsTest, AnAnswerThatAddsAnotherOneIsHarmless) {
  const uint64_t first = proposals_.NextSequence();
  proposals_.Add(
      first, std::make_shared<const std::string>("x"), [this](const ApplyResult&) { Add(); },
      At(0));
  Append(1, 10);
  Applied(first);
  EXPECT_TRUE(proposals_.has_waiting());
}

class ReadsTest : public ::testing::Test {
 protected:
  void Add(const std::string& name, int64_t ms = 0) {
    reads_.Add(
        [this, name](const absl::Status& status) {
          answers_.push_back(absl::StrCat(name, status.ok() ? "" : "!"));
        },
        At(ms));
  }
  void Ask() {
    reads_.Ask([this](uint64_t context) { asked_.push_back(context); });
  }

  Reads reads_{Reads::Limits()};
  std::vector<uint64_t> asked_;
  std::vector<std::string> answers_;
};

TEST_F(ReadsTest, AllOfATurnAskOnceAndWaitForTheIndex) {
  Add("a");
  Add("b");
  Ask();
  Ask();
  EXPECT_THAT(asked_, ElementsAre(1u));
  Add("c");
  Ask();
  reads_.Confirmed(1, raft::Index(5), At(1));
  reads_.Confirmed(2, raft::Index(7), At(1));
  reads_.Serve(raft::Index(4), At(2));
  EXPECT_THAT(answers_, IsEmpty());
  reads_.Serve(raft::Index(6), At(2));
  EXPECT_THAT(answers_, ElementsAre("a", "b"));
  reads_.Serve(raft::Index(7), At(2));
  EXPECT_THAT(answers_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(reads_.size(), 0u);
}

TEST_F(ReadsTest, AQuestionThatFailedIsAskedAgainUnderANewContext) {
  Add("a");
  Ask();
  reads_.Failed(1);
  reads_.Failed(1);
  Ask();
  EXPECT_THAT(asked_, ElementsAre(1u, 2u));
  reads_.Confirmed(1, raft::Index(1), At(1));
  reads_.Serve(raft::Index(9), At(2));
  EXPECT_THAT(answers_, IsEmpty()) << "the answer to the old question";
  reads_.Confirmed(2, raft::Index(1), At(1));
  reads_.Serve(raft::Index(9), At(2));
  EXPECT_THAT(answers_, ElementsAre("a"));
  EXPECT_EQ(reads_.failed_total(), 1u);
}

TEST_F(ReadsTest, EachIsGivenUpInItsOwnTimeWhereverItWaits) {
  Add("confirmed");
  Ask();
  reads_.Confirmed(1, raft::Index(5), At(1));
  Add("asked", 1000);
  Ask();
  Add("fresh", 2000);
  reads_.Expire(At(3500), /*has_leader=*/false);
  EXPECT_THAT(answers_, ElementsAre("confirmed!"));
  reads_.Expire(At(4500), false);
  reads_.Expire(At(5500), false);
  EXPECT_THAT(answers_, ElementsAre("confirmed!", "asked!", "fresh!"));
  EXPECT_EQ(reads_.failed_total(), 1u) << "one question was never answered";
}

TEST_F(ReadsTest, WithALeaderTheyWaitLonger) {
  Add("a");
  Ask();
  reads_.Expire(At(6900), /*has_leader=*/true);
  EXPECT_THAT(answers_, IsEmpty());
  reads_.FailAll(errors::Stopped());
  EXPECT_THAT(answers_, ElementsAre("a!"));
  EXPECT_EQ(reads_.size(), 0u);
}

}  // namespace
}  // namespace keelson::server
