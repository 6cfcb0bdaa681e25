#include "client/keelson/range_reader.h"

#include <gtest/gtest.h>

#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using keelson::testing::FakeCore;

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
    return page.Get();
  }

  FakeCore fake_;
};

TEST_F(RangeReaderTest, PagesAreOfOneRevisionAndFollowEachOther) {
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

TEST_F(RangeReaderTest, PagesFitTheSizeOfThePairs) {
  RangeReader reader(Kv(fake_.core), KeyRange::All(),
                     {.max_page_pairs = 100, .max_page_bytes = 1000});
  EXPECT_TRUE(Page(reader, "abc", 10, /*more=*/true).ok());
  EXPECT_EQ(Asked().limit(), 16);
  EXPECT_TRUE(Page(reader, "d", 500, /*more=*/true).ok());
  EXPECT_EQ(Asked().limit(), 88);
  EXPECT_TRUE(Page(reader, "e", 5000, /*more=*/true).ok());
  EXPECT_EQ(Asked().limit(), 1);
}

TEST_F(RangeReaderTest, AFailedPageCanBeAskedForAgain) {
  RangeReader reader(Kv(fake_.core), KeyRange::All());
  EXPECT_TRUE(Page(reader, "a", 1, /*more=*/true).ok());
  auto failed = reader.NextAsync();
  const auto done = fake_.transport->attempts.back().done;
  done({.status = absl::PermissionDeniedError("no"), .reach = internal::Reach::kAnswered});
  EXPECT_EQ(failed.Get().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Page(reader, "b", 1, /*more=*/false).ok());
  EXPECT_EQ(Asked().key(), std::string("a\0", 2));
}

}  // namespace
}  // namespace keelson::client
