// Slow readers: nothing is lost, repeated or reordered, nobody is cut off, nobody else waits.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WatchSlow : public WatchFixture {
 protected:
  void Drain(Stream& stream) {
    stream.sink->Unstick();
    hub().OnWritable(stream.id);
  }
  static std::vector<std::string> PutsOf(const std::string& key, int first, int last) {
    std::vector<std::string> events;
    for (int r = first; r <= last; ++r) {
      events.push_back("PUT " + key + "=v@" + std::to_string(r));
    }
    return events;
  }
};

TEST_F(WatchSlow, StuckReaderGetsEverythingOnceItReads) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  for (int i = 0; i < 50; ++i) {
    Put("a");
    Settle();
  }
  EXPECT_TRUE(Quiet(stream)) << "nothing is buffered for it";
  EXPECT_EQ(hub().counters().slow_watchers, 1u);
  Drain(stream);
  Settle();
  EXPECT_EQ(Events(stream), PutsOf("a", 2, 51));
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
  Put("a");
  Settle();
  EXPECT_EQ(Events(stream), PutsOf("a", 52, 52));
}

TEST_F(WatchSlow, CatchUpFromTheRingReadsNoHistory) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  for (int i = 0; i < 50; ++i) Put("a");
  Settle();
  Drain(stream);
  Settle();
  EXPECT_EQ(Events(stream).size(), 50u);
  EXPECT_EQ(store_.opened(), 0);
}

TEST_F(WatchSlow, ReaderThatFellOutOfTheRingIsCaughtUpFromHistory) {
  Start({.ring_bytes = 2000});
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  for (int i = 0; i < 100; ++i) {
    Put("a");
    Settle();
  }
  Drain(stream);
  Settle();
  EXPECT_GE(store_.opened(), 1);
  EXPECT_EQ(Events(stream), PutsOf("a", 2, 101));
}

TEST_F(WatchSlow, OthersAreNotHeldUp) {
  auto stuck = Open();
  auto quick = Open();
  Create(stuck, {.key = "a"});
  Create(quick, {.key = "a"});
  stuck.sink->Stick(0);
  for (int r = 2; r < 12; ++r) {
    Put("a");
    Settle();
    EXPECT_EQ(Events(quick), PutsOf("a", r, r));
  }
}

TEST_F(WatchSlow, ReaderThatMissedNothingIsNotSlow) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  Put("b");
  Settle();
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
}

TEST_F(WatchSlow, OnlyTheWatchersThatMissedSomethingFallBehind) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 1});
  Create(stream, {.key = "b", .watch_id = 2});
  stream.sink->Stick(0);
  Put("a");
  Settle();
  EXPECT_EQ(hub().counters().slow_watchers, 1u);
  Put("b");
  Put("a");
  Settle();
  EXPECT_EQ(hub().counters().slow_watchers, 2u);
  Drain(stream);
  Settle();
  const Response first = Next(stream);
  const Response second = Next(stream);
  EXPECT_EQ(first.watch_id(), 1);
  EXPECT_EQ(first.events_size(), 2);
  EXPECT_EQ(second.watch_id(), 2);
  EXPECT_EQ(second.events_size(), 1);
}

TEST_F(WatchSlow, ReaderThatStopsInTheMiddleGoesOnWhereItStopped) {
  Start({.ring_bytes = 5000, .batch_changes = 10});
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  for (int i = 0; i < 200; ++i) Put("a");
  Settle();
  std::vector<std::string> seen;
  while (hub().counters().slow_watchers > 0) {
    stream.sink->Unstick();
    stream.sink->Stick(300);
    hub().OnWritable(stream.id);
    Settle();
    const auto events = Events(stream);
    EXPECT_FALSE(events.empty());
    seen.insert(seen.end(), events.begin(), events.end());
  }
  EXPECT_EQ(seen, PutsOf("a", 2, 201));
}

TEST_F(WatchSlow, WritesDuringTheCatchUpFollowInOrder) {
  Start({.ring_bytes = 1000, .batch_changes = 5});
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  for (int i = 0; i < 40; ++i) Put("a");
  Settle();
  Drain(stream);
  for (int i = 0; i < 40; ++i) {
    Put("a");
    hub().Deliver();
    loop_.RunTurn();
    runner_.RunOne();
  }
  Settle();
  EXPECT_EQ(Events(stream), PutsOf("a", 2, 81));
}

TEST_F(WatchSlow, CompactionThatOvertakesALaggardCancelsIt) {
  Start({.ring_bytes = 1000});
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 7});
  stream.sink->Stick(0);
  for (int i = 0; i < 50; ++i) Put("a");
  Settle();
  Compact(40);
  Settle();
  Drain(stream);
  Settle();
  const Response canceled = Next(stream);
  EXPECT_TRUE(canceled.canceled());
  EXPECT_EQ(canceled.watch_id(), 7);
  EXPECT_EQ(canceled.compact_revision(), 40);
  EXPECT_EQ(canceled.header().revision(), 0);
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(hub().counters().watchers, 0u);
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
}

TEST_F(WatchSlow, LaggardWhoseEventsAreAllInTheRingSurvivesACompaction) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  for (int i = 0; i < 50; ++i) Put("a");
  Settle();
  Compact(40);
  Drain(stream);
  Settle();
  EXPECT_EQ(Events(stream), PutsOf("a", 2, 51));
}

TEST_F(WatchSlow, LaggardExactlyAtTheCompactedRevisionSurvives) {
  Start({.ring_bytes = 1000});
  auto stream = Open();
  Create(stream, {.key = "a"});
  for (int i = 0; i < 10; ++i) Put("a");
  Settle();
  Events(stream);
  stream.sink->Stick(0);
  for (int i = 0; i < 50; ++i) Put("a");
  Settle();
  Compact(12);  // what it missed first
  Drain(stream);
  Settle();
  EXPECT_EQ(Events(stream), PutsOf("a", 12, 61));
}

TEST_F(WatchSlow, CancelOfALaggardEndsIt) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 1});
  Create(stream, {.key = "a", .watch_id = 2});
  stream.sink->Stick(0);
  Put("a");
  Settle();
  hub().Cancel(stream.id, 1);
  EXPECT_TRUE(Next(stream).canceled());
  Drain(stream);
  Settle();
  EXPECT_EQ(Next(stream).watch_id(), 2);
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
}

TEST_F(WatchSlow, WorkOfATurnIsBounded) {
  Start({.units_per_turn = 100});
  std::vector<Stream> streams;
  for (int i = 0; i < 1000; ++i) {
    streams.push_back(Open());
    Create(streams.back(), {.key = "a"});
  }
  Put("a");
  hub().Deliver();
  size_t served = 0;
  for (auto& stream : streams) served += stream.sink->responses.size();
  EXPECT_LE(served, 100u);
  EXPECT_GT(served, 0u);
  int turns = 0;
  while (loop_.RunTurn()) ++turns;
  EXPECT_GE(turns, 9);
  for (auto& stream : streams) EXPECT_EQ(Events(stream), PutsOf("a", 2, 2));
}

TEST_F(WatchSlow, WatchersThatComeAndGoBetweenTheTurnsOfABatchHarmNobody) {
  Start({.units_per_turn = 10});
  std::vector<Stream> streams;
  for (int i = 0; i < 200; ++i) {
    streams.push_back(Open());
    Create(streams.back(), {.key = "a"});
  }
  Put("a");
  hub().Deliver();
  std::vector<Stream> late;
  for (int i = 0; i < 100; ++i) {
    loop_.RunTurn();
    late.push_back(Open());
    Create(late.back(), {.key = "a"});
    hub().Close(streams[i * 2].id);
  }
  Settle();
  for (int i = 1; i < 200; i += 2) EXPECT_EQ(Events(streams[i]), PutsOf("a", 2, 2)) << i;
  for (auto& stream : late) EXPECT_TRUE(Quiet(stream));
  Put("a");
  Settle();
  for (auto& stream : late) EXPECT_EQ(Events(stream), PutsOf("a", 3, 3));
}

}  // namespace
}  // namespace keelson::server
