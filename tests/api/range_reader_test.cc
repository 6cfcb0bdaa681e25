// Answers of ranges, made in slices and in parts, against a plain reading of the same request.
#include "server/api/range_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "server/apply/ranges.h"
#include "tests/api/random_ranges.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::server {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;
using storage::StoreHarness;

constexpr storage::SliceBudget kNoLimit{.max_keys = 0, .max_bytes = 0, .max_micros = 0};

bool Less(const RangeRequest& request, const storage::KeyValue& a, const storage::KeyValue& b) {
  switch (request.sort_target()) {
    case RangeRequest::VERSION:
      return a.version < b.version;
    case RangeRequest::CREATE:
      return a.create_revision < b.create_revision;
    case RangeRequest::MOD:
      return a.mod_revision < b.mod_revision;
    case RangeRequest::VALUE:
      return a.value < b.value;
    default:
      return a.key < b.key;
  }
}

// The answer as etcd makes it: read everything (one more than the limit where nothing is filtered
// and no order asked for), filter, sort, cut.
RangeResponse Plainly(const storage::ReadView& view, const RangeRequest& request) {
  RangeResponse response;
  auto cursor = view.Range(ToRange(request.key(), request.range_end()),
                           {.revision = request.revision(), .keys_only = false});
  EXPECT_TRUE(cursor.ok()) << cursor.status();
  std::vector<storage::KeyValuePtr> found;
  EXPECT_EQ((*cursor)->Next(kNoLimit, &found), absl::OkStatus());
  response.set_count(static_cast<int64_t>(found.size()));
  if (request.count_only()) return response;
  const auto limit = static_cast<size_t>(request.limit());
  const bool filters = request.min_mod_revision() != 0 || request.max_create_revision() != 0;
  if (limit != 0 && !filters && request.sort_order() == RangeRequest::NONE &&
      found.size() > limit + 1) {
    found.resize(limit + 1);
  }
  std::erase_if(found, [&](const auto& kv) {
    return (request.min_mod_revision() != 0 && kv->mod_revision < request.min_mod_revision()) ||
           (request.max_create_revision() != 0 &&
            kv->create_revision > request.max_create_revision());
  });
  std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
    return request.sort_order() == RangeRequest::DESCEND ? Less(request, *b, *a)
                                                         : Less(request, *a, *b);
  });
  if (limit != 0 && found.size() > limit) {
    found.resize(limit);
    response.set_more(true);
  }
  for (const auto& kv : found) {
    auto* out = response.add_kvs();
    out->set_key(kv->key);
    if (!request.keys_only()) out->set_value(kv->value);
    out->set_create_revision(kv->create_revision);
    out->set_mod_revision(kv->mod_revision);
    out->set_version(kv->version);
    out->set_lease(kv->lease);
  }
  return response;
}

RangeResponse InParts(const storage::ReadViewPtr& view, const RangeRequest& request,
                      size_t keep_bytes, const storage::SliceBudget& budget) {
  RangeReader reader(view, request, keep_bytes);
  for (;;) {
    const auto measured = reader.Measure(budget);
    EXPECT_TRUE(measured.ok()) << measured.status();
    if (*measured) break;
  }
  std::string bytes;
  for (;;) {
    const auto part = reader.NextPart(budget);
    EXPECT_TRUE(part.ok()) << part.status();
    if (*part == nullptr) break;
    bytes += **part;
  }
  EXPECT_EQ(bytes.size(), reader.size());
  RangeResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response;
}

TEST(RangeReaderTest, AnyRequestInAnySlicesGivesWhatAPlainReadingGives) {
  std::mt19937_64 random(20);
  StoreHarness store;
  Fill(store, random);
  const storage::ReadViewPtr view = store->View();
  for (int i = 0; i < 3000; ++i) {
    const RangeRequest request = RandomRequest(random, view->revision());
    const storage::SliceBudget budget{.max_keys = random() % 20,
                                      .max_bytes = random() % 3 == 0 ? random() % 500 : 0,
                                      .max_micros = 0};
    const RangeResponse answer = InParts(view, request, random() % 4000, budget);
    ASSERT_EQ(answer.SerializeAsString(), Plainly(*view, request).SerializeAsString())
        << request.ShortDebugString();
  }
}

TEST(RangeReaderTest, AShortAnswerComesWholeWithItsHeader) {
  std::mt19937_64 random(21);
  StoreHarness store;
  Fill(store, random);
  const storage::ReadViewPtr view = store->View();
  etcdserverpb::ResponseHeader header;
  header.set_cluster_id(7);
  header.set_revision(view->revision());
  for (int i = 0; i < 1000; ++i) {
    const RangeRequest request = RandomRequest(random, view->revision());
    RangeReader reader(view, request);
    while (!*reader.Measure(kNoLimit)) {
    }
    const SharedBody body = reader.Whole(header);
    RangeResponse answer;
    ASSERT_TRUE(answer.ParseFromString(body.head + (body.tail ? *body.tail : "")));
    RangeResponse expected = Plainly(*view, request);
    *expected.mutable_header() = header;
    ASSERT_EQ(answer.SerializeAsString(), expected.SerializeAsString())
        << request.ShortDebugString();
  }
}

TEST(RangeReaderTest, TheSecondReadingSeesTheSameAlthoughEverythingIsDeletedAndCompactedMeanwhile) {
  StoreHarness store;
  store.PutMany("k", 2000, std::string(100, 'v'));
  RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  const storage::ReadViewPtr view = store->View();
  const RangeResponse expected = Plainly(*view, request);
  RangeReader reader(view, request, /*keep_bytes=*/1000);
  constexpr storage::SliceBudget kSmall{.max_keys = 50, .max_bytes = 0, .max_micros = 0};
  while (!*reader.Measure(kSmall)) {
  }
  store.DeleteRange(storage::KeyRange::All());
  store.Compact(store->revision());
  store.Settle();
  std::string bytes;
  for (;;) {
    const auto part = reader.NextPart(kSmall);
    ASSERT_TRUE(part.ok()) << part.status();
    if (*part == nullptr) break;
    EXPECT_LE((*part)->size(), size_t{256 << 10});
    bytes += **part;
  }
  RangeResponse answer;
  ASSERT_TRUE(answer.ParseFromString(bytes));
  EXPECT_EQ(answer.SerializeAsString(), expected.SerializeAsString());
}

TEST(RangeReaderTest, ALimitKeepsOnlyTheFirstOfMany) {
  StoreHarness store;
  store.PutMany("k", 20000, "v");
  RangeRequest request;
  request.set_key("k");
  request.set_range_end("l");
  request.set_limit(3);
  request.set_sort_order(RangeRequest::DESCEND);
  request.set_sort_target(RangeRequest::MOD);
  const RangeResponse answer =
      InParts(store->View(), request, 0, {.max_keys = 700, .max_bytes = 0, .max_micros = 0});
  ASSERT_EQ(answer.kvs_size(), 3);
  EXPECT_TRUE(answer.more());
  EXPECT_EQ(answer.count(), 20000);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answer.kvs(i).key(), absl::StrCat("k", 19999 - i));
  }
}

TEST(RangeReaderTest, ARevisionThatCannotBeReadIsTheFirstSlicesError) {
  StoreHarness store;
  for (int i = 0; i < 5; ++i) store.Put("k", "v");
  store.Compact(4);
  RangeRequest request;
  request.set_key("k");
  request.set_revision(3);
  EXPECT_TRUE(storage::IsCompacted(RangeReader(store->View(), request).Measure(kNoLimit).status()));
  request.set_revision(99);
  EXPECT_TRUE(
      storage::IsFutureRevision(RangeReader(store->View(), request).Measure(kNoLimit).status()));
}

}  // namespace
}  // namespace keelson::server
