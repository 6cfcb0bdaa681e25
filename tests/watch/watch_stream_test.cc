// Cancels, the end of streams, leaders lost, counters.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;

class WatchStreams : public WatchFixture {};

TEST_F(WatchStreams, CancelIsAnsweredWithoutAReason) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 9});
  Put("b");
  hub().Cancel(stream.id, 9);
  const Response canceled = Next(stream);
  EXPECT_TRUE(canceled.canceled());
  EXPECT_FALSE(canceled.created());
  EXPECT_EQ(canceled.watch_id(), 9);
  EXPECT_EQ(canceled.cancel_reason(), "");
  EXPECT_EQ(canceled.compact_revision(), 0);
  EXPECT_EQ(canceled.header().revision(), 2);
}

TEST_F(WatchStreams, NoEventFollowsTheCancel) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a");
  hub().Cancel(stream.id, 0);
  Put("a");
  Settle();
  EXPECT_TRUE(Next(stream).canceled());
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchStreams, CancelOfAnUnknownIdIsIgnoredSilently) {
  auto stream = Open();
  hub().Cancel(stream.id, 5);
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchStreams, CancelLeavesTheOtherWatchersOfTheRangeAlone) {
  auto stream = Open();
  for (int64_t id = 1; id <= 3; ++id) {
    Create(stream, {.key = "a", .range_end = "b", .watch_id = id});
  }
  hub().Cancel(stream.id, 1);
  Next(stream);
  Put("a");
  Settle();
  EXPECT_EQ(stream.sink->responses.size(), 2u);
}

TEST_F(WatchStreams, ClosedStreamGetsNothingMore) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a");
  hub().Close(stream.id);
  Settle();
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(hub().counters().streams, 0u);
  EXPECT_EQ(hub().counters().watchers, 0u);
}

TEST_F(WatchStreams, StreamsThatRequireALeaderEndWhenThereIsNone) {
  auto requires_one = Open(/*require_leader=*/true);
  auto lives_on = Open();
  Create(requires_one, {.key = "a"});
  Create(lives_on, {.key = "a"});
  hub().OnNoLeaderFor3Timeouts();
  ASSERT_TRUE(requires_one.sink->ended().has_value());
  EXPECT_EQ(requires_one.sink->ended()->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(requires_one.sink->ended()->message()), "etcdserver: no leader");
  EXPECT_FALSE(lives_on.sink->ended().has_value());
  Put("a");
  Settle();
  EXPECT_THAT(Events(lives_on), ElementsAre("PUT a=v@2"));
}

TEST_F(WatchStreams, ShutdownEndsAllWithItsStatus) {
  auto one = Open();
  auto two = Open(true);
  Create(one, {.key = "a"});
  hub().EndAll(absl::UnavailableError("etcdserver: server stopped"));
  EXPECT_TRUE(one.sink->ended().has_value());
  EXPECT_TRUE(two.sink->ended().has_value());
  EXPECT_EQ(hub().counters().streams, 0u);
}

TEST_F(WatchStreams, CountersTellWhatIsThere) {
  auto one = Open();
  auto two = Open();
  Create(one, {.key = "a"});
  Create(two, {.key = "a"});
  Create(two, {.key = "b"});
  Put("a");
  Put("c");
  WatchCounters counters = hub().counters();
  EXPECT_EQ(counters.streams, 2u);
  EXPECT_EQ(counters.watchers, 3u);
  EXPECT_EQ(counters.pending_events, 2u);
  EXPECT_EQ(counters.events_total, 0u);
  Settle();
  counters = hub().counters();
  EXPECT_EQ(counters.pending_events, 0u);
  EXPECT_EQ(counters.events_total, 2u);
}

TEST_F(WatchStreams, FirstWatcherAfterALongQuietTimeReadsNoHistory) {
  hub();
  for (int i = 0; i < 100; ++i) Put("a");
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a");
  Settle();
  EXPECT_EQ(Events(stream).size(), 1u);
  EXPECT_EQ(store_.opened(), 0);
}

}  // namespace
}  // namespace keelson::server
