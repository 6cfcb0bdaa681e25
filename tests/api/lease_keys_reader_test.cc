// The keys of a lease, read in slices and sent in parts.
#include "server/api/lease_keys_reader.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::server {
namespace {

using etcdserverpb::LeaseTimeToLiveResponse;
using storage::StoreHarness;

constexpr storage::SliceBudget kSmall{.max_keys = 7, .max_bytes = 0, .max_micros = 0};

class LeaseKeysReaderTest : public testing::Test {
 protected:
  LeaseKeysReaderTest() {
    for (int i = 0; i < 100; ++i) store_.Put(absl::StrCat("k", i), "v", 9);
    store_.Put("other", "v", 10);
    facts_.set_id(9);
    facts_.set_ttl(5);
    facts_.set_grantedttl(600);
  }

  LeaseTimeToLiveResponse Expected() {
    LeaseTimeToLiveResponse expected = facts_;
    for (const std::string& key : KeysOfLease(*store_->View(), facts_.id())) expected.add_keys(key);
    return expected;
  }

  StoreHarness store_;
  LeaseTimeToLiveResponse facts_;
};

TEST_F(LeaseKeysReaderTest, PartsMakeUpTheAnswerWhetherItIsKeptOrReadTwice) {
  const LeaseTimeToLiveResponse expected = Expected();
  ASSERT_EQ(expected.keys_size(), 100);
  for (const size_t keep : {size_t{0}, size_t{100}, LeaseKeysReader::kKeepBytes}) {
    LeaseKeysReader reader(store_->View(), facts_, keep);
    int slices = 1;
    while (!*reader.Measure(kSmall)) ++slices;
    EXPECT_GE(slices, 100 / 7);
    if (keep == 0) {
      store_.Delete("k1");
      store_.Put("k2", "v", 10);
    }
    std::string bytes;
    for (auto part = *reader.NextPart(kSmall); part != nullptr; part = *reader.NextPart(kSmall)) {
      bytes += *part;
    }
    EXPECT_EQ(bytes.size(), reader.size());
    EXPECT_EQ(bytes, (keep == 0 ? expected : Expected()).SerializeAsString()) << keep;
  }
}

TEST_F(LeaseKeysReaderTest, AShortAnswerComesWholeWithItsHeader) {
  LeaseKeysReader reader(store_->View(), facts_);
  while (!*reader.Measure(kSmall)) {
  }
  LeaseTimeToLiveResponse expected = Expected();
  expected.mutable_header()->set_revision(4);
  const SharedBody body = reader.Whole(expected.header());
  EXPECT_EQ(body.head, expected.SerializeAsString());
}

TEST_F(LeaseKeysReaderTest, ALeaseWithoutKeysHasNone) {
  facts_.set_id(4711);
  LeaseKeysReader reader(store_->View(), facts_);
  ASSERT_TRUE(*reader.Measure(kSmall));
  EXPECT_EQ(reader.size(), facts_.ByteSizeLong());
}

}  // namespace
}  // namespace keelson::server
