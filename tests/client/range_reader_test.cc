#include "client/keelson/range_reader.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using keelson::testing::FakeCore;
using keelson::testing::FakeStream;

class RangeReaderTest : public ::testing::Test {
 protected:
  etcdserverpb::RangeRequest Asked() {
    etcdserverpb::RangeRequest request;
    EXPECT_TRUE(request.ParseFromString(fake_.transport->attempts.back().request));
    return request;
  }
  // The next page, of pairs with values of `bytes`.
  absl::StatusOr<std::vector<KeyValue>> Page(RangeReader& reader, const std::string& keys,
                                             size_t bytes, bool more) {
    auto page = reader.NextAsync();
    return AnswerPage(page, keys, bytes, more);
  }
  absl::StatusOr<std::vector<KeyValue>> AnswerPage(Future<std::vector<KeyValue>>& page,
                                                   const std::string& keys, size_t bytes,
                                                   bool more) {
    etcdserverpb::RangeResponse response;
    response.mutable_header()->set_revision(40 + static_cast<int64_t>(keys.size()));
    response.set_more(more);
    for (const char key : keys) {
      auto& kv = *response.add_kvs();
      kv.set_key(std::string(1, key));
      kv.set_value(std::string(bytes, 'v'));
    }
    const auto done = fake_.transport->attempts.back().done;
    done({.reach = internal::Reach::kAnswered, .body = response.SerializeAsString()});
    EXPECT_TRUE(page.IsReady());
    return page.IsReady() ? page.Get() : absl::UnavailableError("no page");
  }

  FakeCore fake_;
};

// Of a cluster without streams.
class RangePagesTest : public RangeReaderTest {
 protected:
  RangePagesTest() { fake_.core->SetNoRangeStreams(); }
};

TEST_F(RangePagesTest, PagesAreOfOneRevisionAndFollowEachOther) {
  RangeReader reader(Kv(fake_.core), KeyRange::Between("a", "q"));
  EXPECT_EQ(reader.revision(), 0);
  EXPECT_EQ(Page(reader, "abc", 10, /*more=*/true)->size(), 3u);
  EXPECT_EQ(reader.revision(), 43);
  EXPECT_EQ(Page(reader, "d", 10, /*more=*/false)->size(), 1u);
  EXPECT_EQ(Asked().key(), std::string("c\0", 2));
  EXPECT_EQ(Asked().range_end(), "q");
  EXPECT_EQ(Asked().revision(), 43);
  EXPECT_TRUE(reader.done());
  const size_t asked = fake_.transport->attempts.size();
  auto end = reader.NextAsync();
  EXPECT_TRUE(end.Get()->empty());
  EXPECT_EQ(fake_.transport->attempts.size(), asked);
}

TEST_F(RangePagesTest, PagesFitTheSizeOfThePairs) {
  RangeReader reader(Kv(fake_.core), KeyRange::All(),
                     {.max_page_pairs = 100, .max_page_bytes = 1000});
  EXPECT_TRUE(Page(reader, "abc", 10, /*more=*/true).ok());
  EXPECT_EQ(Asked().limit(), 16);
  EXPECT_TRUE(Page(reader, "d", 500, /*more=*/true).ok());
  EXPECT_EQ(Asked().limit(), 88);
  EXPECT_TRUE(Page(reader, "e", 5000, /*more=*/true).ok());
  EXPECT_EQ(Asked().limit(), 1);
}

TEST_F(RangePagesTest, AFailedPageCanBeAskedForAgain) {
  RangeReader reader(Kv(fake_.core), KeyRange::All());
  EXPECT_TRUE(Page(reader, "a", 1, /*more=*/true).ok());
  auto failed = reader.NextAsync();
  const auto done = fake_.transport->attempts.back().done;
  done({.status = absl::PermissionDeniedError("no"), .reach = internal::Reach::kAnswered});
  EXPECT_EQ(failed.Get().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Page(reader, "b", 1, /*more=*/false).ok());
  EXPECT_EQ(Asked().key(), std::string("a\0", 2));
}

// Of a cluster with them, after the first page: "a" and "b" at revision 42.
class RangeStreamsTest : public RangeReaderTest {
 protected:
  // A page that is still asked for would keep itself.
  void TearDown() override {
    if (!next_) return;
    next_->Cancel();
    fake_.scheduler->RunReady();
    if (!next_->IsReady()) fake_.transport->attempts.back().done({absl::CancelledError()});
    fake_.scheduler->RunReady();
  }
  void Start(RangeReaderOptions options = {}) {
    reader_.emplace(Kv(fake_.core), KeyRange::Between("a", "z"), options,
                    CallOptions{.timeout = absl::Seconds(10)});
    EXPECT_EQ(Keys(Page(*reader_, "ab", 1, /*more=*/true)), "ab");
  }
  void Ask() {
    next_.emplace(reader_->NextAsync());
    fake_.scheduler->RunReady();
  }
  // What the reader has been given since it was asked.
  std::string Given() {
    EXPECT_TRUE(next_->IsReady());
    return next_->IsReady() ? Keys(next_->Get()) : "nothing";
  }
  std::string Next() {
    Ask();
    return Given();
  }
  static std::string Keys(const absl::StatusOr<std::vector<KeyValue>>& page) {
    if (!page.ok()) return std::string(page.status().message());
    std::string keys;
    for (const KeyValue& kv : *page) keys += kv.key;
    return keys;
  }

  FakeStream& Stream() { return *fake_.transport->streams.back(); }
  etcdserverpb::RangeRequest StreamAsked() {
    return Stream().SentAs<etcdserverpb::RangeRequest>().at(0);
  }
  // A message; the last one has the count of all pairs.
  void Message(const std::string& keys, int64_t count = 0, size_t bytes = 1) {
    etcdserverpb::RangeStreamResponse response;
    auto& part = *response.mutable_range_response();
    for (const char key : keys) {
      auto& kv = *part.add_kvs();
      kv.set_key(std::string(1, key));
      kv.set_value(std::string(bytes, 'v'));
    }
    part.set_count(count);
    Stream().Answer(response);
    fake_.scheduler->RunReady();
  }
  void Break() {
    Stream().Break();
    fake_.scheduler->RunReady();
  }
  size_t streams() const { return fake_.transport->streams.size(); }
  size_t attempts() const { return fake_.transport->attempts.size(); }

  std::optional<RangeReader> reader_;
  std::optional<Future<std::vector<KeyValue>>> next_;
};

TEST_F(RangeStreamsTest, WhatFollowsTheFirstPageIsAStreamOfItsRevision) {
  Start();
  EXPECT_EQ(streams(), 0u) << "nobody has asked for more";
  Ask();
  EXPECT_EQ(StreamAsked().key(), std::string("b\0", 2));
  EXPECT_EQ(StreamAsked().range_end(), "z");
  EXPECT_EQ(StreamAsked().revision(), 42);
  EXPECT_TRUE(StreamAsked().serializable());
  EXPECT_EQ(*internal::Find(Stream().start().metadata, "keelson-min-revision"), "42");
  Message("cd");
  EXPECT_EQ(Given(), "cd");
  Ask();
  Message("e", /*count=*/3);
  EXPECT_EQ(Given(), "e");
  EXPECT_TRUE(reader_->done());
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(reader_->revision(), 42);
  EXPECT_EQ(attempts(), 1u);
}

TEST_F(RangeStreamsTest, TheEndMayComeAlone) {
  Start();
  Ask();
  Message("cd");
  EXPECT_EQ(Given(), "cd");
  Message("", /*count=*/2);
  EXPECT_EQ(Next(), "");
  EXPECT_TRUE(reader_->done());
}

TEST_F(RangeStreamsTest, AMessageIsCutIntoPages) {
  Start({.max_page_pairs = 3, .max_page_bytes = 100});
  Ask();
  Message("cdefg");
  EXPECT_EQ(Given(), "cde");
  EXPECT_EQ(Next(), "fg");
  Ask();
  Message("hij", /*count=*/8, /*bytes=*/49);
  EXPECT_EQ(Given(), "hi");
  EXPECT_FALSE(reader_->done());
  EXPECT_EQ(Next(), "j");
  EXPECT_TRUE(reader_->done());
}

TEST_F(RangeStreamsTest, NoMoreThanAPageIsReadAhead) {
  Start({.max_page_bytes = 100});
  Ask();
  Message("c", 0, 50);
  EXPECT_EQ(Given(), "c");
  EXPECT_EQ(Stream().reads(), 1);
  Message("d", 0, 50);
  EXPECT_EQ(Stream().reads(), 1);
  Message("e", 0, 50);
  EXPECT_EQ(Stream().reads(), 0) << "102 bytes wait";
  fake_.scheduler->Advance(absl::Minutes(1));
  EXPECT_EQ(Next(), "d");
  EXPECT_EQ(Stream().reads(), 1);
}

TEST_F(RangeStreamsTest, ABrokenStreamGoesOnWithAPageOfAnotherMemberAndANewStream) {
  Start();
  Ask();
  Message("cd");
  EXPECT_EQ(Given(), "cd");
  Break();
  Ask();
  EXPECT_EQ(fake_.transport->attempts.back().start.endpoint, "b:1");
  EXPECT_EQ(Asked().key(), std::string("d\0", 2));
  EXPECT_EQ(Asked().revision(), 42);
  EXPECT_EQ(AnswerPage(*next_, "e", 1, /*more=*/true)->size(), 1u);
  Ask();
  ASSERT_EQ(streams(), 2u);
  EXPECT_EQ(Stream().start().endpoint, "b:1");
  EXPECT_EQ(StreamAsked().key(), std::string("e\0", 2));
  Message("f", /*count=*/1);
  EXPECT_EQ(Given(), "f");
  EXPECT_TRUE(reader_->done());
}

TEST_F(RangeStreamsTest, WhatHadComeBeforeTheBreakIsGiven) {
  Start();
  Ask();
  Message("c");
  Message("d");
  Break();
  EXPECT_EQ(Given(), "c");
  EXPECT_EQ(Next(), "d");
  Ask();
  EXPECT_EQ(Asked().key(), std::string("d\0", 2));
}

TEST_F(RangeStreamsTest, ASilentMemberIsLeftInHalfOfTheTime) {
  Start();
  Ask();
  fake_.scheduler->Advance(absl::Seconds(4.9));
  EXPECT_EQ(attempts(), 1u);
  fake_.scheduler->Advance(absl::Seconds(0.1));
  EXPECT_TRUE(Stream().cancelled());
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(fake_.transport->attempts.back().start.endpoint, "b:1");
  EXPECT_EQ(fake_.transport->attempts.back().start.timeout, absl::Seconds(2.5))
      << "of the 5 s that are left, half for this member";
}

TEST_F(RangeStreamsTest, AClusterWithoutStreamsIsAskedForOneOnce) {
  Start();
  Ask();
  Stream().End(absl::UnimplementedError("unknown method RangeStream"), internal::Reach::kAnswered);
  fake_.scheduler->RunReady();
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(fake_.transport->attempts.back().start.endpoint, "a:1");
  EXPECT_EQ(AnswerPage(*next_, "c", 1, /*more=*/true)->size(), 1u);
  Ask();
  EXPECT_EQ(attempts(), 3u);
  EXPECT_EQ(AnswerPage(*next_, "d", 1, /*more=*/true)->size(), 1u);
  RangeReader other(Kv(fake_.core), KeyRange::All());
  EXPECT_TRUE(Page(other, "a", 1, /*more=*/true).ok());
  EXPECT_TRUE(Page(other, "b", 1, /*more=*/true).ok());
  EXPECT_EQ(streams(), 1u);
}

TEST_F(RangeStreamsTest, StreamsThatBringNothingAreLeftAlone) {
  Start();
  for (const char* keys : {"c", "d"}) {
    Ask();
    Break();
    EXPECT_EQ(AnswerPage(*next_, keys, 1, /*more=*/true)->size(), 1u);
  }
  Ask();
  EXPECT_EQ(streams(), 2u);
  EXPECT_EQ(attempts(), 4u) << "the last one for a page";
}

TEST_F(RangeStreamsTest, ACancelledPageCanBeAskedForAgain) {
  Start();
  Ask();
  next_->Cancel();
  fake_.scheduler->RunReady();
  EXPECT_EQ(Given(), "cancelled by its caller");
  Ask();
  Message("c");
  EXPECT_EQ(Given(), "c");
  EXPECT_EQ(streams(), 1u);
}

TEST_F(RangeStreamsTest, AReaderThatGoesEndsItsStream) {
  Start();
  Ask();
  Message("c");
  EXPECT_EQ(Given(), "c");
  reader_.reset();
  fake_.scheduler->RunReady();
  EXPECT_TRUE(Stream().cancelled());
  EXPECT_EQ(fake_.scheduler->pending(), 0u);
}

}  // namespace
}  // namespace keelson::client
