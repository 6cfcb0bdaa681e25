// KV.RangeStream: its messages merged are what Range answers, of one moment.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using etcdserverpb::RangeStreamResponse;

OpenCall Stream(NodeCluster& cluster, size_t index, const RangeRequest& request) {
  return OpenCall(cluster, index, "/etcdserverpb.KV/RangeStream", request);
}

// The messages merged; each but the last has pairs and nothing else.
RangeResponse Merged(const OpenCall& call) {
  RangeStreamResponse merged;
  for (size_t i = 0; i < call.messages(); ++i) {
    const auto message = call.Message<RangeStreamResponse>(i);
    const bool last = i + 1 == call.messages();
    EXPECT_EQ(message.range_response().has_header(), last);
    if (!last) {
      EXPECT_GT(message.range_response().kvs_size(), 0);
      EXPECT_EQ(message.range_response().count(), 0);
      EXPECT_FALSE(message.range_response().more());
    }
    merged.MergeFrom(message);
  }
  return merged.range_response();
}

RangeResponse StreamedBy(NodeCluster& cluster, const RangeRequest& request) {
  OpenCall call = Stream(cluster, 0, request);
  EXPECT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  EXPECT_TRUE(call.over() && call.status().ok());
  return Merged(call);
}

RangeResponse AnsweredBy(NodeCluster& cluster, const RangeRequest& request) {
  RangeResponse response;
  const Outcome outcome = cluster.Call(0, "/etcdserverpb.KV/Range", request);
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  EXPECT_TRUE(response.ParseFromString(outcome.bytes));
  return response;
}

void Load(NodeCluster& cluster, int keys, size_t value_bytes) {
  etcdserverpb::TxnRequest txn;
  for (int i = 0; i < keys; ++i) {
    auto* put = txn.add_success()->mutable_request_put();
    put->set_key(absl::StrCat("k", 1000 + i));
    put->set_value(std::string(value_bytes, static_cast<char>('a' + i % 26)));
    if (txn.success_size() < 50 && i + 1 < keys) continue;
    ASSERT_TRUE(cluster.Call(0, "/etcdserverpb.KV/Txn", txn).ok());
    txn.Clear();
  }
}

RangeRequest AllOfThem() {
  RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  return request;
}

TEST(RangeStreamTest, MergedItIsTheAnswerOfRange) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 600, 2000);
  ASSERT_TRUE(cluster.Delete(0, "k1100", "k1120").ok());
  std::vector<RangeRequest> requests(9, AllOfThem());
  requests[1].set_limit(1);
  requests[2].set_limit(300);
  requests[3].set_limit(580);  // as many as there are
  requests[4].set_limit(579);
  requests[5].set_keys_only(true);
  requests[6].set_count_only(true);
  requests[7].set_revision(5);
  requests[7].set_limit(7);
  requests[8].set_key("k1003");
  requests[8].clear_range_end();
  for (RangeRequest request : requests) {
    for (const bool serializable : {false, true}) {
      request.set_serializable(serializable);
      EXPECT_EQ(StreamedBy(cluster, request).SerializeAsString(),
                AnsweredBy(cluster, request).SerializeAsString())
          << request.ShortDebugString();
    }
  }
  RangeRequest none = AllOfThem();
  none.set_key("x");
  none.set_range_end("y");
  EXPECT_EQ(StreamedBy(cluster, none).SerializeAsString(),
            AnsweredBy(cluster, none).SerializeAsString());
}

// Kubernetes reads no further once it has as many as it asked for.
TEST(RangeStreamTest, WhoHasAllUpToTheLimitHasTheHeaderToo) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 600, 2000);
  for (const int limit : {1, 7, 300, 599, 600}) {
    RangeRequest request = AllOfThem();
    request.set_limit(limit);
    OpenCall call = Stream(cluster, 0, request);
    ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
    ASSERT_GT(call.messages(), 0u);
    const auto last = call.Message<RangeStreamResponse>(call.messages() - 1).range_response();
    EXPECT_GT(last.kvs_size(), 0) << limit;
    EXPECT_EQ(last.count(), 600) << limit;
    EXPECT_EQ(last.more(), limit < 600) << limit;
  }
}

TEST(RangeStreamTest, IsOfTheMomentAtWhichItBegan) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  Load(cluster, 1500, 2000);
  const RangeResponse before = AnsweredBy(cluster, AllOfThem());
  OpenCall call = Stream(cluster, 0, AllOfThem());
  call.call().SetStuck(true);
  cluster.RunFor(std::chrono::seconds(1));
  EXPECT_GT(call.messages(), 2u);
  EXPECT_LT(call.messages(), 8u) << "what the client does not take is not read";
  ASSERT_TRUE(cluster.Put(0, "k2499", "later").ok());
  ASSERT_TRUE(cluster.Put(0, "k9", "later").ok());
  ASSERT_TRUE(cluster.Compact(0, before.header().revision() + 2).ok());
  call.call().SetStuck(false);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }));
  ASSERT_EQ(call.status(), absl::OkStatus());
  EXPECT_GT(call.messages(), 10u);
  EXPECT_EQ(Merged(call).SerializeAsString(), before.SerializeAsString());
}

TEST(RangeStreamTest, ASlowReaderEndsOnceItKeepsWhatIsCompacted) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.corrupt_check_time = {};  // minutes of it cost the test seconds
  NodeCluster cluster(1, options);
  cluster.WaitForLeader();
  Load(cluster, 1500, 12000);
  OpenCall call = Stream(cluster, 0, AllOfThem());
  call.call().SetStuck(true);
  const auto take_slowly = [&](int minutes) {
    for (int i = 0; i < minutes && !call.over(); ++i) {
      cluster.RunFor(std::chrono::seconds(59));
      call.call().SetStuck(false);
      call.call().SetStuck(true);
    }
  };
  take_slowly(7);
  EXPECT_FALSE(call.over());
  const int64_t revision = AnsweredBy(cluster, AllOfThem()).header().revision();
  ASSERT_TRUE(cluster.Put(0, "k1000", "later").ok());
  ASSERT_TRUE(cluster.Compact(0, revision).ok());
  take_slowly(2);
  EXPECT_FALSE(call.over()) << "its revision can still be read";
  ASSERT_TRUE(cluster.Compact(0, revision + 1).ok());
  take_slowly(2);
  ASSERT_TRUE(call.over());
  EXPECT_EQ(call.status(), storage::CompactedError());
  EXPECT_TRUE(cluster.RunUntil([&] { return cluster.node(0).store().open_views() <= 1; }));
}

TEST(RangeStreamTest, WhatItCantDoIsToldBeforeAnythingElse) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  const auto error = [&](auto&& fill) {
    RangeRequest request = AllOfThem();
    fill(request);
    OpenCall call = Stream(cluster, 0, request);
    EXPECT_TRUE(cluster.RunUntil([&] { return call.over(); }));
    EXPECT_EQ(call.messages(), 0u);
    return call.over() ? call.status() : absl::OkStatus();
  };
  const absl::Status order = server::errors::NoStreamInThisOrder();
  EXPECT_EQ(error([](auto& range) { range.set_sort_order(RangeRequest::DESCEND); }), order);
  for (const auto target :
       {RangeRequest::VERSION, RangeRequest::CREATE, RangeRequest::MOD, RangeRequest::VALUE}) {
    EXPECT_EQ(error([&](auto& range) { range.set_sort_target(target); }), order);
  }
  const absl::Status filter = server::errors::NoStreamOfSomeRevisions();
  EXPECT_EQ(error([](auto& range) { range.set_min_mod_revision(1); }), filter);
  EXPECT_EQ(error([](auto& range) { range.set_max_mod_revision(1); }), filter);
  EXPECT_EQ(error([](auto& range) { range.set_min_create_revision(1); }), filter);
  EXPECT_EQ(error([](auto& range) { range.set_max_create_revision(1); }), filter);
  EXPECT_EQ(error([](auto& range) { range.clear_key(); }), server::errors::EmptyKey());
  EXPECT_EQ(error([](auto& range) { range.set_revision(100); }), server::errors::FutureRevision());
}

}  // namespace
}  // namespace keelson::testing
