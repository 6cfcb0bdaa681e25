// What an open request is told of a lease's keys, also where many deleted ones lie in between.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::storage {
namespace {

using Keys = std::vector<std::string>;

class LeaseKeysTest : public testing::Test {
 protected:
  std::unique_ptr<ApplyBatch> Request() {
    auto batch = store_->NewBatch();
    batch->BeginRequest();
    return batch;
  }

  StoreHarness store_;
};

TEST_F(LeaseKeysTest, DeletedKeysOfOtherLeasesAreNotInTheWay) {
  store_.Put("first", "v", 1);
  for (int i = 0; i < 200; ++i) store_.Put(absl::StrCat("gone", i), "v", 2);
  for (int i = 0; i < 200; ++i) store_.Put(absl::StrCat("kept", i), "v", 3);
  for (int i = 0; i < 200; ++i) store_.Delete(absl::StrCat("gone", i));
  for (int i = 0; i < 200; i += 2) store_.Delete(absl::StrCat("kept", i));
  const auto batch = Request();
  EXPECT_EQ(*batch->LeaseKeys(1), Keys{"first"});
  EXPECT_EQ(*batch->LeaseKeys(2), Keys{});
  EXPECT_EQ(batch->LeaseKeys(3)->size(), 100u);
  EXPECT_EQ(*batch->LeaseKeys(4), Keys{});
  EXPECT_EQ(*batch->LeaseKeys(1), Keys{"first"});  // backwards, too
  batch->AbortRequest();
}

// Members differ in what of the deleted is still there, but must agree on what is too much work.
TEST_F(LeaseKeysTest, TheWorkIsTheSameWithDeletedKeysAndWithout) {
  for (int i = 0; i < 100; ++i) store_.Put(absl::StrCat("k", i), "v", 3);
  const auto work = [this] {
    const auto batch = Request();
    const uint64_t before = batch->work();
    EXPECT_EQ(batch->LeaseKeys(3)->size(), 50u);
    batch->AbortRequest();
    return batch->work() - before;
  };
  for (int i = 0; i < 100; i += 2) store_.Delete(absl::StrCat("k", i));
  for (int i = 0; i < 100; ++i) store_.Delete(absl::StrCat("none", i));
  for (int i = 0; i < 100; ++i) store_.Put(absl::StrCat("next", i), "v", 4);
  for (int i = 0; i < 100; ++i) store_.Delete(absl::StrCat("next", i));
  const uint64_t with_deleted = work();
  store_.Settle();
  EXPECT_EQ(work(), with_deleted);
  EXPECT_EQ(with_deleted, 50u);
}

TEST_F(LeaseKeysTest, WhatTheRequestItselfChangesCounts) {
  store_.Put("a", "v", 5);
  store_.Put("b", "v", 5);
  const auto batch = Request();
  EXPECT_EQ(*batch->LeaseKeys(5), (Keys{"a", "b"}));
  ASSERT_TRUE(batch->Delete("a").ok());
  ASSERT_TRUE(batch->Put("c", "v", 5).ok());
  EXPECT_EQ(*batch->LeaseKeys(5), (Keys{"b", "c"}));
  batch->AbortRequest();
}

}  // namespace
}  // namespace keelson::storage
