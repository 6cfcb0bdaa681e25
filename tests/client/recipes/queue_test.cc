#include "client/keelson/recipes/queue.h"

#include <atomic>
#include <set>

#include "client/keelson/recipes/counter.h"
#include "tests/client/recipes/recipe_fixture.h"

namespace keelson::client::recipes {
namespace {

using keelson::testing::InBackground;

class QueueTest : public keelson::testing::RecipeTest {};

TEST_F(QueueTest, GivesTheOldestFirstAndEachToOneWorker) {
  const Queue queue(*client_, name_);
  const auto one = NewSession();
  const auto two = NewSession();
  for (const char* value : {"a", "b", "c"}) ASSERT_TRUE(queue.Push(value).ok());
  auto a = queue.Take(*one);
  ASSERT_TRUE(a.ok()) << a.status();
  EXPECT_EQ((*a)->value(), "a");
  auto b = queue.Take(*two);
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ((*b)->value(), "b");
  EXPECT_TRUE((*b)->fence().Put(client_->kv(), name_ + "-result", "of b").ok());
  EXPECT_TRUE((*b)->Done().ok());
  EXPECT_EQ(*queue.Size(), 2);
  EXPECT_TRUE((*a)->Return().ok());
  auto again = queue.Take(*two);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->value(), "a");
  EXPECT_EQ((*again)->key(), (*a)->key());
  EXPECT_TRUE(absl::IsFailedPrecondition((*a)->Done()));
  EXPECT_TRUE((*again)->Done().ok());
  EXPECT_EQ(Count(name_ + "/claims/"), 0);
}

TEST_F(QueueTest, WorkersWaitInALineAndAllItemsAreDoneOnce) {
  const Queue queue(*client_, name_);
  std::mutex mutex;
  std::multiset<std::string> done;
  std::stop_source stop;
  std::vector<std::future<void>> workers;
  for (int i = 0; i < 4; ++i) {
    workers.push_back(InBackground([&] {
      const auto session = NewSession();
      while (true) {
        auto item = queue.Take(*session, {.stop = stop.get_token()});
        if (!item.ok()) break;
        EXPECT_TRUE((*item)->Done().ok());
        const std::lock_guard lock(mutex);
        done.insert((*item)->value());
        if (done.size() == 20) stop.request_stop();
      }
    }));
  }
  ASSERT_TRUE(AwaitCount(name_ + "/line/", 4)) << "all of them wait";
  std::multiset<std::string> pushed;
  for (int i = 0; i < 20; ++i) {
    pushed.insert("item " + std::to_string(i));
    ASSERT_TRUE(queue.Push("item " + std::to_string(i)).ok());
  }
  for (auto& worker : workers) worker.get();
  EXPECT_EQ(done, pushed);
  EXPECT_EQ(Count(name_ + "/"), 0);
}

TEST_F(QueueTest, TheItemOfALostWorkerGoesToTheNext) {
  const Queue queue(*client_, name_);
  const auto one = NewSession();
  const auto two = NewSession();
  ASSERT_TRUE(queue.Push("a").ok());
  auto lost = queue.Take(*one);
  ASSERT_TRUE(lost.ok()) << lost.status();
  auto next = InBackground([&] { return queue.Take(*two); });
  ASSERT_TRUE(AwaitCount(name_ + "/line/", 1));
  ASSERT_TRUE(client_->leases().Revoke(one->lease()).ok());
  auto item = next.get();
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ((*item)->value(), "a");
  EXPECT_TRUE(absl::IsFailedPrecondition((*lost)->Done()));
  EXPECT_TRUE((*item)->Done().ok());
}

TEST_F(QueueTest, ADeadlineEndsTheWait) {
  const Queue queue(*client_, name_);
  const auto session = NewSession();
  const auto item = queue.Take(*session, {.timeout = absl::Seconds(1)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(item.status())) << item.status();
  EXPECT_EQ(Count(name_ + "/"), 0);
}

class CounterTest : public keelson::testing::RecipeTest {};

TEST_F(CounterTest, CountsWhatManyAdd) {
  std::vector<std::future<void>> adders;
  for (int i = 0; i < 4; ++i) {
    adders.push_back(InBackground([&] {
      const auto session = NewSession();
      Counter counter(*session, name_);
      for (int j = 0; j < 25; ++j) EXPECT_TRUE(counter.Add(j % 2 == 0 ? 2 : -1).ok());
    }));
  }
  for (auto& adder : adders) adder.get();
  const auto session = NewSession();
  EXPECT_EQ(*Counter(*session, name_).Get(), 4 * (13 * 2 - 12));
  EXPECT_EQ(Count(name_ + "/"), 0) << "the marks went with the sessions";
}

TEST_F(CounterTest, RefusesWhatDoesNotFitAndWhatIsNoNumber) {
  const auto session = NewSession();
  Counter counter(*session, name_);
  EXPECT_EQ(*counter.Get(), 0);
  ASSERT_TRUE(counter.Add(INT64_MAX).ok());
  EXPECT_TRUE(absl::IsOutOfRange(counter.Add(1).status()));
  EXPECT_EQ(*counter.Add(-1), INT64_MAX - 1);
  ASSERT_TRUE(client_->kv().Put(name_, "many").ok());
  EXPECT_TRUE(absl::IsDataLoss(counter.Add(1).status()));
  EXPECT_TRUE(absl::IsDataLoss(counter.Get().status()));
}

}  // namespace
}  // namespace keelson::client::recipes
