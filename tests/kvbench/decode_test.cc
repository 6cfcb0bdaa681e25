// What protobuf writes must be what kvbench reads; what is cut short must be refused.
#include "bench/kvbench/decode.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proto/etcd/rpc.pb.h"

namespace keelson::kvbench {
namespace {

etcdserverpb::RangeResponse SampleRange(int pairs) {
  etcdserverpb::RangeResponse range;
  range.mutable_header()->set_cluster_id(UINT64_MAX);
  range.mutable_header()->set_revision(41);
  for (int i = 0; i < pairs; ++i) {
    auto* kv = range.add_kvs();
    kv->set_key("key" + std::to_string(i));
    kv->set_value(std::string(static_cast<size_t>(i) * 50, 'v'));
    kv->set_mod_revision(100 + i);
    kv->set_create_revision(7);
    kv->set_version(3);
  }
  range.set_more(true);
  range.set_count(1'000'000);
  return range;
}

TEST(DecodeTest, ARangeYieldsCountsAndTheLastPair) {
  const std::string bytes = SampleRange(5).SerializeAsString();
  std::vector<int64_t> revisions;
  const auto range = DecodeRange(bytes, [&](std::string_view key, int64_t mod_revision) {
    EXPECT_EQ(key.substr(0, 3), "key");
    revisions.push_back(mod_revision);
  });
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->revision, 41);
  EXPECT_EQ(range->kvs, 5);
  EXPECT_EQ(range->count, 1'000'000);
  EXPECT_TRUE(range->more);
  EXPECT_EQ(range->last_key, "key4");
  EXPECT_EQ(range->last_mod_revision, 104);
  EXPECT_EQ(revisions, (std::vector<int64_t>{100, 101, 102, 103, 104}));
}

TEST(DecodeTest, ARangeCutShortAnywhereIsRefusedOrReadsFewerFieldsButNeverOverruns) {
  const std::string bytes = SampleRange(3).SerializeAsString();
  const auto whole = DecodeRange(bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut(bytes.data(), size);  // its own allocation, so ASan sees an overrun
    const auto range = DecodeRange(cut);
    if (!range) continue;
    EXPECT_TRUE(range->kvs < whole->kvs || range->count != whole->count) << size;
  }
}

TEST(DecodeTest, TheStreamingCounterAgreesHoweverTheAnswerIsCut) {
  const std::string bytes = SampleRange(40).SerializeAsString();
  for (size_t piece = 1; piece < 70; ++piece) {
    RangeCounter counter;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      EXPECT_FALSE(at > 0 && !counter.ok());
      counter.Feed(std::string_view(bytes).substr(at, piece));
    }
    EXPECT_TRUE(counter.complete());
    EXPECT_EQ(counter.kvs(), 40);
    EXPECT_EQ(counter.count(), 1'000'000);
    EXPECT_TRUE(counter.more());
    EXPECT_EQ(counter.bytes(), bytes.size());
  }
}

TEST(DecodeTest, TheStreamingCounterKnowsAnUnfinishedAnswer) {
  const std::string bytes = SampleRange(2).SerializeAsString();
  RangeCounter counter;
  counter.Feed(std::string_view(bytes).substr(0, bytes.size() - 1));
  EXPECT_FALSE(counter.complete());
}

TEST(DecodeTest, ASuccessfulTransactionYieldsItsRevision) {
  etcdserverpb::TxnResponse txn;
  txn.mutable_header()->set_revision(99);
  txn.set_succeeded(true);
  txn.add_responses()->mutable_response_put();
  const auto result = DecodeTxn(txn.SerializeAsString());
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->succeeded);
  EXPECT_EQ(result->revision, 99);
}

TEST(DecodeTest, AFailedTransactionYieldsTheRevisionThatWasRead) {
  etcdserverpb::TxnResponse txn;
  auto* range = txn.add_responses()->mutable_response_range();
  range->add_kvs()->set_mod_revision(55);
  auto result = DecodeTxn(txn.SerializeAsString());
  ASSERT_TRUE(result.has_value());
  EXPECT_FALSE(result->succeeded);
  EXPECT_EQ(result->read_mod_revision, 55);
  range->clear_kvs();
  result = DecodeTxn(txn.SerializeAsString());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->read_mod_revision, 0);
}

TEST(DecodeTest, AStatusYieldsWhoLeads) {
  etcdserverpb::StatusResponse status;
  status.mutable_header()->set_member_id(0xfedcba9876543210);
  status.mutable_header()->set_revision(8);
  status.set_version("3.6.1");
  status.set_dbsize(4096);
  status.set_leader(12);
  status.set_raftindex(20);
  status.set_raftterm(3);
  status.set_raftappliedindex(19);
  const std::string bytes = status.SerializeAsString();
  const auto result = DecodeStatus(bytes);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->member_id, 0xfedcba9876543210);
  EXPECT_EQ(result->leader, 12u);
  EXPECT_EQ(result->raft_index, 20u);
  EXPECT_EQ(result->raft_term, 3u);
  EXPECT_EQ(result->applied_index, 19u);
  EXPECT_EQ(result->revision, 8);
  EXPECT_EQ(result->db_size, 4096);
  EXPECT_EQ(result->version, "3.6.1");
}

TEST(DecodeTest, WatchEventsComeInOrderWithTheirWatchId) {
  etcdserverpb::WatchResponse watch;
  watch.set_watch_id(6);
  auto* put = watch.add_events();
  put->mutable_kv()->set_mod_revision(10);
  put->mutable_kv()->set_value("stamp");
  auto* del = watch.add_events();
  del->set_type(mvccpb::Event::DELETE);
  del->mutable_kv()->set_mod_revision(11);
  std::vector<WatchEvent> events;
  const std::string bytes = watch.SerializeAsString();
  const auto result = DecodeWatch(bytes, [&](const WatchEvent& event) { events.push_back(event); });
  ASSERT_TRUE(result.has_value());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].watch_id, 6);
  EXPECT_EQ(events[0].value, "stamp");
  EXPECT_EQ(events[0].mod_revision, 10);
  EXPECT_FALSE(events[0].is_delete);
  EXPECT_TRUE(events[1].is_delete);
}

TEST(DecodeTest, AWatchCancellationCarriesItsReason) {
  etcdserverpb::WatchResponse watch;
  watch.set_created(true);
  watch.set_canceled(true);
  watch.set_watch_id(-1);
  watch.set_compact_revision(4);
  watch.set_cancel_reason("because");
  const std::string bytes = watch.SerializeAsString();
  const auto result = DecodeWatch(bytes, [](const WatchEvent&) { FAIL(); });
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->created);
  EXPECT_TRUE(result->canceled);
  EXPECT_EQ(result->watch_id, -1);
  EXPECT_EQ(result->compact_revision, 4);
  EXPECT_EQ(result->cancel_reason, "because");
}

TEST(DecodeTest, ALeaseAnswerYieldsIdAndTtl) {
  etcdserverpb::LeaseKeepAliveResponse lease;
  lease.set_id(INT64_MAX);
  lease.set_ttl(60);
  const auto result = DecodeLease(lease.SerializeAsString());
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->id, INT64_MAX);
  EXPECT_EQ(result->ttl, 60);
}

TEST(DecodeTest, GarbageIsRefused) {
  EXPECT_FALSE(DecodeRange(std::string("\xff\xff\xff", 3)).has_value());
  EXPECT_FALSE(DecodeRange(std::string("\x0b", 1)).has_value());  // wire type 3
  EXPECT_FALSE(DecodeLease(std::string(11, '\xff')).has_value());
  RangeCounter counter;
  counter.Feed("\x0b");
  EXPECT_FALSE(counter.ok());
}

}  // namespace
}  // namespace keelson::kvbench
