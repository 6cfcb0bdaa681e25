#include "client/keelson/internal/timer_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace keelson::client::internal {
namespace {

TEST(TimerThreadTest, PostedTasksRunInOrderOnTheThread) {
  TimerThread scheduler;
  std::vector<int> order;
  absl::Notification done;
  for (int i = 0; i < 100; ++i) scheduler.Post([&order, i] { order.push_back(i); });
  bool in_loop = false;
  scheduler.Post([&] {
    in_loop = scheduler.InLoop();
    done.Notify();
  });
  done.WaitForNotification();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
  EXPECT_TRUE(in_loop);
  EXPECT_FALSE(scheduler.InLoop());
}

TEST(TimerThreadTest, AnEarlierTimerOvertakesALaterOne) {
  TimerThread scheduler;
  absl::Notification early;
  absl::Notification late;
  bool early_first = false;
  scheduler.After(absl::Milliseconds(30), [&] {
    early_first = early.HasBeenNotified();
    late.Notify();
  });
  scheduler.After(absl::Milliseconds(1), [&] { early.Notify(); });
  late.WaitForNotification();
  EXPECT_TRUE(early_first);
}

TEST(TimerThreadTest, ACancelledTimerDoesNotRun) {
  TimerThread scheduler;
  std::atomic<bool> ran = false;
  absl::Notification done;
  scheduler.Post([&] {
    const auto timer = scheduler.After(absl::Milliseconds(1), [&] { ran = true; });
    scheduler.Cancel(timer);
    scheduler.After(absl::Milliseconds(5), [&] { done.Notify(); });
  });
  done.WaitForNotification();
  EXPECT_FALSE(ran);
}

TEST(TimerThreadTest, ItCanBeDestroyedByItsOwnTask) {
  auto owner = std::make_shared<TimerThread>();
  TimerThread* scheduler = owner.get();
  absl::Notification gone;
  scheduler->Post([owner = std::move(owner), &gone]() mutable {
    owner.reset();
    gone.Notify();
  });
  gone.WaitForNotification();
}

TEST(TimerThreadTest, ManyThreadsMayPost) {
  TimerThread scheduler;
  int counter = 0;
  absl::BlockingCounter done(4 * 250);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) {
        scheduler.Post([&] {
          ++counter;
          done.DecrementCount();
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
