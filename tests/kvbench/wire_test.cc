// What kvbench writes by hand must be what protobuf reads.
#include "bench/kvbench/wire.h"

#include <gtest/gtest.h>

#include "proto/etcd/rpc.pb.h"

namespace keelson::kvbench {
namespace {

using std::string;

template <typename Message>
Message Parse(const string& bytes) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  // Canonical too: nothing written that protobuf would leave out or order otherwise.
  EXPECT_EQ(message.SerializeAsString(), bytes);
  return message;
}

TEST(WireTest, APutCarriesKeyValueAndLease) {
  string bytes;
  EncodePut("key", string(300, 'v'), 77, bytes);
  const auto put = Parse<etcdserverpb::PutRequest>(bytes);
  EXPECT_EQ(put.key(), "key");
  EXPECT_EQ(put.value(), string(300, 'v'));
  EXPECT_EQ(put.lease(), 77);
}

TEST(WireTest, AnEmptyPutIsAnEmptyMessage) {
  string bytes;
  EncodePut("", "", 0, bytes);
  EXPECT_TRUE(bytes.empty());
}

TEST(WireTest, ARangeCarriesEveryFieldThatIsSet) {
  RangeSpec spec;
  spec.key = "a";
  spec.range_end = "b";
  spec.limit = 1'000'000;
  spec.revision = 12345;
  spec.serializable = true;
  spec.keys_only = true;
  spec.count_only = true;
  string bytes;
  EncodeRange(spec, bytes);
  const auto range = Parse<etcdserverpb::RangeRequest>(bytes);
  EXPECT_EQ(range.key(), "a");
  EXPECT_EQ(range.range_end(), "b");
  EXPECT_EQ(range.limit(), 1'000'000);
  EXPECT_EQ(range.revision(), 12345);
  EXPECT_TRUE(range.serializable());
  EXPECT_TRUE(range.keys_only());
  EXPECT_TRUE(range.count_only());
}

TEST(WireTest, ACompareAndPutComparesTheModRevisionAndReadsOtherwise) {
  for (const int64_t revision : {int64_t{0}, int64_t{1}, int64_t{1} << 40}) {
    for (const size_t value_size : {size_t{0}, size_t{100}, size_t{20'000}}) {
      string bytes;
      EncodeCompareAndPut("some/key", revision, string(value_size, 'x'), bytes);
      const auto txn = Parse<etcdserverpb::TxnRequest>(bytes);
      ASSERT_EQ(txn.compare_size(), 1);
      EXPECT_EQ(txn.compare(0).target(), etcdserverpb::Compare::MOD);
      EXPECT_EQ(txn.compare(0).result(), etcdserverpb::Compare::EQUAL);
      EXPECT_EQ(txn.compare(0).key(), "some/key");
      EXPECT_TRUE(txn.compare(0).has_mod_revision());
      EXPECT_EQ(txn.compare(0).mod_revision(), revision);
      ASSERT_EQ(txn.success_size(), 1);
      EXPECT_EQ(txn.success(0).request_put().key(), "some/key");
      EXPECT_EQ(txn.success(0).request_put().value().size(), value_size);
      ASSERT_EQ(txn.failure_size(), 1);
      EXPECT_EQ(txn.failure(0).request_range().key(), "some/key");
    }
  }
}

TEST(WireTest, SeveralTransactionPutsMakeOneBatch) {
  string bytes;
  EncodeTxnPut("a", "1", bytes);
  EncodeTxnPut("b", string(500, '2'), bytes);
  const auto txn = Parse<etcdserverpb::TxnRequest>(bytes);
  ASSERT_EQ(txn.success_size(), 2);
  EXPECT_EQ(txn.success(0).request_put().key(), "a");
  EXPECT_EQ(txn.success(1).request_put().value(), string(500, '2'));
}

TEST(WireTest, AWatchCreateNamesTheRange) {
  string bytes;
  EncodeWatchCreate("p/", "p0", bytes);
  const auto watch = Parse<etcdserverpb::WatchRequest>(bytes);
  ASSERT_TRUE(watch.has_create_request());
  EXPECT_EQ(watch.create_request().key(), "p/");
  EXPECT_EQ(watch.create_request().range_end(), "p0");
}

TEST(WireTest, LeasesAndCompactionAreSingleNumbers) {
  string bytes;
  EncodeLeaseGrant(60, bytes);
  EXPECT_EQ(Parse<etcdserverpb::LeaseGrantRequest>(bytes).ttl(), 60);
  bytes.clear();
  EncodeLeaseKeepAlive(INT64_MAX, bytes);
  EXPECT_EQ(Parse<etcdserverpb::LeaseKeepAliveRequest>(bytes).id(), INT64_MAX);
  bytes.clear();
  EncodeCompact(9, true, bytes);
  const auto compact = Parse<etcdserverpb::CompactionRequest>(bytes);
  EXPECT_EQ(compact.revision(), 9);
  EXPECT_TRUE(compact.physical());
}

TEST(WireTest, APrefixEndIsTheNextStringThatDoesNotHaveThePrefix) {
  EXPECT_EQ(PrefixEnd("bench/"), "bench0");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff\xff"), string(1, '\0'));
  EXPECT_EQ(PrefixEnd(""), string(1, '\0'));
}

}  // namespace
}  // namespace keelson::kvbench
