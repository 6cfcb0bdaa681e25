// Reading history in the background: slices, groups, fairness, failures.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;

class WatchCatchUp : public WatchFixture {
 protected:
  // `count` revisions of key `key` that the hub knows only from the store.
  void Past(const std::string& key, int count) {
    for (int i = 0; i < count; ++i) store_.Apply({{.key = key, .value = "v"}});
  }
};

TEST_F(WatchCatchUp, HistoryIsReadOffTheLoopInSlices) {
  Past("a", 100);
  Start({.batch_changes = 10});
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  SettleLoop();
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(runner_.waiting(), 1u);
  int slices = 0;
  while (runner_.RunOne()) {
    SettleLoop();
    ++slices;
  }
  EXPECT_GE(slices, 10);
  EXPECT_EQ(Events(stream).size(), 100u);
  EXPECT_EQ(store_.opened(), 1) << "one view for all slices";
}

TEST_F(WatchCatchUp, LaggardsAreCaughtUpTogether) {
  Past("a", 100);
  Start();
  std::vector<Stream> streams;
  for (int i = 0; i < 50; ++i) {
    streams.push_back(Open());
    Create(streams.back(), {.key = "a", .start_revision = 2 + i});
  }
  Settle();
  EXPECT_EQ(store_.opened(), 1);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Events(streams[i]).size(), 100u - i);
}

TEST_F(WatchCatchUp, WatchersCreatedWhileAGroupReadsGetTheirOwn) {
  Past("a", 100);
  Start({.batch_changes = 10});
  auto one = Open();
  auto two = Open();
  Create(one, {.key = "a", .start_revision = 2});
  SettleLoop();
  runner_.RunOne();
  SettleLoop();
  Create(two, {.key = "a", .start_revision = 2});
  Settle();
  EXPECT_EQ(Events(one).size(), 100u);
  EXPECT_EQ(Events(two).size(), 100u);
}

TEST_F(WatchCatchUp, LongReadsGiveWayToThoseWhoWait) {
  Past("a", 2000);
  Start({.batch_changes = 1, .group_watchers = 1, .groups = 1});
  auto one = Open();
  auto two = Open();
  Create(one, {.key = "a", .start_revision = 2});
  Create(two, {.key = "a", .start_revision = 3});
  for (int i = 0; i < 300; ++i) {
    SettleLoop();
    runner_.RunOne();
  }
  SettleLoop();
  EXPECT_GT(one.sink->responses.size(), 50u);
  EXPECT_GT(two.sink->responses.size(), 50u);
  Settle();
  EXPECT_EQ(Events(one).size(), 2000u);
  EXPECT_EQ(Events(two).size(), 1999u);
}

TEST_F(WatchCatchUp, ThoseInTheRingDontWaitForThoseInHistory) {
  Past("a", 1000);
  Start({.groups = 1});
  auto old = Open();
  Create(old, {.key = "a", .start_revision = 2});
  SettleLoop();
  Put("b");
  auto recent = Open();
  Create(recent, {.key = "b", .start_revision = store_.revision()});
  SettleLoop();
  EXPECT_EQ(Events(recent).size(), 1u);
  EXPECT_TRUE(Quiet(old));
  Settle();
  EXPECT_EQ(Events(old).size(), 1000u);
}

TEST_F(WatchCatchUp, MoreLaggardsThanGroupsAreAllServed) {
  Past("a", 50);
  Start({.batch_changes = 7, .group_watchers = 3, .groups = 2});
  std::vector<Stream> streams;
  for (int i = 0; i < 40; ++i) {
    streams.push_back(Open());
    Create(streams.back(), {.key = "a", .start_revision = 2 + i});
  }
  Settle();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(Events(streams[i]).size(), 50u - i);
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
}

TEST_F(WatchCatchUp, StreamThatEndsDuringAReadIsForgotten) {
  Past("a", 100);
  Start();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  SettleLoop();
  ASSERT_EQ(runner_.waiting(), 1u);
  hub().Close(stream.id);
  Settle();
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
}

TEST_F(WatchCatchUp, HubThatEndsDuringAReadLeavesNothingBehind) {
  Past("a", 100);
  Start();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  SettleLoop();
  ASSERT_EQ(runner_.waiting(), 1u);
  hub_.reset();
  while (loop_.RunTurn() || runner_.RunOne()) {
  }
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchCatchUp, CompactionDuringAReadDoesNotDisturbTheViewThatIsOpen) {
  Past("a", 100);
  Start({.batch_changes = 10});
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  SettleLoop();
  runner_.RunOne();
  Compact(90);
  Settle();
  EXPECT_EQ(Events(stream).size(), 100u);
}

TEST_F(WatchCatchUp, CompactionBeforeTheReadCancels) {
  Past("a", 100);
  Start();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  Compact(50);
  Settle();
  EXPECT_TRUE(Next(stream).canceled());
}

TEST_F(WatchCatchUp, CompactionThatTheHubHasNotHeardOfCancelsToo) {
  Past("a", 100);
  Start();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  store_.Compact(50);
  Settle();
  const Response canceled = Next(stream);
  EXPECT_TRUE(canceled.canceled());
  EXPECT_EQ(canceled.compact_revision(), 50);
}

TEST_F(WatchCatchUp, UnreadableHistoryEndsTheStreamsThatNeedItAndNoOthers) {
  Past("a", 100);
  Start();
  auto needs = Open();
  auto other = Open();
  Create(needs, {.key = "a", .start_revision = 2});
  Create(other, {.key = "a"});
  store_.Break();
  Settle();
  ASSERT_TRUE(needs.sink->ended().has_value());
  EXPECT_EQ(needs.sink->ended()->code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(other.sink->ended().has_value());
  EXPECT_EQ(hub().counters().streams, 1u);
  Put("a");
  Settle();
  EXPECT_EQ(Events(other).size(), 1u);
}

TEST_F(WatchCatchUp, FilteredHistoryStillMovesTheWatcherOn) {
  Past("other", 500);
  Past("a", 1);
  Start({.batch_changes = 10});
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=v@502"));
  EXPECT_EQ(hub().counters().slow_watchers, 0u);
}

TEST_F(WatchCatchUp, BurstLargerThanTheRingReachesLiveWatchersFromHistory) {
  Start({.ring_bytes = 1000});
  auto stream = Open();
  Create(stream, {.key = "a"});
  for (int i = 0; i < 300; ++i) Put("a");
  Settle();
  EXPECT_GE(store_.opened(), 1);
  EXPECT_EQ(Events(stream).size(), 300u);
}

}  // namespace
}  // namespace keelson::server
