#include "client/keelson/internal/timer_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <vector>

namespace keelson::client::internal {
namespace {

// Something that happens once; ThreadSanitizer understands it, unlike Abseil's own.
class Event {
 public:
  void Happen() { promise_.set_value(); }
  void Wait() { happened_.wait(); }
  bool Happened() const {
    return happened_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  std::promise<void> promise_;
  std::shared_future<void> happened_ = promise_.get_future().share();
};

TEST(TimerThreadTest, PostedTasksRunInOrderOnTheThread) {
  TimerThread scheduler;
  std::vector<int> order;
  Event done;
  for (int i = 0; i < 100; ++i) scheduler.Post([&order, i] { order.push_back(i); });
  bool in_loop = false;
  scheduler.Post([&] {
    in_loop = scheduler.InLoop();
    done.Happen();
  });
  done.Wait();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
  EXPECT_TRUE(in_loop);
  EXPECT_FALSE(scheduler.InLoop());
}

TEST(TimerThreadTest, AnEarlierTimerOvertakesALaterOne) {
  TimerThread scheduler;
  Event early;
  Event late;
  bool early_first = false;
  scheduler.After(absl::Milliseconds(30), [&] {
    early_first = early.Happened();
    late.Happen();
  });
  scheduler.After(absl::Milliseconds(1), [&] { early.Happen(); });
  late.Wait();
  EXPECT_TRUE(early_first);
}

TEST(TimerThreadTest, ACancelledTimerDoesNotRun) {
  TimerThread scheduler;
  std::atomic<bool> ran = false;
  Event done;
  scheduler.Post([&] {
    const auto timer = scheduler.After(absl::Milliseconds(1), [&] { ran = true; });
    scheduler.Cancel(timer);
    scheduler.After(absl::Milliseconds(5), [&] { done.Happen(); });
  });
  done.Wait();
  EXPECT_FALSE(ran);
}

TEST(TimerThreadTest, ATimerComesInTimeThoughThereIsAlwaysSomethingPosted) {
  TimerThread scheduler;
  Event fired;
  Event over;
  int left = 5'000'000;
  std::function<void()> work = [&] {
    if (fired.Happened() || --left == 0) return over.Happen();
    scheduler.Post([&] { work(); });
  };
  scheduler.Post([&] {
    scheduler.After(absl::Milliseconds(1), [&] { fired.Happen(); });
    work();
  });
  over.Wait();
  EXPECT_GT(left, 0);
  fired.Wait();
}

TEST(TimerThreadTest, ItCanBeDestroyedByItsOwnTask) {
  auto owner = std::make_shared<TimerThread>();
  TimerThread* scheduler = owner.get();
  // Shared: the task's thread is on its own when the test goes on.
  const auto gone = std::make_shared<Event>();
  scheduler->Post([owner = std::move(owner), gone]() mutable {
    owner.reset();
    gone->Happen();
  });
  gone->Wait();
}

TEST(TimerThreadTest, ManyThreadsMayPost) {
  TimerThread scheduler;
  int counter = 0;
  Event done;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        scheduler.Post([&] {
          if (++counter == 1000) done.Happen();
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done.Wait();
  EXPECT_EQ(counter, 1000);
}

}  // namespace
}  // namespace keelson::client::internal
