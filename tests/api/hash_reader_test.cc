// The answer to Hash and HashKV, made in slices.
#include "server/api/hash_reader.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/etcd/rpc.pb.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::server {
namespace {

using storage::StoreHarness;

constexpr storage::SliceBudget kSmall{.max_keys = 7, .max_bytes = 0, .max_micros = 0};

std::string Encode(const storage::HashResult& result) {
  return absl::StrCat(result.hash, " ", result.compact_revision, " ", result.revision);
}

class HashReaderTest : public testing::Test {
 protected:
  HashReaderTest() {
    store_.PutMany("a", 50, "v");
    store_.Compact(40);
    store_.PutMany("a", 50, "w");
    store_.Delete("a7");
  }

  HashReader Reader(int64_t revision) { return {*store_->View()->HashKv(revision), Encode}; }

  StoreHarness store_;
};

TEST_F(HashReaderTest, ManySlicesGiveWhatOneGives) {
  for (const int64_t revision : {int64_t{0}, int64_t{40}, int64_t{77}}) {
    HashReader reader = Reader(revision);
    int slices = 1;
    while (!*reader.Measure(kSmall)) ++slices;
    EXPECT_GE(slices, 50 / 7) << revision;
    const std::string expected = Encode(store_.Hash(revision));
    EXPECT_EQ(reader.size(), expected.size());
    EXPECT_EQ(**reader.NextPart(kSmall), expected);
    EXPECT_EQ(*reader.NextPart(kSmall), nullptr) << "it is out";
  }
}

TEST_F(HashReaderTest, WritesMeanwhileChangeNothing) {
  const std::string expected = Encode(store_.Hash());
  HashReader reader = Reader(0);
  ASSERT_FALSE(*reader.Measure(kSmall));
  store_.PutMany("a", 50, "x");
  store_.Compact(130);
  while (!*reader.Measure(kSmall)) {
  }
  EXPECT_EQ(**reader.NextPart(kSmall), expected);
}

TEST_F(HashReaderTest, AShortAnswerComesWholeWithItsHeader) {
  HashReader reader = Reader(0);
  while (!*reader.Measure({})) {
  }
  etcdserverpb::HashResponse head;
  head.mutable_header()->set_revision(4);
  const SharedBody body = reader.Whole(head.header());
  EXPECT_EQ(body.head, head.SerializeAsString());
  EXPECT_EQ(*body.tail, Encode(store_.Hash()));
}

}  // namespace
}  // namespace keelson::server
