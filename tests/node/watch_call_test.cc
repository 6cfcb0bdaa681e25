// Watch calls of whole members: what the options say, and what becomes of them without a leader.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "server/apply/errors.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {
namespace {

using etcdserverpb::WatchRequest;
using etcdserverpb::WatchResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;

OpenCall Watch(NodeCluster& cluster, size_t index, const WatchRequest& request) {
  OpenCall call(cluster, index, "/etcdserverpb.Watch/Watch", WatchRequest());
  cluster.RunFor(milliseconds(1));
  call.call().Message(request.SerializeAsString());
  EXPECT_TRUE(cluster.RunUntil([&] { return call.messages() == 1; }));
  EXPECT_TRUE(call.Message<WatchResponse>().created());
  return call;
}

TEST(WatchCallTest, QuietWatchersAreToldAtTheIntervalOfTheOption) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.watch_progress_interval = seconds(5);
  NodeCluster cluster(1, options);
  cluster.WaitForLeader();
  WatchRequest request;
  request.mutable_create_request()->set_key("k");
  request.mutable_create_request()->set_progress_notify(true);
  const OpenCall watch = Watch(cluster, 0, request);
  ASSERT_TRUE(cluster.Put(0, "other", "v").ok());
  cluster.RunFor(seconds(23));
  EXPECT_EQ(watch.messages(), 1u + 4u) << "5 to 5.5 seconds apart";
  const auto told = watch.Message<WatchResponse>(4);
  EXPECT_EQ(told.header().revision(), 2);
  EXPECT_EQ(told.events_size(), 0);
  EXPECT_FALSE(told.created() || told.canceled());
}

TEST(WatchCallTest, AResponseIsSplitWhereItWouldReachWhatARequestMayHave) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.max_request_bytes = 256 << 10;
  options.max_txn_ops = 1000;
  NodeCluster cluster(1, options);
  cluster.WaitForLeader();
  for (const bool fragment : {false, true}) {
    WatchRequest request;
    request.mutable_create_request()->set_key("k");
    request.mutable_create_request()->set_range_end("l");
    request.mutable_create_request()->set_prev_kv(true);
    request.mutable_create_request()->set_fragment(fragment);
    request.mutable_create_request()->set_start_revision(4);
    const OpenCall watch = Watch(cluster, 0, request);
    etcdserverpb::TxnRequest txn;
    for (int i = 0; i < 12; ++i) {
      auto* put = txn.add_success()->mutable_request_put();
      put->set_key(std::string("k") + static_cast<char>('a' + i));
      put->set_value(std::string(20 << 10, 'v'));
    }
    // Small values at first; the fourth revision has new and old pairs of 480 KiB.
    while (cluster.node(0).store().revision() < 4) {
      ASSERT_TRUE(cluster.Call(0, "/etcdserverpb.KV/Txn", txn).ok());
    }
    size_t events = 0;
    ASSERT_TRUE(cluster.RunUntil([&] { return watch.messages() >= 2; }));
    cluster.RunFor(seconds(1));
    for (size_t i = 1; i < watch.messages(); ++i) {
      const auto response = watch.Message<WatchResponse>(i);
      events += static_cast<size_t>(response.events_size());
      EXPECT_EQ(response.fragment(), i + 1 < watch.messages());
      EXPECT_LT(response.ByteSizeLong(), (256u << 10) + (512u << 10));
    }
    EXPECT_EQ(events, 12u);
  }
}

TEST(WatchCallTest, WithoutALeaderOnlyThoseThatRequireOneEnd) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  const size_t here = (leader + 1) % 3;
  WatchRequest request;
  request.mutable_create_request()->set_key("k");
  const OpenCall patient = Watch(cluster, here, request);
  OpenCall strict(cluster, here, "/etcdserverpb.Watch/Watch", WatchRequest(),
                  {{"hasleader", "true"}});
  cluster.RunFor(milliseconds(1));
  strict.call().Message(request.SerializeAsString());
  ASSERT_TRUE(cluster.RunUntil([&] { return strict.messages() == 1; }));
  cluster.member(leader).Crash();
  cluster.member((leader + 2) % 3).Crash();
  cluster.RunFor(milliseconds(2500));
  EXPECT_FALSE(strict.over()) << "three election timeouts";
  ASSERT_TRUE(cluster.RunUntil([&] { return strict.over(); }));
  EXPECT_EQ(strict.status(), server::errors::NoLeader());
  OpenCall late(cluster, here, "/etcdserverpb.Watch/Watch", WatchRequest(),
                {{"hasleader", "true"}});
  ASSERT_TRUE(cluster.RunUntil([&] { return late.over(); }));
  EXPECT_EQ(late.status(), server::errors::NoLeader());
  EXPECT_FALSE(patient.over());
  ASSERT_EQ(cluster.member(leader).Start(), absl::OkStatus());
  cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(leader, "k", "v").ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return patient.messages() == 2; }));
  EXPECT_EQ(patient.Message<WatchResponse>(1).events(0).kv().value(), "v");
}

}  // namespace
}  // namespace keelson::testing
