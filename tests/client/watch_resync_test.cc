// A watch that begins anew from the state: after a compaction, an overflow, or to start with.
#include <gtest/gtest.h>

#include <map>

#include "client/keelson/watch.h"
#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;
using internal::Reach;
using keelson::testing::FakeCore;
using keelson::testing::FakeStream;
using Kind = WatchBatch::Kind;

class WatchResyncTest : public ::testing::Test {
 protected:
  // Pages are easier to play than streams; a reader does the same with both.
  WatchResyncTest() { fake_.core->SetNoRangeStreams(); }

  void Start(WatchOptions options, int64_t start_revision = 0) {
    watcher_ = Watcher::Start(fake_.core,
                              {{.range = KeyRange::Prefix("k"), .start_revision = start_revision}},
                              std::move(options));
    fake_.scheduler->RunReady();
  }

  FakeStream& Stream() { return *fake_.transport->streams.back(); }
  int64_t StreamStartsAt() {
    return Stream().SentAs<WatchRequest>().at(0).create_request().start_revision();
  }
  void Send(const WatchResponse& response) {
    Stream().Answer(response);
    fake_.scheduler->RunReady();
  }
  void Created(int64_t revision) {
    WatchResponse response;
    response.set_created(true);
    response.set_watch_id(1);
    response.mutable_header()->set_revision(revision);
    Send(response);
  }
  void Change(const std::string& key, int64_t revision, bool deletion = false) {
    WatchResponse response;
    response.set_watch_id(1);
    auto& event = *response.add_events();
    if (deletion) event.set_type(mvccpb::Event::DELETE);
    event.mutable_kv()->set_key(key);
    event.mutable_kv()->set_mod_revision(revision);
    Send(response);
  }
  void Compacted() {
    WatchResponse response;
    response.set_watch_id(1);
    response.set_canceled(true);
    response.set_compact_revision(100);
    Send(response);
  }

  RangeRequest AskedFor() {
    RangeRequest request;
    EXPECT_TRUE(request.ParseFromString(fake_.transport->attempts.back().request));
    return request;
  }
  // Answers the range that was asked for last.
  void Page(const std::vector<std::string>& keys, int64_t revision, bool more = false,
            internal::Metadata metadata = {}) {
    RangeResponse response;
    response.mutable_header()->set_revision(revision);
    response.set_more(more);
    for (const std::string& key : keys) {
      auto& kv = *response.add_kvs();
      kv.set_key(key);
      kv.set_mod_revision(revision - 1);
    }
    const auto done = fake_.transport->attempts.back().done;
    done({.reach = Reach::kAnswered,
          .body = response.SerializeAsString(),
          .metadata = std::move(metadata)});
    fake_.scheduler->RunReady();
  }
  void PageFails(absl::Status status) {
    const auto done = fake_.transport->attempts.back().done;
    done({.status = std::move(status), .reach = Reach::kAnswered});
    fake_.scheduler->RunReady();
  }

  // All that waits, as text: "begin", "state +k1 -k2", "end 9", "+k3".
  std::vector<std::string> Taken() {
    std::vector<std::string> lines;
    while (true) {
      const auto batch = watcher_->Next(absl::ZeroDuration());
      if (!batch.ok()) break;
      std::string line;
      if (batch->kind == Kind::kResyncBegin) line = "begin";
      if (batch->kind == Kind::kResyncState) line = "state";
      if (batch->kind == Kind::kResyncEnd) line = "end " + std::to_string(batch->header.revision);
      for (const WatchEvent& event : batch->events) {
        line += line.empty() ? "" : " ";
        line += (event.type == WatchEvent::Type::kPut ? "+" : "-") + event.kv.key;
      }
      lines.push_back(line);
      fake_.scheduler->RunReady();
    }
    return lines;
  }

  FakeCore fake_;
  std::unique_ptr<Watcher> watcher_;
};

using Lines = std::vector<std::string>;

TEST_F(WatchResyncTest, StateAndChangesInOneWatch) {
  Start({.initial_state = true});
  EXPECT_TRUE(fake_.transport->streams.empty());
  Page({"k1", "k2"}, 20);
  EXPECT_EQ(StreamStartsAt(), 21);
  Created(25);
  Change("k3", 22);
  EXPECT_EQ(Taken(), (Lines{"begin", "state +k1 +k2", "end 20", "+k3"}));
}

TEST_F(WatchResyncTest, AfterACompactionTheStateNamesWhatIsGone) {
  Start({.resync = true}, 5);
  Created(10);
  int64_t revision = 10;
  for (const char* key : {"k1", "k2", "k4", "k5"}) Change(key, ++revision);
  Change("k5", ++revision, /*deletion=*/true);
  EXPECT_EQ(Taken().size(), 5u);
  Compacted();
  EXPECT_TRUE(fake_.transport->streams.back()->cancelled());
  Page({"k2", "k3"}, 200);
  EXPECT_EQ(Taken(), (Lines{"begin", "state -k1 +k2 +k3 -k4", "end 200"}));
  EXPECT_EQ(StreamStartsAt(), 201);
  EXPECT_EQ(watcher_->compact_revision(), 0);
}

TEST_F(WatchResyncTest, KeysGivenAndGoneAreDeletedInTheOrderOfKeys) {
  Start({.initial_state = true});
  Page({"k1", "k2", "k4", "k6"}, 20);
  Created(20);
  Change("k4", 21, /*deletion=*/true);
  EXPECT_EQ(Taken().size(), 4u);
  Compacted();
  // In two pages.
  Page({"k2"}, 200, /*more=*/true);
  EXPECT_EQ(AskedFor().revision(), 200);
  EXPECT_EQ(AskedFor().key(), std::string("k2\0", 3));
  Page({"k5"}, 200);
  EXPECT_EQ(Taken(), (Lines{"begin", "state -k1 +k2", "state +k5 -k6", "end 200"}));
}

TEST_F(WatchResyncTest, AStateCompactedAwayInTheMiddleBeginsOnceMore) {
  Start({.initial_state = true});
  Page({"k1", "k2"}, 20, /*more=*/true);
  PageFails(absl::OutOfRangeError("etcdserver: mvcc: required revision has been compacted"));
  EXPECT_EQ(AskedFor().revision(), 0);
  Page({"k2"}, 300);
  EXPECT_EQ(Taken(), (Lines{"begin", "state +k1 +k2", "begin", "state -k1 +k2", "end 300"}));
}

TEST_F(WatchResyncTest, AFailureInTheMiddleGoesOnWithTheSamePage) {
  Start({.initial_state = true});
  Page({"k1"}, 20, /*more=*/true);
  const size_t before = fake_.transport->attempts.size();
  while (fake_.transport->attempts.size() < before + 10) {
    if (fake_.transport->attempts.back().done != nullptr) {
      const auto done = std::exchange(fake_.transport->attempts.back().done, nullptr);
      done({.status = absl::UnavailableError("connection refused"), .reach = Reach::kNotSent});
    }
    fake_.scheduler->Advance(absl::Milliseconds(100));
  }
  EXPECT_EQ(AskedFor().revision(), 20);
  Page({"k2"}, 21);
  EXPECT_EQ(Taken(), (Lines{"begin", "state +k1", "state +k2", "end 20"}));
}

TEST_F(WatchResyncTest, AnOverflowDropsWhatWaitsAndForgetsNoKey) {
  Start({.max_buffered_events = 2,
         .overflow = WatchOptions::Overflow::kResync,
         .initial_state = true});
  Page({"k1"}, 20);
  EXPECT_EQ(Taken().size(), 3u);
  Created(20);
  Change("k1", 21, /*deletion=*/true);
  Change("k2", 22);
  Change("k3", 23);
  // Three wait, which is one too many; the deletion of k1 was dropped with them.
  Page({"k3"}, 30);
  EXPECT_EQ(Taken(), (Lines{"begin", "state -k1 -k2 +k3", "end 30"}));
  EXPECT_EQ(StreamStartsAt(), 31);
}

TEST_F(WatchResyncTest, AStateIsReadNoFasterThanItIsTaken) {
  Start({.max_buffered_events = 2, .initial_state = true});
  Page({"k1", "k2", "k3"}, 20, /*more=*/true);
  const size_t asked = fake_.transport->attempts.size();
  fake_.scheduler->Advance(absl::Seconds(1));
  EXPECT_EQ(fake_.transport->attempts.size(), asked) << "nobody has taken the first page";
  EXPECT_EQ(Taken().size(), 2u);
  EXPECT_EQ(fake_.transport->attempts.size(), asked + 1);
  Page({"k4"}, 20);
  EXPECT_EQ(Taken(), (Lines{"state +k4", "end 20"}));
}

TEST_F(WatchResyncTest, AnOverflowCanBeTheEnd) {
  Start({.max_buffered_events = 1, .overflow = WatchOptions::Overflow::kFail});
  Created(10);
  Change("k1", 11);
  Change("k2", 12);
  EXPECT_EQ(Taken(), (Lines{"+k1", "+k2"}));
  EXPECT_EQ(watcher_->Next(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(WatchResyncTest, FiltersAndStatesDoNotGoTogether) {
  Start({.no_delete = true, .resync = true});
  EXPECT_EQ(watcher_->Next(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(WatchResyncTest, AnotherClusterIsAnotherState) {
  Start({.initial_state = true});
  Page({"k1", "k2"}, 90);
  const auto created = [this](uint64_t cluster) {
    WatchResponse response;
    response.set_created(true);
    response.set_watch_id(1);
    response.mutable_header()->set_cluster_id(cluster);
    Send(response);
  };
  created(100);
  Taken();
  Stream().Break();
  for (int i = 0; i < 3; ++i) {
    fake_.scheduler->Advance(absl::Seconds(1));
    created(200);
  }
  Page({"k2"}, 5);
  EXPECT_EQ(Taken(), (Lines{"begin", "state -k1 +k2", "end 5"}));
  EXPECT_EQ(StreamStartsAt(), 6);
  created(200);
  Change("k3", 6);
  EXPECT_EQ(Taken(), Lines{"+k3"});
}

TEST_F(WatchResyncTest, AClusterThatHasBegunAnewIsAnotherState) {
  Start({.resync = true});
  Created(10);
  Change("k1", 11);
  Stream().Break();
  fake_.scheduler->RunReady();
  Created(2);
  Page({}, 3);  // what a quorum says of its revision
  Page({"k2"}, 4);
  EXPECT_EQ(Taken(), (Lines{"+k1", "begin", "state -k1 +k2", "end 4"}));
  EXPECT_EQ(StreamStartsAt(), 5);
}

TEST_F(WatchResyncTest, AStateMayBeStaleWhereTheWatchMay) {
  Start({.initial_state = true, .max_age = absl::Seconds(3), .stale_ok = true});
  EXPECT_FALSE(AskedFor().serializable()) << "a quorum is asked first";
  fake_.scheduler->Advance(absl::Seconds(2));
  PageFails(absl::UnavailableError("etcdserver: request timed out"));
  EXPECT_TRUE(AskedFor().serializable());
  const auto& start = fake_.transport->attempts.back().start;
  EXPECT_EQ(*internal::Find(start.metadata, "keelson-max-age-ms"), "3000");
  Page({"k1"}, 9, false, {{"keelson-age-ms", "900"}, {"keelson-quorum", "false"}});
  EXPECT_EQ(Taken(), (Lines{"begin", "state +k1", "end 9"}));
}

TEST_F(WatchResyncTest, BatchesCanBeAwaited) {
  Start({});
  Created(10);
  std::vector<std::string> told;
  const auto tell = [&told](const absl::StatusOr<WatchBatch>& batch) {
    told.push_back(batch.ok() ? batch->events.at(0).kv.key : std::string(batch.status().message()));
  };
  watcher_->NextAsync().Then(tell);
  fake_.scheduler->RunReady();
  EXPECT_TRUE(told.empty());
  Change("k1", 11);
  EXPECT_EQ(told, Lines{"k1"});
  Change("k2", 12);
  watcher_->NextAsync().Then(tell);
  fake_.scheduler->RunReady();
  EXPECT_EQ(told.back(), "k2");
  watcher_->NextAsync().Then(tell);
  watcher_->Cancel();
  fake_.scheduler->RunReady();
  EXPECT_EQ(told.back(), "the watch was cancelled by its owner");
}

TEST_F(WatchResyncTest, AnAnswerToARequestForProgressSaysHowOldItIs) {
  Start({.freshness = true});
  EXPECT_EQ(*internal::Find(Stream().start().metadata, "keelson-min-revision"), "0");
  Created(10);
  watcher_->RequestProgress();
  fake_.scheduler->Advance(absl::Milliseconds(20));
  WatchResponse progress;
  progress.set_watch_id(-1);
  progress.mutable_header()->set_revision(30);
  progress.set_keelson_age_ms(100);
  progress.set_keelson_quorum(true);
  Send(progress);
  const auto batch = watcher_->Next(absl::ZeroDuration());
  ASSERT_TRUE(batch.ok() && batch->is_progress());
  EXPECT_EQ(batch->freshness.age, absl::Milliseconds(120));
  EXPECT_TRUE(batch->freshness.quorum);
}

}  // namespace
}  // namespace keelson::client
