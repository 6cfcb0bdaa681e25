// A snapshot replaces the store: watchers neither go back nor skip.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;

class WatchInstall : public WatchFixture {
 protected:
  // The store moves on without the hub, then the hub is told of the new store.
  void Install(int revisions, int64_t compacted) {
    hub();
    for (int i = 0; i < revisions; ++i) store_.Apply({{.key = "a", .value = "installed"}});
    store_.Compact(compacted);
    hub().ResetStore(store_.revision(), compacted);
  }
};

TEST_F(WatchInstall, LiveWatchersGetTheRevisionsBetweenOldAndNewStore) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a", "before");
  Settle();
  Install(3, 0);
  Put("a", "after");
  Settle();
  EXPECT_THAT(Events(stream),
              ElementsAre("PUT a=before@2", "PUT a=installed@3", "PUT a=installed@4",
                          "PUT a=installed@5", "PUT a=after@6"));
}

TEST_F(WatchInstall, UndeliveredEventsOfTheOldStoreAreNotLost) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a", "before");
  Install(1, 0);
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=before@2", "PUT a=installed@3"));
}

TEST_F(WatchInstall, WatchersBehindTheNewCompactionAreCancelled) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 1});
  Create(stream, {.key = "a", .start_revision = 30, .watch_id = 2});
  Put("a", "before");
  Settle();
  EXPECT_EQ(Next(stream).watch_id(), 1);
  Install(20, 10);
  Settle();
  const Response canceled = Next(stream);
  EXPECT_TRUE(canceled.canceled());
  EXPECT_EQ(canceled.watch_id(), 1);
  EXPECT_EQ(canceled.compact_revision(), 10);
  EXPECT_EQ(canceled.header().revision(), 0);
  EXPECT_TRUE(Quiet(stream)) << "a watcher of the future is not behind";
  EXPECT_EQ(hub().counters().watchers, 1u);
}

TEST_F(WatchInstall, WatcherThatNeedsExactlyTheCompactedRevisionGoesOn) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a", "before");
  Settle();
  Install(5, 3);
  Settle();
  EXPECT_EQ(Events(stream).size(), 6u);
}

TEST_F(WatchInstall, ManyWatchersAreCancelledInSteps) {
  Start({.units_per_turn = 50});
  std::vector<Stream> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(Open());
    for (int j = 0; j < 20; ++j) Create(streams.back(), {.key = "a"});
  }
  Install(20, 10);
  hub().Deliver();
  EXPECT_GT(hub().counters().watchers, 300u);
  Settle();
  EXPECT_EQ(hub().counters().watchers, 0u);
  for (auto& stream : streams) EXPECT_EQ(stream.sink->responses.size(), 20u);
}

TEST_F(WatchInstall, WatchersCreatedDuringTheCancellingAreSpared) {
  Start({.units_per_turn = 8});
  auto old = Open();
  for (int j = 0; j < 50; ++j) Create(old, {.key = "a"});
  Install(20, 10);
  hub().Deliver();
  auto fresh = Open();
  Create(fresh, {.key = "a"});
  Create(fresh, {.key = "a", .start_revision = 12});
  Settle();
  Put("a", "after");
  Settle();
  EXPECT_EQ(hub().counters().watchers, 2u);
  EXPECT_EQ(Events(fresh).size(), 1u + 11u);
}

TEST_F(WatchInstall, StuckReaderBehindTheCompactionIsCancelledWhenItReads) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  Put("a");
  Settle();
  Install(20, 10);
  Settle();
  stream.sink->Unstick();
  hub().OnWritable(stream.id);
  Settle();
  EXPECT_TRUE(Next(stream).canceled());
}

TEST_F(WatchInstall, StuckReaderAheadOfTheCompactionIsCaughtUp) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a", "1");
  Settle();
  Events(stream);
  stream.sink->Stick(0);
  Put("a", "2");
  Settle();
  Install(2, 3);
  Settle();
  stream.sink->Unstick();
  hub().OnWritable(stream.id);
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=2@3", "PUT a=installed@4", "PUT a=installed@5"));
}

TEST_F(WatchInstall, ReadOfTheOldStoreThatIsUnderWayStaysTrue) {
  for (int i = 0; i < 30; ++i) store_.Apply({{.key = "a", .value = "old"}});
  Start({.batch_changes = 10});
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2});
  SettleLoop();
  runner_.RunOne();
  Install(5, 25);
  Settle();
  EXPECT_EQ(Events(stream).size(), 35u);
}

TEST_F(WatchInstall, ProgressIsNotAheadOfTheGap) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Install(5, 0);
  hub().RequestProgress(stream.id);
  SettleLoop();
  EXPECT_TRUE(Quiet(stream));
  Settle();
  EXPECT_EQ(Next(stream).events_size(), 5);
  const Response progress = Next(stream);
  EXPECT_EQ(progress.watch_id(), -1);
  EXPECT_EQ(progress.header().revision(), 6);
}

TEST_F(WatchInstall, NewWatchersOnlySeeWhatComesAfterTheInstall) {
  auto old = Open();
  Create(old, {.key = "a"});
  Install(5, 0);
  auto fresh = Open();
  EXPECT_EQ(Create(fresh, {.key = "a"}).header().revision(), 6);
  Put("a", "after");
  Settle();
  EXPECT_EQ(Events(old).size(), 6u);
  EXPECT_THAT(Events(fresh), ElementsAre("PUT a=after@7"));
}

}  // namespace
}  // namespace keelson::server
