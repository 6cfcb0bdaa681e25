#include "server/loop/thread_runner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <latch>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/loop/asio_loop.h"
#include "server/loop/system_random.h"

namespace keelson::server {
namespace {

using Lane = Runner::Lane;

TEST(ThreadRunner, RunsTheJobsOfALaneInOrderAndTheirDonesOnTheLoop) {
  constexpr int kJobs = 1000;
  AsioLoop loop;
  ThreadRunner runner(loop);
  runner.Start();
  const std::thread::id loop_thread = std::this_thread::get_id();
  std::vector<int> worked;
  std::vector<int> done;
  for (int i = 0; i < kJobs; ++i) {
    runner.Run(
        Lane::kWal,
        [&, i] {
          EXPECT_NE(std::this_thread::get_id(), loop_thread);
          worked.push_back(i);
        },
        [&, i] {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          EXPECT_GT(worked.size(), static_cast<size_t>(i));
          done.push_back(i);
          if (i + 1 == kJobs) loop.Stop();
        });
    // One job at a time: `worked` has no lock of its own.
    while (done.size() < static_cast<size_t>(i + 1)) loop.RunTurn();
  }
  EXPECT_TRUE(std::is_sorted(worked.begin(), worked.end()));
  EXPECT_EQ(done.size(), static_cast<size_t>(kJobs));
}

TEST(ThreadRunner, KeepsTheOrderOfABurst) {
  constexpr int kJobs = 5000;
  AsioLoop loop;
  ThreadRunner runner(loop);
  runner.Start();
  std::vector<int> worked;
  std::vector<int> done;
  for (int i = 0; i < kJobs; ++i) {
    runner.Run(
        Lane::kStore, [&worked, i] { worked.push_back(i); }, [&done, i] { done.push_back(i); });
  }
  while (done.size() < kJobs) loop.RunTurn();
  EXPECT_TRUE(std::is_sorted(worked.begin(), worked.end()));
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

TEST(ThreadRunner, ABusyLaneDoesNotHoldUpAnother) {
  AsioLoop loop;
  ThreadRunner runner(loop);
  runner.Start();
  std::latch release(1);
  std::string order;
  runner.Run(
      Lane::kStore, [&] { release.wait(); }, [&] { order += "store"; });
  runner.Run(
      Lane::kWal, [] {},
      [&] {
        order += "wal ";
        release.count_down();
      });
  while (order != "wal store") loop.RunTurn();
}

TEST(ThreadRunner, StopRunsWhatIsQueuedAndMayBeFollowedByAnotherStart) {
  AsioLoop loop;
  ThreadRunner runner(loop);
  int worked = 0;
  int done = 0;
  for (int round = 1; round <= 2; ++round) {
    runner.Start();
    for (int i = 0; i < 100; ++i) {
      runner.Run(
          Lane::kRead, [&] { ++worked; }, [&] { ++done; });
    }
    runner.Stop();
    EXPECT_EQ(worked, 100 * round);
    loop.RunTurn();
    EXPECT_EQ(done, 100 * round);
  }
  EXPECT_EQ(runner.Stats(Lane::kRead).jobs, 200u);
}

TEST(ThreadRunner, CountsHowLongAHandOffTakes) {
  constexpr int kRounds = 2000;
  AsioLoop loop;
  ThreadRunner runner(loop);
  runner.Start();
  int64_t there_and_back = 0;
  for (int i = 0; i < kRounds; ++i) {
    bool finished = false;
    const Instant start = loop.Now();
    runner.Run(
        Lane::kWal, [] {}, [&] { finished = true; });
    while (!finished) loop.RunTurn();
    there_and_back += (loop.Now() - start).count();
  }
  const ThreadRunner::LaneStats stats = runner.Stats(Lane::kWal);
  EXPECT_EQ(stats.jobs, static_cast<uint64_t>(kRounds));
  EXPECT_GT(stats.handoff_nanos, 0u);
  std::printf("hand-off to a sleeping lane: mean %.1f us, max %.1f us; and back: mean %.1f us\n",
              stats.handoff_nanos / 1e3 / kRounds, stats.max_handoff_nanos / 1e3,
              there_and_back / 1e3 / kRounds);
}

TEST(SystemRandom, CopiesShareOneSequenceAndSourcesDiffer) {
  const Random first = MakeSystemRandom();
  const Random copy = first;
  const Random second = MakeSystemRandom();
  std::set<uint64_t> seen;
  for (int i = 0; i < 100; ++i) {
    seen.insert(first());
    seen.insert(copy());
    seen.insert(second());
  }
  EXPECT_EQ(seen.size(), 300u);
}

}  // namespace
}  // namespace keelson::server
