#include "client/keelson/recipes/barrier.h"

#include "tests/client/recipes/recipe_fixture.h"

namespace keelson::client::recipes {
namespace {

using keelson::testing::InBackground;
using keelson::testing::IsOver;

class BarrierTest : public keelson::testing::RecipeTest {};

TEST_F(BarrierTest, HoldsAllWhoWaitUntilItIsLowered) {
  const Barrier barrier(*client_, name_);
  EXPECT_TRUE(barrier.Wait().ok()) << "it is down";
  ASSERT_TRUE(barrier.Raise().ok());
  ASSERT_TRUE(barrier.Raise().ok()) << "it is up";
  EXPECT_TRUE(absl::IsDeadlineExceeded(barrier.Wait({.timeout = absl::Milliseconds(20)})));
  auto one = InBackground([&] { return barrier.Wait(); });
  auto two = InBackground([&] { return barrier.Wait(); });
  EXPECT_FALSE(IsOver(one));
  ASSERT_TRUE(barrier.Lower().ok());
  EXPECT_TRUE(one.get().ok());
  EXPECT_TRUE(two.get().ok());
}

TEST_F(BarrierTest, WithASessionItGoesWithIt) {
  const Barrier barrier(*client_, name_);
  const auto session = NewSession();
  ASSERT_TRUE(barrier.Raise(session.get()).ok());
  auto waiter = InBackground([&] { return barrier.Wait(); });
  ASSERT_TRUE(session->Close().ok());
  EXPECT_TRUE(waiter.get().ok());
}

class DoubleBarrierTest : public keelson::testing::RecipeTest {
 protected:
  void SetUp() override {
    RecipeTest::SetUp();
    for (int i = 0; environment_ != nullptr && i < 3; ++i) {
      sessions_.push_back(NewSession());
      barriers_.push_back(std::make_unique<DoubleBarrier>(*sessions_[i], name_, 3));
    }
  }

  std::vector<std::unique_ptr<LeaseSession>> sessions_;
  std::vector<std::unique_ptr<DoubleBarrier>> barriers_;
};

TEST_F(DoubleBarrierTest, AllEnterTogetherAndLeaveTogetherTimeAfterTime) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::future<absl::Status>> entering;
    for (int i = 0; i < 2; ++i) {
      entering.push_back(InBackground([this, i] { return barriers_[i]->Enter(); }));
    }
    ASSERT_TRUE(AwaitCount(name_ + "/in/", 2));
    EXPECT_FALSE(IsOver(entering[0]));
    EXPECT_FALSE(IsOver(entering[1]));
    ASSERT_TRUE(barriers_[2]->Enter().ok());
    for (auto& one : entering) EXPECT_TRUE(one.get().ok());
    std::vector<std::future<absl::Status>> leaving;
    for (int i = 0; i < 2; ++i) {
      leaving.push_back(InBackground([this, i] { return barriers_[i]->Leave(); }));
    }
    ASSERT_TRUE(AwaitCount(name_ + "/in/", 1));
    EXPECT_FALSE(IsOver(leaving[0]));
    EXPECT_FALSE(IsOver(leaving[1]));
    ASSERT_TRUE(barriers_[2]->Leave().ok());
    for (auto& one : leaving) EXPECT_TRUE(one.get().ok());
    EXPECT_EQ(Count(name_ + "/"), 0);
  }
}

TEST_F(DoubleBarrierTest, WhoGivesUpIsOutAgain) {
  const absl::Status alone = barriers_[0]->Enter({.timeout = absl::Seconds(1)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(alone)) << alone;
  EXPECT_EQ(Count(name_ + "/"), 0);
}

TEST_F(DoubleBarrierTest, NobodyEntersWhileOthersAreLeaving) {
  auto one = InBackground([this] { return barriers_[0]->Enter(); });
  auto two = InBackground([this] { return barriers_[1]->Enter(); });
  ASSERT_TRUE(barriers_[2]->Enter().ok());
  ASSERT_TRUE(one.get().ok());
  ASSERT_TRUE(two.get().ok());
  auto leaving = InBackground([this] { return barriers_[0]->Leave(); });
  ASSERT_TRUE(AwaitCount(name_ + "/in/", 2));
  const auto late_session = NewSession();
  DoubleBarrier late(*late_session, name_, 3);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.Enter({.timeout = absl::Seconds(1)})));
  // The two others die: nobody of them closes the barrier, and who waits does.
  ASSERT_TRUE(sessions_[1]->Close().ok());
  ASSERT_TRUE(sessions_[2]->Close().ok());
  EXPECT_TRUE(leaving.get().ok());
  EXPECT_EQ(Count(name_ + "/"), 0);
}

}  // namespace
}  // namespace keelson::client::recipes
