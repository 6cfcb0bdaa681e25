#include "server/loop/asio_loop.h"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace keelson::server {
namespace {

using namespace std::chrono_literals;

TEST(AsioLoop, RunsTimersInTheOrderOfTheirDeadlinesAndOfTheirCreation) {
  AsioLoop loop;
  std::string order;
  loop.After(3ms, [&] { order += "d"; });
  loop.After(1ms, [&] { order += "a"; });
  loop.After(2ms, [&] { order += "b"; });
  loop.After(2ms, [&] { order += "c"; });
  loop.After(4ms, [&] { loop.Stop(); });
  loop.Run();
  EXPECT_EQ(order, "abcd");
}

TEST(AsioLoop, NeverRunsATimerBeforeItsDelayIsOver) {
  AsioLoop loop;
  const Instant start = loop.Now();
  Instant fired;
  loop.After(20ms, [&] {
    fired = loop.Now();
    loop.Stop();
  });
  loop.Run();
  EXPECT_GE(fired - start, 20ms);
}

TEST(AsioLoop, AnEarlierTimerSetLaterStillFiresOnTime) {
  AsioLoop loop;
  loop.After(1h, [] { FAIL(); });
  bool fired = false;
  loop.After(1ms, [&] {
    loop.After(1ms, [&] {
      fired = true;
      loop.Stop();
    });
  });
  loop.Run();
  EXPECT_TRUE(fired);
}

TEST(AsioLoop, ACancelledTimerDoesNotRunEvenWhenItIsAlreadyDue) {
  AsioLoop loop;
  Loop::TimerId second = 0;
  loop.After(0ms, [&] { loop.Cancel(second); });
  second = loop.After(0ms, [] { FAIL(); });
  loop.After(2ms, [&] { loop.Stop(); });
  loop.Cancel(0);
  loop.Run();
  loop.Cancel(second);
}

TEST(AsioLoop, ATimerOfZeroDelaySetByATimerRunsInALaterTurn) {
  AsioLoop loop;
  uint64_t first_turn = 0;
  uint64_t second_turn = 0;
  loop.After(0ms, [&] {
    first_turn = loop.turns();
    loop.After(0ms, [&] {
      second_turn = loop.turns();
      loop.Stop();
    });
  });
  loop.Run();
  EXPECT_GT(second_turn, first_turn);
}

TEST(AsioLoop, RunsAllThatIsQueuedBeforeTheTurnEndHooksRunOnce) {
  AsioLoop loop;
  std::string trace;
  loop.OnTurnEnd([&] { trace += "["; });
  loop.OnTurnEnd([&] { trace += "]"; });
  loop.Post([&] { trace += "p"; });
  loop.Post([&] { trace += "q"; });
  asio::post(loop.context(), [&] { trace += "i"; });
  asio::post(loop.context(), [&] { trace += "j"; });
  loop.After(0ms, [&] { trace += "t"; });
  loop.RunTurn();
  EXPECT_EQ(trace, "pqtij[]");
}

TEST(AsioLoop, ATaskPostedByATaskOrAHookRunsInTheNextTurn) {
  AsioLoop loop;
  std::string trace;
  bool hook_posted = false;
  loop.OnTurnEnd([&] {
    trace += "|";
    if (!std::exchange(hook_posted, true)) loop.Post([&] { trace += "c"; });
  });
  loop.Post([&] {
    trace += "a";
    loop.Post([&] { trace += "b"; });
  });
  loop.RunTurn();
  loop.RunTurn();
  EXPECT_EQ(trace, "a|bc|");
}

TEST(AsioLoop, TimeStandsStillWithinATurnAndMovesBetweenTurns) {
  AsioLoop loop;
  Instant first;
  Instant again;
  Instant later;
  loop.Post([&] {
    first = loop.Now();
    std::this_thread::sleep_for(1ms);
    again = loop.Now();
  });
  loop.RunTurn();
  loop.Post([&] { later = loop.Now(); });
  loop.RunTurn();
  EXPECT_EQ(first, again);
  EXPECT_GE(later - first, 1ms);
}

TEST(AsioLoop, AHandlerAfterALongSleepSeesTheTimeOfItsWakeUp) {
  AsioLoop loop;
  const Instant start = loop.Now();
  Instant seen;
  asio::steady_timer timer(loop.context());
  timer.expires_after(20ms);
  timer.async_wait([&](std::error_code) { seen = loop.Now(); });
  while (seen.nanos == 0) loop.RunTurn();
  EXPECT_GE(seen - start, 20ms);
}

TEST(AsioLoop, AFloodOfHandlersDoesNotStarveTheHooks) {
  AsioLoop::Options options;
  options.turn_budget = 1ms;
  AsioLoop loop(options);
  bool flood = true;
  std::function<void()> again = [&] {
    if (flood) asio::post(loop.context(), again);
  };
  int hooks = 0;
  loop.OnTurnEnd([&] { ++hooks; });
  again();
  loop.RunTurn();
  loop.RunTurn();
  EXPECT_EQ(hooks, 2);
  flood = false;
}

TEST(AsioLoop, TasksPostedByOneThreadKeepTheirOrderAndWakeASleepingLoop) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  AsioLoop loop;
  std::vector<int> next(kThreads, 0);
  int left = kThreads * kTasks;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&loop, &next, &left, t] {
      for (int i = 0; i < kTasks; ++i) {
        loop.Post([&loop, &next, &left, t, i] {
          EXPECT_EQ(next[t]++, i);
          if (--left == 0) loop.Stop();
        });
        if (i % 100 == 0) std::this_thread::yield();
      }
    });
  }
  loop.Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(left, 0);
}

TEST(AsioLoop, ReportsASlowTurnWithItsStage) {
  std::vector<LoopStall> stalls;
  AsioLoop::Options options;
  options.stall_threshold = 10ms;
  options.on_stall = [&](const LoopStall& stall) { stalls.push_back(stall); };
  AsioLoop loop(options);
  loop.Post([&] {
    loop.Stage("apply");
    std::this_thread::sleep_for(20ms);
    loop.Stage("after apply");
  });
  loop.RunTurn();
  ASSERT_EQ(stalls.size(), 1u);
  EXPECT_STREQ(stalls[0].stage, "apply");
  EXPECT_GE(stalls[0].stage_took, 20ms);
  EXPECT_GE(stalls[0].turn_took, stalls[0].stage_took);
}

TEST(AsioLoop, TheTimeAsleepIsNoPartOfATurn) {
  AsioLoop::Options options;
  options.stall_threshold = 1ns;
  Duration longest{};
  options.on_stall = [&](const LoopStall& stall) { longest = std::max(longest, stall.turn_took); };
  AsioLoop loop(options);
  bool fired = false;
  loop.After(400ms, [&] { fired = true; });
  while (!fired) loop.RunTurn();
  EXPECT_GT(longest, 0ns);
  EXPECT_LT(longest, 300ms);
}

TEST(AsioLoop, TheBootClockMovesOn) {
  AsioLoop loop;
  const uint64_t before = loop.BootNanos();
  std::this_thread::sleep_for(1ms);
  EXPECT_GE(loop.BootNanos(), before + 1'000'000);
}

}  // namespace
}  // namespace keelson::server
