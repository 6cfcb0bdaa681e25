// Progress, told on a timer and on request.
#include "tests/watch/watch_fixture.h"

namespace keelson::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class WatchProgress : public WatchFixture {
 protected:
  // A tick may come up to a tenth of the interval late.
  void Tick() {
    loop_.Pass(seconds(660));
    Settle();
  }
  void ExpectProgress(Stream& stream, int64_t watch_id, int64_t revision) {
    const Response progress = Next(stream);
    EXPECT_EQ(progress.watch_id(), watch_id);
    EXPECT_EQ(progress.header().revision(), revision);
    EXPECT_EQ(progress.events_size(), 0);
    EXPECT_FALSE(progress.created());
    EXPECT_FALSE(progress.canceled());
  }
};

TEST_F(WatchProgress, QuietWatcherThatWantsItIsToldOnTheInterval) {
  auto stream = Open();
  Create(stream, {.key = "a", .watch_id = 4, .progress_notify = true});
  Create(stream, {.key = "a", .watch_id = 5});
  Put("b");
  Settle();
  loop_.Pass(minutes(10) - milliseconds(1));
  Settle();
  EXPECT_TRUE(Quiet(stream));
  loop_.Pass(minutes(1) + milliseconds(1));
  Settle();
  ExpectProgress(stream, 4, 2);
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, WatcherWithEventsSinceTheLastTickIsNotTold) {
  auto stream = Open();
  Create(stream, {.key = "a", .progress_notify = true});
  Put("a");
  Settle();
  Next(stream);
  Tick();
  EXPECT_TRUE(Quiet(stream));
  Tick();
  ExpectProgress(stream, 0, 2);
  Tick();
  ExpectProgress(stream, 0, 2);
}

TEST_F(WatchProgress, WatcherThatNeverSawAnEventIsTold) {
  auto stream = Open();
  Create(stream, {.key = "a", .progress_notify = true});
  Tick();
  ExpectProgress(stream, 0, 1);
}

TEST_F(WatchProgress, WatcherWithAFutureStartIsNotToldBeforeIt) {
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 3, .progress_notify = true});
  Put("b");
  Tick();
  EXPECT_TRUE(Quiet(stream));
  Put("b");
  Tick();
  ExpectProgress(stream, 0, 3);
}

TEST_F(WatchProgress, WatcherThatIsBehindIsNotToldOnTheInterval) {
  for (int i = 0; i < 5; ++i) store_.Apply({{.key = "a", .value = "v"}});
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 2, .progress_notify = true});
  SettleLoop();
  loop_.Pass(minutes(11));
  SettleLoop();
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, SlowReaderIsNotFilledUpWithNotifications) {
  auto stream = Open();
  Create(stream, {.key = "a", .progress_notify = true});
  stream.sink->Stick(0);
  for (int i = 0; i < 10; ++i) Tick();
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, OneTimerServesAllWatchers) {
  Start({.progress_interval = milliseconds(200)});
  EXPECT_EQ(loop_.timers(), 1u);
  std::vector<Stream> streams;
  for (int i = 0; i < 300; ++i) {
    streams.push_back(Open());
    for (int j = 0; j < 5; ++j) Create(streams.back(), {.key = "a", .progress_notify = true});
  }
  EXPECT_EQ(loop_.timers(), 1u);
  loop_.Pass(milliseconds(220));
  Settle();
  for (auto& stream : streams) {
    for (int64_t id = 0; id < 5; ++id) ExpectProgress(stream, id, 1);
    EXPECT_TRUE(Quiet(stream));
  }
}

TEST_F(WatchProgress, IntervalIsAtLeastATenthOfASecond) {
  Start({.progress_interval = milliseconds(1)});
  auto stream = Open();
  Create(stream, {.key = "a", .progress_notify = true});
  loop_.Pass(milliseconds(99));
  Settle();
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, RequestIsAnsweredForTheWholeStream) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Create(stream, {.key = "b"});
  Put("c");
  Settle();
  hub().RequestProgress(stream.id);
  Settle();
  ExpectProgress(stream, -1, 2);
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, RequestIsAnsweredForWatchersThatNeverSawAnEvent) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  hub().RequestProgress(stream.id);
  Settle();
  ExpectProgress(stream, -1, 1);
}

TEST_F(WatchProgress, AnswerComesBehindEventsThatArePending) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Put("a");
  hub().RequestProgress(stream.id);
  Put("a");
  EXPECT_TRUE(Quiet(stream));
  Settle();
  EXPECT_EQ(Next(stream).events_size(), 2);
  ExpectProgress(stream, -1, 3);
}

TEST_F(WatchProgress, AnswerIsNeverAheadOfEventsThatTakeSeveralTurns) {
  Start({.batch_changes = 10, .units_per_turn = 7});
  auto stream = Open();
  Create(stream, {.key = "a"});
  for (int i = 0; i < 100; ++i) Put("a");
  hub().RequestProgress(stream.id);
  int64_t last = 1;
  bool told = false;
  hub().Deliver();
  do {
    while (!Quiet(stream)) {
      const Response response = Next(stream);
      if (response.events_size() > 0) {
        EXPECT_EQ(response.events(0).kv().mod_revision(), last + 1);
        last = response.events(response.events_size() - 1).kv().mod_revision();
      } else {
        EXPECT_EQ(response.header().revision(), last);
        EXPECT_GE(last, 101) << "the answer covers what was applied when it was asked for";
        told = true;
      }
    }
  } while (loop_.RunTurn());
  EXPECT_TRUE(told);
}

TEST_F(WatchProgress, StreamWithoutWatchersGetsNoAnswer) {
  auto stream = Open();
  hub().RequestProgress(stream.id);
  Settle();
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, NothingIsSentWhileAWatcherOfTheStreamIsBehind) {
  for (int i = 0; i < 5; ++i) store_.Apply({{.key = "a", .value = "v"}});
  auto stream = Open();
  Create(stream, {.key = "a"});
  Create(stream, {.key = "a", .start_revision = 2});
  hub().RequestProgress(stream.id);
  SettleLoop();
  EXPECT_TRUE(Quiet(stream));
  Settle();
  EXPECT_EQ(Next(stream).events_size(), 5);
  EXPECT_TRUE(Quiet(stream)) << "the client asks again";
  hub().RequestProgress(stream.id);
  Settle();
  ExpectProgress(stream, -1, 6);
}

TEST_F(WatchProgress, NothingIsSentWhileAWatcherWaitsForAFutureRevision) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  Create(stream, {.key = "a", .start_revision = 3});
  Put("b");
  hub().RequestProgress(stream.id);
  Settle();
  EXPECT_TRUE(Quiet(stream));
  Put("b");
  hub().RequestProgress(stream.id);
  Settle();
  ExpectProgress(stream, -1, 3);
}

TEST_F(WatchProgress, FutureStartCountsAsReachedOnceItsEventCame) {
  auto stream = Open();
  Create(stream, {.key = "a", .start_revision = 3});
  Put("b");
  Put("a");
  Settle();
  EXPECT_EQ(Next(stream).events_size(), 1);
  hub().RequestProgress(stream.id);
  Settle();
  ExpectProgress(stream, -1, 3);
}

TEST_F(WatchProgress, NothingIsSentToAReaderThatMissesEvents) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  stream.sink->Stick(0);
  Put("a");
  Settle();
  hub().RequestProgress(stream.id);
  Settle();
  EXPECT_TRUE(Quiet(stream));
}

TEST_F(WatchProgress, EveryRequestIsAnswered) {
  auto stream = Open();
  Create(stream, {.key = "a"});
  for (int i = 0; i < 3; ++i) hub().RequestProgress(stream.id);
  Settle();
  for (int i = 0; i < 3; ++i) ExpectProgress(stream, -1, 1);
}

TEST_F(WatchProgress, RequestOfAStreamThatEndedIsForgotten) {
  auto gone = Open();
  auto other = Open();
  Create(gone, {.key = "a"});
  Create(other, {.key = "a"});
  hub().RequestProgress(gone.id);
  hub().RequestProgress(other.id);
  hub().Close(gone.id);
  Settle();
  EXPECT_TRUE(Quiet(gone));
  ExpectProgress(other, -1, 1);
}

}  // namespace
}  // namespace keelson::server
