// How the leader's questions about a state are told apart.
#include <gtest/gtest.h>

#include "server/node/state_check.h"
#include "tests/sim/sim_loop.h"
#include "tests/snapshot/snapshot_harness.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr raft::NodeId kSelf(1);

class StateQuestionsTest : public ::testing::Test {
 protected:
  StateQuestionsTest() {
    disk_.Fill(*store_.store, "k", 10);
    for (const uint64_t id : {1, 2, 3}) {
      configuration_.voters.insert(raft::NodeId(id));
      configuration_.members[raft::NodeId(id)] = {};
    }
  }

  // Leads as the process that starts with `boot_id`.
  void Lead(uint64_t boot_id) {
    StateCheck::Environment env;
    env.loop = &loop_;
    env.runner = &runner_;
    env.self = kSelf;
    env.boot_id = boot_id;
    env.view = [this] { return store_.store->View(); };
    env.send = [this](raft::NodeId, const PeerMessage& message) {
      questions_.push_back(std::get<StateQuestion>(message));
      return true;
    };
    env.configuration = [this]() -> const raft::Configuration& { return configuration_; };
    check_ = std::make_unique<StateCheck>(std::move(env), StateCheck::Limits());
    RunFor(milliseconds(500));
  }
  void RunFor(Duration time) {
    const Instant end = world_.now() + time;
    while (world_.now() < end) {
      check_->Tick(world_.now(), /*leads=*/true);
      world_.RunUntil(std::min(end, world_.now() + milliseconds(100)));
    }
  }
  // Both others answer with a hash that is not the leader's.
  void AnswerWrongly(uint64_t sequence) {
    for (const uint64_t id : {2, 3}) {
      check_->OnAnswer(raft::NodeId(id), {sequence, StateAnswer::Outcome::kHashed, 1});
    }
    RunFor(milliseconds(500));
  }

  storage::SnapshotWorld disk_{1};  // outlives what the world has queued
  sim::World world_{1};
  sim::SimLoop loop_{world_};
  sim::SimRunner runner_{loop_, world_.dice()};
  storage::OpenedStore store_ = disk_.Open(storage::kSender);
  raft::Configuration configuration_;
  std::unique_ptr<StateCheck> check_;
  std::vector<StateQuestion> questions_;
};

TEST_F(StateQuestionsTest, AnAnswerToTheProcessBeforeCountsForNothing) {
  Lead(/*boot_id=*/7);
  ASSERT_EQ(questions_.size(), 2u) << "one to each of the others";
  const uint64_t before = questions_[0].sequence;
  Lead(/*boot_id=*/uint64_t{1} << 40);
  ASSERT_EQ(questions_.size(), 4u);
  AnswerWrongly(before);
  EXPECT_EQ(questions_.size(), 4u) << "it still waits";
  AnswerWrongly(questions_.back().sequence);
  EXPECT_EQ(questions_.size(), 6u) << "they differ: the same piece again";
}

}  // namespace
}  // namespace keelson::server
