#include "client/keelson/recipes/election.h"

#include "tests/client/recipes/recipe_fixture.h"

namespace keelson::client::recipes {
namespace {

using keelson::testing::InBackground;
using keelson::testing::IsOver;

class ElectionTest : public keelson::testing::RecipeTest {};

TEST_F(ElectionTest, OneLeadsUntilItResigns) {
  const auto one = NewSession();
  const auto two = NewSession();
  EXPECT_EQ(*Election::Current(*client_, name_), std::nullopt);
  Election first(*one, name_);
  ASSERT_TRUE(first.Campaign("a").ok());
  EXPECT_TRUE(first.IsLeader());
  Election second(*two, name_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.Proclaim("b")));
  auto campaign = InBackground([&] { return second.Campaign("b"); });
  ASSERT_TRUE(AwaitCount(name_ + "/", 2));
  EXPECT_FALSE(IsOver(campaign));
  EXPECT_EQ((*Election::Current(*client_, name_))->value, "a");
  EXPECT_EQ((*Election::Current(*client_, name_))->fence, first.fence());
  const Fence stale = first.fence();
  ASSERT_TRUE(first.Resign().ok());
  ASSERT_TRUE(campaign.get().ok());
  EXPECT_EQ((*Election::Current(*client_, name_))->value, "b");
  EXPECT_TRUE(absl::IsFailedPrecondition(stale.Put(client_->kv(), "k", "v").status()));
  EXPECT_TRUE(second.fence().Put(client_->kv(), "k", "v").ok());
}

TEST_F(ElectionTest, AValueIsProclaimedUnderTheSameToken) {
  const auto session = NewSession();
  Election election(*session, name_);
  ASSERT_TRUE(election.Campaign("a").ok());
  const Fence fence = election.fence();
  ASSERT_TRUE(election.Proclaim("b").ok());
  EXPECT_EQ((*Election::Current(*client_, name_))->value, "b");
  EXPECT_EQ(election.fence(), fence);
  ASSERT_TRUE(client_->kv().Delete(KeyRange::Key(fence.key())).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(election.Proclaim("c")));
}

TEST_F(ElectionTest, AnObserverSeesEveryLeaderAndEveryWord) {
  const auto one = NewSession();
  const auto two = NewSession();
  LeaderObserver observer(*client_, name_);
  const auto none = observer.Next({.timeout = absl::Seconds(20)});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(*none, std::nullopt);
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(observer.Next({.timeout = absl::Milliseconds(20)}).status()));
  Election first(*one, name_);
  ASSERT_TRUE(first.Campaign("a").ok());
  ASSERT_TRUE(first.Proclaim("a2").ok());
  Election second(*two, name_);
  auto campaign = InBackground([&] { return second.Campaign("b"); });
  ASSERT_TRUE(AwaitCount(name_ + "/", 2));
  ASSERT_TRUE(first.Resign().ok());
  ASSERT_TRUE(campaign.get().ok());
  ASSERT_TRUE(second.Resign().ok());
  std::vector<std::string> seen;
  for (int i = 0; i < 4; ++i) {
    const auto leader = observer.Next({.timeout = absl::Seconds(20)});
    ASSERT_TRUE(leader.ok()) << leader.status();
    seen.push_back(*leader ? (*leader)->value : "-");
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "a2", "b", "-"}));
}

TEST_F(ElectionTest, AStopEndsTheObserversWait) {
  LeaderObserver observer(*client_, name_);
  ASSERT_TRUE(observer.Next().ok());
  std::stop_source stop;
  auto next = InBackground([&] { return observer.Next({.stop = stop.get_token()}).status(); });
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(next.get()));
}

}  // namespace
}  // namespace keelson::client::recipes
