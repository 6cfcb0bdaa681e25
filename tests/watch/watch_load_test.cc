// Memory per watcher, and what fan-out costs. Prints what it measured.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <ctime>
#include <iostream>

#include "tests/watch/fakes.h"

namespace keelson::server {
namespace {

// Processor time of this thread: other processes of a busy machine don't count.
struct Clock {
  static double Now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  }
};

double MicrosSince(double start) { return Clock::Now() - start; }

class CountingSink final : public WatchSink {
 public:
  void Send(SharedBody body) override {
    ++messages;
    bytes += body.size();
  }
  bool Writable() const override { return true; }
  void End(const absl::Status&) override {}
  size_t messages = 0;
  size_t bytes = 0;
};

struct World {
  explicit World(WatchOptions options = {})
      : hub({.loop = loop,
             .runner = runner,
             .random = [this] { return ++counter * 0x9e3779b97f4a7c15u; },
             .view = [this] { return store.View(); },
             .header =
                 [] {
                   return HeaderIds{1, 2, 3};
                 }},
            options, store.revision(), store.compacted()) {}

  void Put(const std::string& key, const std::string& value) {
    const auto changes = store.Apply({{.key = key, .value = value}});
    hub.Publish(changes, store.revision());
  }

  FakeLoop loop;
  FakeRunner runner{&loop};
  FakeStore store;
  uint64_t counter = 0;
  WatchHub hub;
};

size_t Allocated() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(WatchLoad, WatcherTakesUnderAHundredBytesBeyondItsRange) {
  constexpr int kStreams = 1000;
  constexpr int kWatchers = 1000;
  World world;
  auto sink = std::make_shared<CountingSink>();
  std::vector<WatchHub::StreamId> streams;
  for (int i = 0; i < kStreams; ++i) streams.push_back(world.hub.Open(sink, false));
  const size_t before = Allocated();
  for (const auto stream : streams) {
    for (int j = 0; j < kWatchers; ++j) {
      world.hub.Create(stream, {.key = "/registry/pods/" + std::to_string(j), .range_end = "~"});
    }
  }
  const size_t used = Allocated() - before;
  constexpr size_t kAll = size_t{kStreams} * kWatchers;
  std::cout << kAll << " watchers: " << used / kAll << " bytes each\n";
  if (before != 0) {  // a sanitizer's allocator reports nothing
    EXPECT_LE(used / kAll, 100u);
  }
}

TEST(WatchLoad, FanOutToAThousandStreams) {
  constexpr int kStreams = 1000;
  constexpr int kTurns = 50;
  constexpr int kWritesPerTurn = 20;
  World world;
  auto sink = std::make_shared<CountingSink>();
  for (int i = 0; i < kStreams; ++i) {
    world.hub.Create(world.hub.Open(sink, false), {.key = "/k/", .range_end = "/l"});
  }
  sink->messages = 0;
  double apply = 0;
  double longest_turn = 0;
  const auto start = Clock::Now();
  for (int turn = 0; turn < kTurns; ++turn) {
    for (int i = 0; i < kWritesPerTurn; ++i) {
      const auto put = Clock::Now();
      world.Put("/k/" + std::to_string(i), std::string(256, 'x'));
      apply += MicrosSince(put);
    }
    for (bool more = true; more;) {
      const auto deliver = Clock::Now();
      world.hub.Deliver();
      longest_turn = std::max(longest_turn, MicrosSince(deliver));
      more = world.loop.RunTurn();
    }
  }
  const double micros = MicrosSince(start);
  const auto events = world.hub.counters().events_total;
  EXPECT_EQ(events, uint64_t{kStreams} * kTurns * kWritesPerTurn);
  std::cout << events / micros << " M events/s, " << micros * 1000 / sink->messages
            << " ns a response, " << apply / (kTurns * kWritesPerTurn)
            << " us a publish (with the fake store), longest turn " << longest_turn << " us\n";
}

TEST(WatchLoad, TurnsOfAHundredThousandWatchersOfOneKeyAreBounded) {
  World world;
  auto sink = std::make_shared<CountingSink>();
  for (int i = 0; i < 1000; ++i) {
    const auto stream = world.hub.Open(sink, false);
    for (int j = 0; j < 100; ++j) world.hub.Create(stream, {.key = "/k"});
  }
  sink->messages = 0;
  world.Put("/k", "v");
  double longest = 0;
  bool more = true;
  int turns = 0;
  for (; more; ++turns) {
    const auto start = Clock::Now();
    if (turns == 0) world.hub.Deliver();
    more = world.loop.RunTurn();
    longest = std::max(longest, MicrosSince(start));
  }
  EXPECT_EQ(sink->messages, 100'000u);
  EXPECT_GE(turns, 40);
  std::cout << turns << " turns, longest " << longest << " us\n";
}

}  // namespace
}  // namespace keelson::server
