// Questions about leases find the leader, wherever it goes; expiry is proposed by it alone.
#include "server/node/lease_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Outcome = LeaseAnswer::Outcome;

constexpr Duration kElection = seconds(1);

class LeaseDeskTest : public ::testing::Test {
 protected:
  LeaseDesk::Node Environment() {
    LeaseDesk::Node node;
    node.now = [this] { return now_; };
    node.is_leader = [this] { return leads_; };
    node.leader = [this] { return leader_; };
    node.when_readable = [this](auto done) { readable_.push_back(std::move(done)); };
    node.send = [this](raft::NodeId to, PeerMessage message) {
      if (!connected_) return false;
      sent_.emplace_back(to, std::move(message));
      return true;
    };
    node.propose_expiry = [this](const std::vector<int64_t>& ids) {
      if (leads_) expired_.insert(expired_.end(), ids.begin(), ids.end());
      return leads_;
    };
    node.may_checkpoint = [this] { return may_checkpoint_; };
    node.propose_checkpoints = [this](const std::vector<LeaseCheckpoint>& checkpoints) {
      if (!leads_ || !takes_proposals_) return false;
      for (const auto& [id, remaining] : checkpoints) {
        checkpoints_.push_back(absl::StrCat(id, ":", remaining));
      }
      return true;
    };
    return node;
  }
  void Checkpoint(int64_t lease, int64_t ttl, int64_t remaining) {
    desk_.OnApplied({{lease, ttl, remaining}});
  }
  void Lead() {
    leads_ = true;
    desk_.OnPromoted();
  }
  // All who wait to know that this member still leads do.
  void Prove(const absl::Status& status = absl::OkStatus()) {
    for (auto& done : std::exchange(readable_, {})) done(status);
  }
  void Ask(LeaseQuestion::Kind kind, int64_t lease) {
    const auto done = [this](const absl::Status& status, const LeaseWord& word) {
      answers_.push_back(!status.ok()  ? std::string(status.message())
                         : !word.found ? "not found"
                                       : absl::StrCat(word.ttl_seconds));
    };
    if (kind == LeaseQuestion::Kind::kKeepAlive) return desk_.KeepAlive(lease, done);
    desk_.TimeToLive(lease, done);
  }
  void KeepAlive(int64_t lease) { Ask(LeaseQuestion::Kind::kKeepAlive, lease); }
  void Tick(Duration later, bool quorum = true) {
    now_ = now_ + later;
    desk_.Tick(quorum);
  }

  Instant now_{1'000'000'000};
  bool leads_ = false;
  bool connected_ = true;
  bool may_checkpoint_ = true;
  bool takes_proposals_ = true;
  raft::NodeId leader_;
  LeaseTable table_;
  LeaseDesk desk_{&table_, Environment(), kElection};
  std::vector<std::function<void(absl::Status)>> readable_;
  std::vector<std::pair<raft::NodeId, PeerMessage>> sent_;
  std::vector<int64_t> expired_;
  std::vector<std::string> answers_;
  std::vector<std::string> checkpoints_;  // proposed
};

TEST_F(LeaseDeskTest, AnAnswerToTheProcessBeforeIsNotTakenForOnesOwn) {
  leader_ = raft::NodeId(2);
  KeepAlive(7);
  LeaseDesk::Node again = Environment();
  again.boot_id = 1'000'000;
  LeaseDesk restarted(&table_, again, kElection);
  std::vector<int64_t> told;
  restarted.KeepAlive(
      8, [&](const absl::Status&, const LeaseWord& word) { told.push_back(word.ttl_seconds); });
  ASSERT_EQ(sent_.size(), 2u);
  const auto answer = [&](size_t question, int64_t ttl) {
    restarted.OnAnswer(
        {.sequence = std::get<LeaseQuestion>(sent_[question].second).sequence, .ttl_seconds = ttl});
  };
  answer(0, 4);
  EXPECT_THAT(told, IsEmpty());
  answer(1, 2);
  EXPECT_THAT(told, ElementsAre(2));
}

TEST_F(LeaseDeskTest, AKeepAliveOfACheckpointedLeaseWaitsUntilTheLogTakesItBack) {
  desk_.OnApplied({{7, 3600}});
  Checkpoint(7, 3600, 100);
  Lead();
  KeepAlive(7);
  KeepAlive(7);
  Prove();
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_THAT(checkpoints_, ElementsAre("7:0")) << "once for both";
  Checkpoint(7, 3600, 0);
  EXPECT_THAT(answers_, ElementsAre("3600", "3600"));
  KeepAlive(7);
  Prove();
  EXPECT_THAT(answers_, ElementsAre("3600", "3600", "3600")) << "at once";
}

TEST_F(LeaseDeskTest, ACheckpointOnItsWayCountsAsOne) {
  desk_.OnApplied({{7, 3600}});
  Lead();
  for (int i = 0; i < 3600 && checkpoints_.empty(); ++i) Tick(milliseconds(100));
  ASSERT_EQ(checkpoints_.size(), 1u);
  KeepAlive(7);
  Prove();
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(checkpoints_.back(), "7:0");
  Checkpoint(7, 3600, 3400);
  Checkpoint(7, 3600, 0);
  EXPECT_THAT(answers_, ElementsAre("3600"));
}

TEST_F(LeaseDeskTest, ACheckpointThatCannotBeTakenBackIsAskedForAgain) {
  desk_.OnApplied({{7, 3600}, {8, 3600}});
  Checkpoint(7, 3600, 100);
  Checkpoint(8, 3600, 100);
  Lead();
  takes_proposals_ = false;
  KeepAlive(7);
  Prove();
  EXPECT_THAT(answers_, IsEmpty());
  takes_proposals_ = true;
  Tick(milliseconds(100));
  Prove();
  EXPECT_THAT(checkpoints_, ElementsAre("7:0"));
  // The lease ends meanwhile.
  desk_.OnApplied({{7, 0}});
  EXPECT_THAT(answers_, ElementsAre("not found"));
  // The leadership ends meanwhile: nobody is told that the lease was renewed.
  KeepAlive(8);
  Prove();
  leads_ = false;
  desk_.OnDemoted();
  Tick(seconds(4));
  EXPECT_THAT(answers_, ElementsAre("not found", "etcdserver: no leader"));
}

TEST_F(LeaseDeskTest, AClusterWithOlderMembersGetsNoCheckpoints) {
  may_checkpoint_ = false;
  desk_.OnApplied({{7, 3600}});
  Lead();
  for (int i = 0; i < 4000; ++i) Tick(milliseconds(100));
  EXPECT_THAT(checkpoints_, IsEmpty());
}

TEST_F(LeaseDeskTest, ALeaderAnswersOnceItsLeadershipIsProven) {
  desk_.OnApplied({{7, 60}});
  Lead();
  KeepAlive(7);
  KeepAlive(8);
  Ask(LeaseQuestion::Kind::kTimeToLive, 7);
  EXPECT_THAT(answers_, IsEmpty());
  Prove();
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_EQ(answers_[0], "60");
  EXPECT_EQ(answers_[1], "not found");
  EXPECT_GE(std::stoi(answers_[2]), 59);
}

TEST_F(LeaseDeskTest, AFollowerAsksTheLeaderAndTakesItsWordOnce) {
  leader_ = raft::NodeId(2);
  KeepAlive(7);
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].first, raft::NodeId(2));
  const auto question = std::get<LeaseQuestion>(sent_[0].second);
  desk_.OnAnswer({question.sequence + 1, Outcome::kOk, 1, 1});
  desk_.OnAnswer({question.sequence, Outcome::kOk, 60, 60});
  desk_.OnAnswer({question.sequence, Outcome::kNotFound, 0, 0});
  EXPECT_THAT(answers_, ElementsAre("60"));
}

TEST_F(LeaseDeskTest, WhoeverDoesNotLeadSaysSoAndTheNextTickAsksTheNewLeader) {
  leader_ = raft::NodeId(2);
  KeepAlive(7);
  const auto question = std::get<LeaseQuestion>(sent_[0].second);
  desk_.OnAnswer({question.sequence, Outcome::kNotLeader, 0, 0});
  EXPECT_THAT(answers_, IsEmpty());
  leader_ = raft::NodeId(3);
  Tick(milliseconds(100));
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[1].first, raft::NodeId(3));
}

TEST_F(LeaseDeskTest, AMemberThatIsAskedAndDoesNotLeadRefuses) {
  desk_.OnQuestion(raft::NodeId(3), {5, LeaseQuestion::Kind::kKeepAlive, 7});
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].first, raft::NodeId(3));
  EXPECT_EQ(std::get<LeaseAnswer>(sent_[0].second).outcome, Outcome::kNotLeader);
  Lead();
  desk_.OnQuestion(raft::NodeId(3), {6, LeaseQuestion::Kind::kKeepAlive, 7});
  Prove(errors::NoLeader());
  EXPECT_EQ(std::get<LeaseAnswer>(sent_[1].second).outcome, Outcome::kNotLeader)
      << "its leadership was not proven";
}

TEST_F(LeaseDeskTest, WithoutALeaderAQuestionIsGivenUpAfterAWhile) {
  KeepAlive(7);
  Tick(milliseconds(3400));
  EXPECT_THAT(answers_, IsEmpty());
  Tick(milliseconds(200));
  EXPECT_THAT(answers_, ElementsAre(std::string(errors::NoLeader().message())));
  leader_ = raft::NodeId(2);
  connected_ = false;
  KeepAlive(7);
  Tick(milliseconds(3600));
  EXPECT_EQ(answers_.back(), std::string(errors::TimedOut().message()));
}

TEST_F(LeaseDeskTest, OnlyALeaderWithItsQuorumProposesExpiry) {
  desk_.OnApplied({{7, 2}});
  for (int i = 0; i < 100; ++i) Tick(milliseconds(100));
  EXPECT_THAT(expired_, IsEmpty()) << "no follower ends a lease";
  Lead();
  for (int i = 0; i < 100; ++i) Tick(milliseconds(100), /*quorum=*/false);
  EXPECT_THAT(expired_, IsEmpty()) << "time without a quorum does not count";
  for (int i = 0; i < 100 && expired_.empty(); ++i) Tick(milliseconds(100));
  EXPECT_THAT(expired_, ElementsAre(7));
  desk_.OnApplied({{7, 0}});
  KeepAlive(7);
  Prove();
  EXPECT_EQ(answers_.back(), "not found");
}

TEST_F(LeaseDeskTest, VeryManyLeasesThatRunOutAtOnceEndOverSeveralTicks) {
  constexpr int64_t kLeases = 5000;
  std::vector<LeaseChange> granted;
  for (int64_t id = 1; id <= kLeases; ++id) granted.push_back({id, 10});
  desk_.OnApplied(granted);
  Lead();
  while (expired_.empty()) Tick(milliseconds(100));
  size_t ticks = 1;
  for (size_t before = 0; expired_.size() < kLeases; ++ticks) {
    EXPECT_LE(expired_.size() - before, 1000u) << "writes have their turn";
    before = expired_.size();
    ASSERT_LT(ticks, 10u);
    Tick(milliseconds(100));
  }
  EXPECT_EQ(ticks, 5u);
  EXPECT_EQ(std::set<int64_t>(expired_.begin(), expired_.end()).size(), size_t{kLeases});
}

TEST_F(LeaseDeskTest, StoppingEndsEveryQuestion) {
  KeepAlive(7);
  KeepAlive(8);
  desk_.FailAll(errors::Stopped());
  EXPECT_EQ(answers_.size(), 2u);
}

}  // namespace
}  // namespace keelson::server
