// Views of a client: names under a prefix, and sessions that never see an older state.
#include "client/keelson/internal/view.h"

#include <gtest/gtest.h>

#include <optional>

#include "client/keelson/kv.h"
#include "client/keelson/watch.h"
#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using internal::Reach;
using internal::View;
using keelson::testing::FakeCore;

const std::string kZero(1, '\0');

TEST(ViewTest, RangesStayUnderThePrefix) {
  const View view{.prefix = "t/"};
  EXPECT_EQ(view.Enter(KeyRange::Key("a")), KeyRange::Key("t/a"));
  EXPECT_EQ(view.Enter(KeyRange::Prefix("a")), KeyRange::Prefix("t/a"));
  EXPECT_EQ(view.Enter(KeyRange::Between("a", "c")), KeyRange::Between("t/a", "t/c"));
  EXPECT_EQ(view.Enter(KeyRange::From("a")), KeyRange::Between("t/a", "t0"));
  EXPECT_EQ(view.Enter(KeyRange::All()), KeyRange::Between("t/" + kZero, "t0"));
  // A prefix after which nothing comes.
  EXPECT_EQ(View{.prefix = "\xff"}.Enter(KeyRange::From("a")), KeyRange::From("\xff"
                                                                              "a"));
  // The bound of a prefix that ends in 0xff.
  EXPECT_EQ(view.Enter(KeyRange::Prefix("\xff")), KeyRange::Between("t/\xff", "t0"));
}

TEST(ViewTest, EveryPartOfATransactionIsUnderThePrefix) {
  const View view{.prefix = "t/"};
  etcdserverpb::TxnRequest request;
  request.add_compare()->set_key("a");
  request.add_success()->mutable_request_put()->set_key("b");
  auto& nested = *request.add_success()->mutable_request_txn();
  nested.add_failure()->mutable_request_range()->set_key("c");
  auto& deletion = *request.add_failure()->mutable_request_delete_range();
  deletion.set_key("d");
  deletion.set_range_end("e");
  Enter(view, request);
  EXPECT_EQ(request.compare(0).key(), "t/a");
  EXPECT_EQ(request.compare(0).range_end(), "");
  EXPECT_EQ(request.success(0).request_put().key(), "t/b");
  EXPECT_EQ(request.success(1).request_txn().failure(0).request_range().key(), "t/c");
  EXPECT_EQ(request.failure(0).request_delete_range().range_end(), "t/e");

  etcdserverpb::TxnResponse response;
  response.add_responses()->mutable_response_range()->add_kvs()->set_key("t/x");
  response.add_responses()->mutable_response_put()->mutable_prev_kv()->set_key("t/y");
  auto& inner = *response.add_responses()->mutable_response_txn();
  inner.add_responses()->mutable_response_delete_range()->add_prev_kvs()->set_key("t/z");
  Leave(view, response);
  EXPECT_EQ(response.responses(0).response_range().kvs(0).key(), "x");
  EXPECT_EQ(response.responses(1).response_put().prev_kv().key(), "y");
  EXPECT_EQ(inner.responses(0).response_delete_range().prev_kvs(0).key(), "z");
}

TEST(ViewTest, ALeasesKeysOfOthersHaveNoName) {
  etcdserverpb::LeaseTimeToLiveResponse response;
  response.add_keys("t/a");
  response.add_keys("u/b");
  Leave(View{.prefix = "t/"}, response);
  ASSERT_EQ(response.keys_size(), 1);
  EXPECT_EQ(response.keys(0), "a");
}

TEST(ViewTest, AnEmptyKeyIsNoKeyUnderAPrefix) {
  const View view{.prefix = "t/"};
  etcdserverpb::PutRequest put;
  Enter(view, put);
  EXPECT_EQ(put.key(), "") << "for the server to refuse";
  etcdserverpb::DeleteRangeRequest del;
  Enter(view, del);
  EXPECT_EQ(del.key(), "");
  del.set_range_end("b");
  Enter(view, del);
  EXPECT_EQ(del.key(), "t/");
  EXPECT_EQ(del.range_end(), "t/b");
}

// A Client waits for a thread of its own, so these are its handles.
class ClientViewTest : public ::testing::Test {
 protected:
  // Answers the last question.
  template <typename Response>
  void Answer(Response response, int64_t revision) {
    response.mutable_header()->set_revision(revision);
    const auto done = fake_.transport->attempts.back().done;
    done({.reach = Reach::kAnswered, .body = response.SerializeAsString()});
  }
  std::string AskedFor() {
    const std::string* value =
        internal::Find(fake_.transport->attempts.back().start.metadata, "keelson-min-revision");
    return value == nullptr ? "" : *value;
  }

  static internal::ViewPtr Session() {
    return std::make_shared<const View>(
        View{.session = std::make_shared<internal::SessionRevision>()});
  }
  static internal::ViewPtr Under(const std::string& prefix) {
    return std::make_shared<const View>(View{.prefix = prefix});
  }

  FakeCore fake_;
};

TEST_F(ClientViewTest, AnAnswersKeysAreGivenWithoutThePrefix) {
  auto put = Kv(fake_.core, Under("outer/inner/")).PutAsync("k", "v", {.prev_kv = true});
  etcdserverpb::PutRequest request;
  ASSERT_TRUE(request.ParseFromString(fake_.transport->attempts.back().request));
  EXPECT_EQ(request.key(), "outer/inner/k");
  etcdserverpb::PutResponse response;
  response.mutable_prev_kv()->set_key("outer/inner/k");
  Answer(response, 5);
  EXPECT_EQ(put.Get()->prev_kv->key, "k");
}

TEST_F(ClientViewTest, AWatchGivesNamesWithoutThePrefix) {
  const auto watcher =
      Watcher::Start(fake_.core, {{.range = KeyRange::Prefix("a")}}, {}, Under("t/"));
  fake_.scheduler->RunReady();
  auto& stream = *fake_.transport->streams.back();
  EXPECT_EQ(stream.SentAs<etcdserverpb::WatchRequest>().at(0).create_request().key(), "t/a");
  etcdserverpb::WatchResponse response;
  response.set_watch_id(1);
  auto& event = *response.add_events();
  event.mutable_kv()->set_key("t/a1");
  event.mutable_kv()->set_mod_revision(9);
  event.mutable_prev_kv()->set_key("t/a1");
  stream.Answer(response);
  const auto batch = watcher->Next(absl::ZeroDuration());
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->events.at(0).kv.key, "a1");
  EXPECT_EQ(batch->events.at(0).prev_kv->key, "a1");
}

TEST_F(ClientViewTest, ASessionsStaleReadsReachWhatItHasSeen) {
  const Kv session(fake_.core, Session());
  auto put = session.PutAsync("k", "v");
  Answer(etcdserverpb::PutResponse(), 12);
  ASSERT_TRUE(put.Get().ok());
  auto get = session.GetAsync(KeyRange::Key("k"), {.serializable = true});
  EXPECT_EQ(AskedFor(), "12");
  // A member that knows nothing of it, and is behind.
  Answer(etcdserverpb::RangeResponse(), 11);
  EXPECT_EQ(fake_.transport->attempts.back().start.endpoint, "b:1");
  Answer(etcdserverpb::RangeResponse(), 14);
  EXPECT_EQ(get.Get()->header.revision, 14);
  auto next = session.GetAsync(KeyRange::Key("k"), {.serializable = true});
  EXPECT_EQ(AskedFor(), "14");
  Answer(etcdserverpb::RangeResponse(), 14);
  EXPECT_TRUE(next.Get().ok());

  auto other = Kv(fake_.core).GetAsync(KeyRange::Key("k"), {.serializable = true});
  EXPECT_EQ(AskedFor(), "0");
  Answer(etcdserverpb::RangeResponse(), 3);
  EXPECT_TRUE(other.Get().ok());
}

TEST_F(ClientViewTest, WhatASessionsWatchHasShownIsSeenByItsReads) {
  const internal::ViewPtr view = Session();
  const Kv session(fake_.core, view);
  const auto watcher = Watcher::Start(fake_.core, {{.range = KeyRange::Key("k")}}, {}, view);
  fake_.scheduler->RunReady();
  etcdserverpb::WatchResponse response;
  response.set_watch_id(1);
  response.add_events()->mutable_kv()->set_mod_revision(21);
  fake_.transport->streams.back()->Answer(response);
  auto before = session.GetAsync(KeyRange::Key("k"), {.serializable = true});
  EXPECT_EQ(AskedFor(), "0");
  Answer(etcdserverpb::RangeResponse(), 20);
  EXPECT_TRUE(before.Get().ok());
  ASSERT_TRUE(watcher->Next(absl::ZeroDuration()).ok());
  auto after = session.GetAsync(KeyRange::Key("k"), {.serializable = true});
  EXPECT_EQ(AskedFor(), "21");
  Answer(etcdserverpb::RangeResponse(), 21);
  EXPECT_TRUE(after.Get().ok());
}

}  // namespace
}  // namespace keelson::client
