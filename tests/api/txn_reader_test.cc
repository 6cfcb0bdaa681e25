// Read-only transactions in slices and in parts, against the ones that are applied.
#include "server/api/txn_reader.h"

#include <gtest/gtest.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "server/apply/txn.h"
#include "server/apply/validate.h"
#include "tests/api/random_ranges.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::server {
namespace {

using etcdserverpb::Compare;
using etcdserverpb::TxnRequest;
using etcdserverpb::TxnResponse;
using storage::StoreHarness;

constexpr storage::SliceBudget kNoLimit{.max_keys = 0, .max_bytes = 0, .max_micros = 0};

Compare RandomCompare(std::mt19937_64& random, int64_t revision) {
  Compare compare;
  compare.set_key(absl::StrCat("k", random() % 60));
  if (random() % 3 == 0) compare.set_range_end(random() % 2 == 0 ? "l" : std::string(1, '\0'));
  compare.set_target(static_cast<Compare::CompareTarget>(random() % 5));
  compare.set_result(static_cast<Compare::CompareResult>(random() % 4));
  const auto number = static_cast<int64_t>(random() % static_cast<uint64_t>(revision));
  switch (compare.target()) {
    case Compare::VERSION:
      compare.set_version(number % 6);
      break;
    case Compare::CREATE:
      compare.set_create_revision(number);
      break;
    case Compare::MOD:
      compare.set_mod_revision(number);
      break;
    case Compare::VALUE:
      compare.set_value(std::string(random() % 20, 'v'));
      break;
    default:
      break;
  }
  return compare;
}

TxnRequest RandomTxn(std::mt19937_64& random, int64_t revision) {
  TxnRequest txn;
  for (auto i = random() % 3; i > 0; --i) *txn.add_compare() = RandomCompare(random, revision);
  for (auto i = random() % 5; i > 0; --i) {
    *txn.add_success()->mutable_request_range() = RandomRequest(random, revision);
    *txn.add_failure()->mutable_request_range() = RandomRequest(random, revision);
  }
  // Refused ones, too.
  if (txn.success_size() > 0 && random() % 20 == 0) {
    const int64_t wrong = random() % 2 == 0 ? revision + 1 : -1;
    txn.mutable_success(0)->mutable_request_range()->set_revision(wrong);
  }
  return txn;
}

// As a transaction is applied.
absl::StatusOr<TxnResponse> Applied(StoreHarness& store, const TxnRequest& request) {
  auto batch = store->NewBatch();
  batch->BeginRequest();
  TxnResponse response;
  const absl::Status status = Operations(*batch).Txn(request, &response);
  batch->AbortRequest();
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<TxnResponse> InParts(TxnReader& reader, const storage::SliceBudget& budget,
                                    int64_t revision) {
  for (;;) {
    const auto measured = reader.Measure(budget);
    if (!measured.ok()) return measured.status();
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
  TxnResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  response.mutable_header()->set_revision(revision);
  return response;
}

absl::StatusOr<TxnResponse> Whole(TxnReader& reader, int64_t revision) {
  for (;;) {
    const auto measured = reader.Measure(kNoLimit);
    if (!measured.ok()) return measured.status();
    if (*measured) break;
  }
  etcdserverpb::ResponseHeader header;
  header.set_revision(revision);
  const SharedBody body = reader.Whole(header);
  TxnResponse response;
  EXPECT_TRUE(response.ParseFromString(body.head + (body.tail ? *body.tail : "")));
  return response;
}

TEST(TxnReaderTest, AnyTransactionInAnySlicesGivesWhatIsAppliedGives) {
  std::mt19937_64 random(30);
  StoreHarness store;
  Fill(store, random);
  store.Compact(50);
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const int64_t revision = store->revision();
    const TxnRequest request = RandomTxn(random, revision);
    ASSERT_TRUE(IsReadOnly(request));
    const auto expected = Applied(store, request);
    refused += expected.ok() ? 0 : 1;
    const storage::SliceBudget budget{.max_keys = random() % 20,
                                      .max_bytes = random() % 3 == 0 ? random() % 500 : 0,
                                      .max_micros = 0};
    TxnReader sliced(store->View(), request, random() % 4000);
    TxnReader whole(store->View(), request);
    for (const auto& answer : {InParts(sliced, budget, revision), Whole(whole, revision)}) {
      ASSERT_EQ(answer.status(), expected.status()) << request.ShortDebugString();
      if (!answer.ok()) continue;
      ASSERT_EQ(answer->SerializeAsString(), expected->SerializeAsString())
          << request.ShortDebugString();
    }
  }
  EXPECT_GT(refused, 100);
  EXPECT_LT(refused, 1900);
}

TEST(TxnReaderTest, AllOfItIsOneRevisionAlthoughEverythingIsDeletedAndCompactedMeanwhile) {
  StoreHarness store;
  store.PutMany("k", 2000, std::string(100, 'v'));
  TxnRequest request;
  for (int i = 0; i < 3; ++i) {
    auto* range = request.add_success()->mutable_request_range();
    range->set_key("k");
    range->set_range_end("l");
  }
  const int64_t revision = store->revision();
  const auto expected = Applied(store, request);
  ASSERT_TRUE(expected.ok());
  TxnReader reader(store->View(), request, /*keep_bytes=*/1000);
  constexpr storage::SliceBudget kSmall{.max_keys = 50, .max_bytes = 0, .max_micros = 0};
  int slices = 0;
  for (; !*reader.Measure(kSmall); ++slices) {
    if (slices == 50) {
      store.DeleteRange(storage::KeyRange::All());
      store.Compact(store->revision());
      store.Settle();
    }
  }
  EXPECT_GT(slices, 100);
  const auto answer = InParts(reader, kSmall, revision);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->SerializeAsString(), expected->SerializeAsString());
}

TEST(TxnReaderTest, ASliceIsBoundedHoweverManyRangesThereAre) {
  StoreHarness store;
  store.PutMany("k", 1000, "v");
  TxnRequest request;
  for (int i = 0; i < 128; ++i) {
    auto* range = request.add_success()->mutable_request_range();
    range->set_key("k");
    range->set_range_end("l");
    if (i % 2 == 0) range->set_count_only(true);
  }
  TxnReader reader(store->View(), request);
  constexpr storage::SliceBudget kOnLoop{.max_keys = 256, .max_bytes = 0, .max_micros = 0};
  int slices = 1;
  while (!*reader.Measure(kOnLoop)) ++slices;
  // 64 readings of a thousand keys, and 64 counts at the price of 64.
  EXPECT_GE(slices, 64 * 1000 / 256);
  EXPECT_LE(slices, 64 * 6);
}

TEST(TxnReaderTest, ItKeepsNoMoreThanASingleRangeWould) {
  StoreHarness store;
  store.PutMany("k", 500, std::string(1000, 'v'));
  TxnRequest request;
  for (int i = 0; i < 10; ++i) {
    auto* range = request.add_success()->mutable_request_range();
    range->set_key("k");
    range->set_range_end("l");
  }
  TxnReader reader(store->View(), request, /*keep_bytes=*/600'000);
  while (!*reader.Measure(kNoLimit)) {
  }
  EXPECT_GT(reader.size(), 5'000'000u);
  EXPECT_LE(reader.held_bytes(), 700'000u);
}

}  // namespace
}  // namespace keelson::server
