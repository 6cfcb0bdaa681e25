// A watch over the life of its streams: what is asked for after each failure, and what is
// delivered.
#include <gtest/gtest.h>

#include "client/keelson/internal/timer_thread.h"
#include "client/keelson/watch.h"
#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;
using internal::Reach;
using keelson::testing::FakeCore;
using keelson::testing::FakeStream;

class WatchSessionTest : public ::testing::Test {
 protected:
  void Start(std::vector<WatchTarget> targets, WatchOptions options = {}) {
    watcher_ = Watcher::Start(fake_.core, std::move(targets), std::move(options));
    fake_.scheduler->RunReady();
  }

  FakeStream& Last() { return *fake_.transport->streams.back(); }
  size_t streams() const { return fake_.transport->streams.size(); }

  void Answer(const WatchResponse& response) {
    Last().Answer(response);
    fake_.scheduler->RunReady();
  }
  void Created(int64_t id, int64_t revision, uint64_t cluster = 0) {
    WatchResponse response;
    response.set_created(true);
    response.set_watch_id(id);
    response.mutable_header()->set_cluster_id(cluster);
    response.mutable_header()->set_revision(revision);
    Answer(response);
  }
  // One answer with a put for each of these revisions.
  void Puts(int64_t id, std::vector<int64_t> revisions) {
    WatchResponse response;
    response.set_watch_id(id);
    for (const int64_t revision : revisions) {
      auto& event = *response.add_events();
      event.mutable_kv()->set_key("k");
      event.mutable_kv()->set_mod_revision(revision);
      response.mutable_header()->set_revision(revision);
    }
    Answer(response);
  }
  void Progress(int64_t id, int64_t revision) {
    WatchResponse response;
    response.set_watch_id(id);
    response.mutable_header()->set_revision(revision);
    Answer(response);
  }

  void EndAttempt(internal::CallEnd end) {
    // By value: the end may start a further attempt.
    const auto done = fake_.transport->attempts.back().done;
    done(std::move(end));
  }
  // Answers the linearizable read.
  void QuorumIsAt(int64_t revision) {
    ASSERT_FALSE(fake_.transport->attempts.empty());
    etcdserverpb::RangeResponse response;
    response.mutable_header()->set_revision(revision);
    EndAttempt({.reach = Reach::kAnswered, .body = response.SerializeAsString()});
  }

  // The revisions of everything that waits, in order.
  std::vector<int64_t> Taken() {
    std::vector<int64_t> revisions;
    while (true) {
      const auto batch = watcher_->Next(absl::ZeroDuration());
      if (!batch.ok()) break;
      for (const WatchEvent& event : batch->events) revisions.push_back(event.kv.mod_revision);
    }
    fake_.scheduler->RunReady();
    return revisions;
  }

  std::vector<WatchRequest> Requests() { return Last().SentAs<WatchRequest>(); }

  FakeCore fake_;
  std::unique_ptr<Watcher> watcher_;
};

using Revisions = std::vector<int64_t>;

TEST_F(WatchSessionTest, ANewStreamStartsAtTheRevisionAfterTheLastOneSeen) {
  Start({{.range = KeyRange::Key("k"), .start_revision = 5}});
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 5);
  Created(1, 20);
  Puts(1, {5, 6, 9});
  Last().Break();
  fake_.scheduler->RunReady();
  ASSERT_EQ(streams(), 2u);
  EXPECT_EQ(Last().start().endpoint, "b:1");
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 10);
  EXPECT_EQ(Taken(), (Revisions{5, 6, 9}));
}

TEST_F(WatchSessionTest, AWatchFromNowResumesAfterTheRevisionOfItsCreation) {
  Start({{.range = KeyRange::Key("k")}});
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 0);
  Created(1, 41);
  EXPECT_EQ(*watcher_->WaitReady(absl::ZeroDuration()), 41);
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 42);
}

TEST_F(WatchSessionTest, AWatchThatWasNeverAcceptedStillMeansNow) {
  Start({{.range = KeyRange::Key("k")}});
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 0);
}

TEST_F(WatchSessionTest, WhatWasDeliveredIsNotDeliveredAgain) {
  Start({{.range = KeyRange::Key("k"), .start_revision = 5}});
  Created(1, 20);
  Puts(1, {5, 6});
  Puts(1, {6, 7});
  EXPECT_EQ(Taken(), (Revisions{5, 6, 7}));
}

TEST_F(WatchSessionTest, AMarkOfProgressMovesTheStartOfTheNextStream) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 10);
  Progress(1, 500);
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 501);
  EXPECT_EQ(watcher_->Next(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kDeadlineExceeded)
      << "marks are delivered only if asked for";
}

TEST_F(WatchSessionTest, AnAnsweredProgressRequestIsNoGroundToMoveOn) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 10);
  watcher_->RequestProgress();
  fake_.scheduler->RunReady();
  EXPECT_TRUE(Requests().back().has_progress_request());
  Progress(-1, 500);
  const auto mark = watcher_->Next(absl::ZeroDuration());
  ASSERT_TRUE(mark.ok());
  EXPECT_EQ(mark->target, WatchBatch::kAllTargets);
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 11);
}

TEST_F(WatchSessionTest, EachTargetResumesAtItsOwnRevision) {
  Start({{.range = KeyRange::Key("a"), .start_revision = 1},
         {.range = KeyRange::Key("b"), .start_revision = 1}});
  Created(1, 9);
  Created(2, 9);
  Puts(2, {3});
  Puts(1, {2});
  Puts(2, {7});
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 3);
  EXPECT_EQ(Requests().at(1).create_request().start_revision(), 8);
}

TEST_F(WatchSessionTest, AMemberThatDoesNotAcceptIsLeft) {
  Start({{.range = KeyRange::Key("k")}});
  fake_.scheduler->Advance(absl::Seconds(6));
  ASSERT_EQ(streams(), 2u);
  EXPECT_TRUE(fake_.transport->streams[0]->cancelled());
  EXPECT_EQ(Last().start().endpoint, "b:1");
}

TEST_F(WatchSessionTest, EventsOfAnAbandonedStreamAreIgnored) {
  Start({{.range = KeyRange::Key("k"), .start_revision = 5}});
  const auto old = fake_.transport->streams[0];
  fake_.scheduler->Advance(absl::Seconds(6));
  WatchResponse late;
  late.set_watch_id(1);
  late.add_events()->mutable_kv()->set_mod_revision(8);
  old->Answer(late);
  old->Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Taken(), Revisions{});
  EXPECT_EQ(streams(), 2u);
}

TEST_F(WatchSessionTest, CompactionEndsTheWatchAfterWhatItStillHas) {
  Start({{.range = KeyRange::Key("k"), .start_revision = 5}});
  Created(1, 20);
  Puts(1, {5});
  WatchResponse canceled;
  canceled.set_watch_id(1);
  canceled.set_canceled(true);
  canceled.set_compact_revision(15);
  Answer(canceled);
  EXPECT_EQ(Taken(), (Revisions{5}));
  EXPECT_EQ(watcher_->Next().status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(watcher_->compact_revision(), 15);
  EXPECT_EQ(streams(), 1u);
}

TEST_F(WatchSessionTest, ARefusedWatchEnds) {
  Start({{.range = KeyRange::Between("b", "a")}});
  WatchResponse refused;
  refused.set_watch_id(-1);
  refused.set_created(true);
  refused.set_canceled(true);
  refused.set_cancel_reason("mvcc: watcher range is empty");
  Answer(refused);
  EXPECT_EQ(watcher_->Next().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(watcher_->WaitReady(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WatchSessionTest, AMissingRightEndsTheWatchAndALostLeaderDoesNot) {
  Start({{.range = KeyRange::Key("k")}});
  Last().End(absl::UnavailableError("etcdserver: no leader"), Reach::kAnswered);
  fake_.scheduler->RunReady();
  EXPECT_EQ(streams(), 2u);
  Last().End(absl::PermissionDeniedError("etcdserver: permission denied"), Reach::kAnswered);
  fake_.scheduler->RunReady();
  EXPECT_EQ(watcher_->Next().status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(WatchSessionTest, AFullBufferHoldsTheServerBackUntilItDrains) {
  Start({{.range = KeyRange::Key("k"), .start_revision = 1}}, {.max_buffered_events = 3});
  Created(1, 9);
  Puts(1, {1, 2});
  EXPECT_EQ(Last().reads(), 1);
  Puts(1, {3, 4});
  EXPECT_EQ(Last().reads(), 0);
  EXPECT_TRUE(watcher_->Next(absl::ZeroDuration()).ok());
  fake_.scheduler->RunReady();
  EXPECT_EQ(Last().reads(), 0) << "two still wait";
  EXPECT_TRUE(watcher_->Next(absl::ZeroDuration()).ok());
  fake_.scheduler->RunReady();
  EXPECT_EQ(Last().reads(), 1);
}

TEST_F(WatchSessionTest, CancelEndsStreamAndWaitersAndLeavesNoTimer) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 9);
  watcher_->Cancel();
  fake_.scheduler->RunReady();
  EXPECT_TRUE(Last().cancelled());
  EXPECT_EQ(watcher_->Next().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(fake_.scheduler->pending(), 0u);
}

TEST_F(WatchSessionTest, FailuresInARowArePacedAndReported) {
  int interruptions = 0;
  Start({{.range = KeyRange::Key("k")}},
        {.on_interrupted = [&interruptions](const absl::Status&) { ++interruptions; }});
  for (int i = 0; i < 10; ++i) {
    Last().Break();
    fake_.scheduler->Advance(absl::Seconds(1));
  }
  EXPECT_EQ(interruptions, 10);
  EXPECT_EQ(streams(), 11u);
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(streams(), 11u) << "the next try waits";
}

TEST_F(WatchSessionTest, AMemberOfAnotherClusterIsLeft) {
  std::vector<std::string> reasons;
  Start({{.range = KeyRange::Key("k")}}, {.on_interrupted = [&reasons](const absl::Status& status) {
          reasons.emplace_back(status.message());
        }});
  Created(1, 9, 100);
  Last().Break();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Last().start().endpoint, "b:1");
  Created(1, 2, 200);
  ASSERT_EQ(reasons.size(), 2u);
  EXPECT_EQ(reasons.back().find("b:1 belongs to another cluster"), 0u);
  fake_.scheduler->Advance(absl::Seconds(1));
  EXPECT_EQ(Last().start().endpoint, "c:1");
  EXPECT_EQ(Requests().at(0).create_request().start_revision(), 10);
  Created(1, 12, 100);
  Puts(1, {11});
  EXPECT_EQ(Taken(), Revisions{11});
}

TEST_F(WatchSessionTest, AWatchEndsWhereAllMembersBelongToAnotherCluster) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 9, 100);
  Last().Break();
  for (int i = 0; i < 3; ++i) {
    fake_.scheduler->Advance(absl::Seconds(1));
    EXPECT_EQ(watcher_->Next(absl::ZeroDuration()).status().code(),
              absl::StatusCode::kDeadlineExceeded);
    Created(1, 2, 200);
  }
  EXPECT_EQ(watcher_->Next(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WatchSessionTest, AMemberThatIsBehindIsNoClusterThatHasBegunAnew) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 9);
  Puts(1, {10, 11});
  Last().Break();
  fake_.scheduler->RunReady();
  Created(1, 5);
  QuorumIsAt(11);
  Puts(1, {12});
  EXPECT_EQ(Taken(), (Revisions{10, 11, 12}));
  EXPECT_EQ(fake_.transport->attempts.size(), 1u);
}

TEST_F(WatchSessionTest, AWatchEndsWhereTheClusterHasBegunAnew) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 9);
  Puts(1, {10, 11});
  Last().Break();
  fake_.scheduler->RunReady();
  Created(1, 5);
  // Nobody knows: it is asked again.
  for (int i = 0; i < 10; ++i) {
    EndAttempt({.status = absl::UnavailableError("etcdserver: no leader"), .reach = Reach::kSent});
    fake_.scheduler->Advance(absl::Seconds(2));
  }
  QuorumIsAt(6);
  EXPECT_EQ(Taken(), (Revisions{10, 11}));
  EXPECT_EQ(watcher_->Next(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Last().cancelled());
}

TEST_F(WatchSessionTest, NoCallbackComesAfterTheWatcherIsGone) {
  int calls = 0;
  Start({{.range = KeyRange::Key("k")}},
        {.on_available = [&calls] { ++calls; },
         .on_interrupted = [&calls](const absl::Status&) { ++calls; }});
  Created(1, 9);
  Puts(1, {10});
  EXPECT_EQ(calls, 1);
  watcher_ = nullptr;
  // The client's thread has not heard of it yet.
  WatchResponse response;
  response.set_watch_id(1);
  response.add_events()->mutable_kv()->set_mod_revision(11);
  Last().Answer(response);
  Last().Break();
  EXPECT_EQ(calls, 1);
}

TEST_F(WatchSessionTest, ACallbackMayDestroyItsWatcher) {
  Start({{.range = KeyRange::Key("k")}}, {.on_available = [this] { watcher_ = nullptr; }});
  Created(1, 9);
  Puts(1, {10});
  EXPECT_TRUE(Last().cancelled());
  EXPECT_EQ(fake_.scheduler->pending(), 0u);
}

TEST_F(WatchSessionTest, TheWaitForABatchCanBeCancelled) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 9);
  auto first = watcher_->NextAsync();
  fake_.scheduler->RunReady();
  first.Cancel();
  fake_.scheduler->RunReady();
  ASSERT_TRUE(first.IsReady());
  EXPECT_EQ(first.Get().status().code(), absl::StatusCode::kCancelled);
  Puts(1, {10});
  auto second = watcher_->NextAsync();
  fake_.scheduler->RunReady();
  ASSERT_TRUE(second.IsReady()) << "the batch was left for it";
  EXPECT_TRUE(second.Get().ok());
}

TEST_F(WatchSessionTest, TheLastOneToAwaitABatchGetsIt) {
  Start({{.range = KeyRange::Key("k")}});
  Created(1, 9);
  auto first = watcher_->NextAsync();
  auto second = watcher_->NextAsync();
  fake_.scheduler->RunReady();
  ASSERT_TRUE(first.IsReady());
  EXPECT_EQ(first.Get().status().code(), absl::StatusCode::kCancelled);
  Puts(1, {10});
  ASSERT_TRUE(second.IsReady());
  EXPECT_TRUE(second.Get().ok());
}

// On a thread of its own, with a transport that never answers.
TEST(WatchWaitTest, AWaitOnTheClientsThreadFailsInsteadOfWaitingForItself) {
  const auto thread = std::make_shared<internal::TimerThread>();
  const auto transport = std::make_shared<keelson::testing::FakeTransport>();
  const auto core = std::make_shared<internal::Core>(
      ClientOptions{}, std::vector<std::string>{"a:1"}, thread, transport);
  auto watcher = Watcher::Start(core, {{.range = KeyRange::Key("k")}}, {});
  const auto seen = std::make_shared<internal::FutureState<std::vector<absl::StatusCode>>>();
  thread->Post([&watcher, seen] {
    seen->Complete(std::vector{watcher->Next(absl::Seconds(1)).status().code(),
                               watcher->WaitReady(absl::Seconds(1)).status().code(),
                               watcher->Next(absl::ZeroDuration()).status().code()});
  });
  EXPECT_EQ(*seen->Wait(absl::Seconds(20)), (std::vector{absl::StatusCode::kFailedPrecondition,
                                                         absl::StatusCode::kFailedPrecondition,
                                                         absl::StatusCode::kDeadlineExceeded}));
  watcher = nullptr;
  // Its stream holds the core, which holds the transport.
  const auto cleared = std::make_shared<internal::FutureState<bool>>();
  thread->Post([transport, cleared] {
    transport->streams.clear();
    cleared->Complete(true);
  });
  EXPECT_TRUE(cleared->Wait(absl::Seconds(20)).ok());
}

}  // namespace
}  // namespace keelson::client
