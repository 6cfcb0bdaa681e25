// Recipes as futures.
#include "client/keelson/recipes/async.h"

#include "client/keelson/recipes/lock.h"
#include "client/keelson/recipes/queue.h"
#include "tests/client/recipes/recipe_fixture.h"

namespace keelson::client::recipes {
namespace {

class AsyncTest : public keelson::testing::RecipeTest {
 protected:
  // That the lock is acquired, and how.
  Future<Reached> Acquire(Lock& lock, const WaitOptions& wait = {}) {
    return Async(
        *client_, [&lock](const WaitOptions& each) { return lock.Acquire(each); }, wait);
  }
};

TEST_F(AsyncTest, ALockIsToldOfOnTheClientsThread) {
  const auto one = NewSession();
  const auto two = NewSession();
  Lock held(*one, name_);
  Lock next(*two, name_);
  ASSERT_TRUE(Acquire(held).Get().ok());
  auto waits = Acquire(next);
  ASSERT_TRUE(AwaitCount(name_ + "/", 2));
  EXPECT_FALSE(waits.IsReady());
  ASSERT_TRUE(held.Release().ok());
  std::promise<bool> told;
  std::move(waits).Then([&](const absl::StatusOr<Reached>& result) {
    told.set_value(result.ok() && client_->InCallback());
  });
  EXPECT_TRUE(told.get_future().get());
  EXPECT_TRUE(next.IsHeld());
}

TEST_F(AsyncTest, EachWayToEndAWaitLeavesTheLine) {
  const auto one = NewSession();
  const auto two = NewSession();
  Lock held(*one, name_);
  ASSERT_TRUE(held.Acquire().ok());
  for (const char* way : {"cancel", "stop", "timeout"}) {
    Lock next(*two, name_);
    std::stop_source stop;
    const bool soon = std::string(way) == "timeout";
    auto waits = Acquire(next, {.timeout = soon ? absl::Milliseconds(50) : absl::InfiniteDuration(),
                                .stop = stop.get_token()});
    if (!soon) {
      ASSERT_TRUE(AwaitCount(name_ + "/", 2));
    }
    if (std::string(way) == "cancel") waits.Cancel();
    if (std::string(way) == "stop") stop.request_stop();
    const absl::Status ended = waits.Get().status();
    EXPECT_EQ(ended.code(),
              soon ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kCancelled)
        << way << ": " << ended;
    EXPECT_EQ(Count(name_ + "/"), 1) << way;
  }
}

TEST_F(AsyncTest, AnItemOfAQueueComesInTheFuture) {
  const auto session = NewSession();
  const Queue queue(*client_, name_);
  auto taken = Async(*client_, [&](const WaitOptions& wait) { return queue.Take(*session, wait); });
  ASSERT_TRUE(queue.Push("work").ok());
  std::promise<absl::StatusOr<std::unique_ptr<QueueItem>>> told;
  std::move(taken).Then([&told](auto item) { told.set_value(std::move(item)); });
  const auto item = told.get_future().get();
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_EQ((*item)->value(), "work");
  EXPECT_TRUE((*item)->Done().ok());
}

Future<std::string> InACoroutine(const Client& client, Lock& lock) {
  const auto held =
      co_await Async(client, [&lock](const WaitOptions& wait) { return lock.Acquire(wait); });
  if (!held.ok()) co_return held.status();
  co_return lock.fence().key();
}

TEST_F(AsyncTest, ACoroutineGoesOnWithTheLock) {
  const auto session = NewSession();
  Lock lock(*session, name_);
  const auto key = InACoroutine(*client_, lock).Get();
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(*key, lock.fence().key());
}

}  // namespace
}  // namespace keelson::client::recipes
