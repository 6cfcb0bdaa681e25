// Locks and elections under pauses, cuts and deaths of their holders and of members: no write of a
// stale holder is accepted where it is fenced.
//
// $KEELSON_FENCING_CYCLES (default 16): how often a holder is hit, over all lanes.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <iostream>
#include <mutex>

#include "absl/strings/numbers.h"
#include "tests/process/fencing/lane.h"

namespace keelson::testing {
namespace {

int Cycles() {
  int cycles = 16;
  const char* wanted = std::getenv("KEELSON_FENCING_CYCLES");
  if (wanted != nullptr && !absl::SimpleAtoi(wanted, &cycles)) ADD_FAILURE() << wanted;
  return cycles;
}

class FencingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!FindServerBinary()) GTEST_SKIP() << MissingServerMessage();
    auto cluster = TestCluster::Start(
        {.members = 3, .extra_flags = {"--heartbeat-interval=50", "--election-timeout=500"}});
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
  }

  // Cycles of one lane, on a thread of its own.
  void RunLane(const std::string& kind, int index, std::atomic<int>& left) {
    Lane lane(*cluster_, kind, index, static_cast<uint64_t>(index) + 1);
    std::vector<std::string> wrong;
    while (wrong.empty() && left.fetch_sub(1) > 0) {
      const std::string trouble = lane.Cycle();
      if (!trouble.empty()) wrong.push_back(trouble);
      const auto& violations = lane.ledger().violations();
      wrong.insert(wrong.end(), violations.begin(), violations.end());
    }
    const std::lock_guard lock(mutex_);
    for (const std::string& text : wrong) ADD_FAILURE() << kind << " " << index << ": " << text;
    refused_ += lane.refused();
    writes_ += lane.ledger().writes();
  }

  // Hits members, one at a time, until all lanes are through.
  void HitMembers(std::vector<std::future<void>>& lanes) {
    int hits = 0;
    for (auto& lane : lanes) {
      while (lane.wait_for(std::chrono::seconds(2)) != std::future_status::ready) {
        const int hit = hits++;
        const int member = hit % cluster_->size();
        const bool kill = hit % 2 == 0;
        kill ? cluster_->member(member).Kill() : cluster_->member(member).Pause();
        lane.wait_for(std::chrono::seconds(1));
        const absl::Status back = kill ? cluster_->Restart(member) : absl::OkStatus();
        if (!kill) cluster_->member(member).Resume();
        EXPECT_TRUE(back.ok()) << back;
      }
    }
  }

  std::unique_ptr<TestCluster> cluster_;
  std::mutex mutex_;  // guards what follows
  int refused_ = 0;
  int64_t writes_ = 0;
};

TEST_F(FencingTest, NoWriteOfAStaleHolderIsAccepted) {
  const int cycles = Cycles();
  const int count = cycles < 100 ? 4 : 8;
  std::atomic<int> left = cycles;
  std::vector<std::future<void>> lanes;
  for (int i = 0; i < count; ++i) {
    lanes.push_back(std::async(std::launch::async, [this, i, &left] {
      RunLane(i % 2 == 0 ? "lock" : "election", i, left);
    }));
  }
  HitMembers(lanes);
  for (auto& lane : lanes) lane.get();
  EXPECT_GT(refused_, 0);
  std::cout << cycles << " cycles, " << refused_ << " stale holders refused, " << writes_
            << " writes accepted" << std::endl;
}

// That the test above would see it.
TEST_F(FencingTest, WithoutAFenceAStaleWriteGoesThrough) {
  Lane lane(*cluster_, "unfenced", 0, 1);
  const auto before = lane.ledger().AwaitAfter(0, absl::Seconds(60));
  ASSERT_TRUE(before);
  lane.holder(*before).Pause();
  ASSERT_TRUE(lane.ledger().AwaitAfter(before->token, absl::Seconds(60)));
  lane.holder(*before).Resume();
  while (lane.ledger().violations().empty()) {
    ASSERT_TRUE(lane.ledger().Next(absl::Seconds(60)));
  }
  EXPECT_FALSE(lane.ledger().violations().empty());
}

}  // namespace
}  // namespace keelson::testing
