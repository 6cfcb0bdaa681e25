// Where a watcher starts: now, in the past, in the future, and at the edge of compaction.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WatchStart : public WatchFixture {
 protected:
  // Revisions 2 to 6 of key "a".
  void Fill() {
    hub();
    for (int i = 2; i <= 6; ++i) Put("a", std::to_string(i));
  }
};

TEST_F(WatchStart, ZeroStartsWithTheNextRevision) {
  Fill();
  auto stream = Open();
  Create(stream, {.key = "a"});
  Settle();
  EXPECT_TRUE(Quiet(stream));
  Put("a", "7");
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=7@7"));
}

TEST_F(WatchStart, ZeroLeavesOutWhatIsAppliedButNotYetDelivered) {
  auto early = Open();
  Create(early, {.key = "a"});
  Put("a", "old");
  auto late = Open();
  Create(late, {.key = "a"});
  Put("a", "new");
  Settle();
  EXPECT_THAT(Events(early), ElementsAre("PUT a=old@2", "PUT a=new@3"));
  EXPECT_THAT(Events(late), ElementsAre("PUT a=new@3"));
}

TEST_F(WatchStart, PastRevisionIsInclusive) {
  Fill();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 4});
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=4@4", "PUT a=5@5", "PUT a=6@6"));
  Put("a", "7");
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=7@7"));
}

TEST_F(WatchStart, CurrentRevisionIsStillThePast) {
  Fill();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 6});
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=6@6"));
}

TEST_F(WatchStart, FutureRevisionWaitsSilently) {
  Fill();
  auto stream = Open();
  const Response created = Create(stream, {.key = "a", .start_revision = 9});
  EXPECT_EQ(created.header().revision(), 6);
  Put("a", "7");
  Put("a", "8");
  Settle();
  EXPECT_TRUE(Quiet(stream));
  Put("a", "9");
  Put("a", "10");
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=9@9", "PUT a=10@10"));
}

TEST_F(WatchStart, FutureStartInsideOneBatchCutsTheBatch) {
  Fill();
  auto future = Open();
  auto now = Open();
  Create(future, {.key = "a", .start_revision = 8});
  Create(now, {.key = "a"});
  for (int i = 7; i <= 9; ++i) Put("a", std::to_string(i));
  Settle();
  EXPECT_THAT(Events(future), ElementsAre("PUT a=8@8", "PUT a=9@9"));
  EXPECT_THAT(Events(now), ElementsAre("PUT a=7@7", "PUT a=8@8", "PUT a=9@9"));
}

TEST_F(WatchStart, BelowTheCompactedRevisionIsCreatedAndThenCancelled) {
  Fill();
  Compact(5);
  auto stream = Open();
  const Response created = Create(stream, {.key = "a", .start_revision = 4, .watch_id = 3});
  EXPECT_EQ(created.watch_id(), 3);
  EXPECT_FALSE(created.canceled());
  Settle();
  const Response canceled = Next(stream);
  EXPECT_TRUE(canceled.canceled());
  EXPECT_FALSE(canceled.created());
  EXPECT_EQ(canceled.watch_id(), 3);
  EXPECT_EQ(canceled.compact_revision(), 5);
  EXPECT_EQ(canceled.header().revision(), 0);
  EXPECT_EQ(canceled.header().cluster_id(), 11u);
  EXPECT_EQ(canceled.cancel_reason(), "");
  EXPECT_TRUE(Quiet(stream));
  EXPECT_EQ(hub().counters().watchers, 0u);
}

TEST_F(WatchStart, TheIdOfACompactedWatchStaysTakenUntilItsClientCancelsIt) {
  Fill();
  Compact(5);
  auto stream = Open();
  EXPECT_EQ(Create(stream, {.key = "a", .start_revision = 4}).watch_id(), 0);
  EXPECT_TRUE(Next(stream).canceled());
  EXPECT_EQ(Create(stream, {.key = "a", .start_revision = 4, .watch_id = 2}).watch_id(), 2);
  EXPECT_TRUE(Next(stream).canceled());
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 1);
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 3) << "2 is taken";
  EXPECT_EQ(Create(stream, {.key = "a", .watch_id = 2}).cancel_reason(),
            "mvcc: duplicate watch ID provided on the WatchStream");
  hub().Cancel(stream.id, 2);
  const Response canceled = Next(stream);
  EXPECT_TRUE(canceled.canceled());
  EXPECT_EQ(canceled.watch_id(), 2);
  EXPECT_EQ(canceled.header().revision(), 6);
  EXPECT_EQ(canceled.compact_revision(), 0);
  hub().Cancel(stream.id, 2);
  EXPECT_TRUE(Quiet(stream)) << "now it is unknown";
  EXPECT_EQ(Create(stream, {.key = "a", .watch_id = 2}).watch_id(), 2);
}

TEST_F(WatchStart, TheIdOfAWatchThatACompactionOvertookStaysTaken) {
  Fill();
  Start({.ring_bytes = 0});
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2, .watch_id = 1});
  Compact(5);
  Settle();
  EXPECT_TRUE(Next(stream).canceled());
  EXPECT_EQ(hub().counters().watchers, 0u);
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 0);
  EXPECT_EQ(Create(stream, {.key = "a"}).watch_id(), 2);
}

TEST_F(WatchStart, ExactlyTheCompactedRevisionWorks) {
  Fill();
  Compact(5);
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 5});
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=5@5", "PUT a=6@6"));
}

TEST_F(WatchStart, DeleteAtTheCompactedRevisionIsDelivered) {
  Fill();
  Delete("a");
  Put("b", "8");
  Compact(7);
  auto stream = Open();
  Create(stream, {.key = "a", .range_end = "z", .start_revision = 7});
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("DELETE a@7", "PUT b=8@8"));
}

TEST_F(WatchStart, PreviousPairAtTheCompactedRevisionIsGone) {
  Fill();
  Compact(5);
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 5, .prev_kv = true});
  Settle();
  const Response response = Next(stream);
  ASSERT_EQ(response.events_size(), 2);
  EXPECT_FALSE(response.events(0).has_prev_kv());
  EXPECT_EQ(response.events(1).prev_kv().value(), "5");
}

TEST_F(WatchStart, CompactionOfTheCurrentRevisionLeavesNewWatchersAlone) {
  Fill();
  Compact(6);
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a", "7");
  Settle();
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=7@7"));
}

TEST_F(WatchStart, HistoryBeforeTheHubsTimeIsReadFromTheStore) {
  for (int i = 2; i <= 6; ++i) store_.Apply({{.key = "a", .value = std::to_string(i)}});
  Start();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 3});
  Settle();
  EXPECT_GE(store_.opened(), 1);
  EXPECT_THAT(Events(stream), ElementsAre("PUT a=3@3", "PUT a=4@4", "PUT a=5@5", "PUT a=6@6"));
}

TEST_F(WatchStart, StartAtRevisionOneSeesEverything) {
  Fill();
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 1});
  Settle();
  EXPECT_EQ(Events(stream).size(), 5u);
}

}  // namespace
}  // namespace keelson::server
