// Requests that are too large for one step: they are told apart in time, and what another thread
// writes shows and lasts as a whole or not at all.
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/mvcc/store_harness.h"

namespace keelson::storage {
namespace {

raft::EntryId Next(StoreHarness& store) { return {raft::Term(1), store->applied().index.Next()}; }

int64_t CountAll(StoreHarness& store) { return *store->View()->Count(KeyRange::All()); }

TEST(LargeBatchTest, EveryKindOfLongRequestEndsAtTheLimitAndLeavesNothing) {
  StoreHarness store;
  store.PutMany("k", 500, "v");
  for (int i = 0; i < 500; ++i) store.Put(absl::StrCat("leased", i), "v", 7);
  const std::vector<std::function<absl::Status(ApplyBatch&)>> requests = {
      [](ApplyBatch& batch) { return batch.Range(KeyRange::All()).status(); },
      [](ApplyBatch& batch) { return batch.DeleteRange(KeyRange::All()).status(); },
      [](ApplyBatch& batch) { return batch.LeaseKeys(7).status(); },
      [](ApplyBatch& batch) {
        absl::Status status;
        for (int i = 0; i < 500 && status.ok(); ++i)
          status = batch.Get(absl::StrCat("k", i)).status();
        return status;
      },
      [](ApplyBatch& batch) {
        absl::Status status;
        for (int i = 0; i < 500 && status.ok(); ++i) {
          status = batch.Put(absl::StrCat("k", i), "new", 0).status();
        }
        return status;
      },
      [](ApplyBatch& batch) {
        absl::Status status;
        for (int i = 0; i < 9 && status.ok(); ++i) status = batch.Count(KeyRange::All()).status();
        return status;
      }};
  const int64_t revision = store->revision();
  for (size_t i = 0; i < requests.size(); ++i) {
    const HashResult before = store.Hash();
    auto batch = store->NewBatch();
    batch->LimitWork(300);
    batch->BeginRequest();
    EXPECT_TRUE(IsTooMuchWork(requests[i](*batch))) << "request " << i;
    batch->AbortRequest();
    // The next request has a limit of its own, and without one anything goes.
    batch->LimitWork(0);
    batch->BeginRequest();
    EXPECT_EQ(requests[i](*batch), absl::OkStatus()) << "request " << i;
    batch->AbortRequest();
    ASSERT_TRUE(batch->Commit(Next(store)).ok());
    EXPECT_EQ(store->revision(), revision);
    EXPECT_EQ(store.Hash().hash, before.hash);
  }
}

class HandedOverTest : public testing::Test {
 protected:
  HandedOverTest() {
    store_.PutMany("k", 300, "v");
    store_.Put("leased", "v", 7);
    EXPECT_EQ(store_.Flush(), absl::OkStatus());
    before_ = store_->applied();
  }
  // As another thread does it.
  std::unique_ptr<ApplyBatch> Write() {
    auto batch = store_->NewBatch();
    batch->HandOver();
    batch->BeginRequest();
    EXPECT_TRUE(batch->DeleteRange(KeyRange::All()).ok());
    batch->PutMeta("m", "new");
    batch->EndRequest();
    EXPECT_EQ(batch->Prepare(Next(store_), "configuration"), absl::OkStatus());
    return batch;
  }
  void ExpectBefore() {
    EXPECT_EQ(store_->applied(), before_);
    EXPECT_EQ(store_->revision(), 302);
    EXPECT_EQ(store_->key_count(), 301);
    EXPECT_EQ(CountAll(store_), 301);
    EXPECT_EQ(store_.Value("k7"), "v");
    EXPECT_EQ(KeysOfLease(*store_->View(), 7).size(), 1u);
    EXPECT_EQ(*store_->GetMeta("m"), std::nullopt);
    EXPECT_EQ(store_->configuration(), "");
    EXPECT_EQ(*store_->flushed_applied(), before_);
  }
  void ExpectAfter() {
    EXPECT_EQ(store_->applied().index, before_.index.Next());
    EXPECT_EQ(store_->revision(), 303);
    EXPECT_EQ(store_->key_count(), 0);
    EXPECT_EQ(CountAll(store_), 0);
    EXPECT_TRUE(KeysOfLease(*store_->View(), 7).empty());
    EXPECT_EQ(*store_->GetMeta("m"), "new");
    EXPECT_EQ(store_->configuration(), "configuration");
  }

  StoreHarness store_;
  raft::EntryId before_;
};

TEST_F(HandedOverTest, WhatIsWrittenShowsWithPublishAndNotBefore) {
  auto batch = Write();
  ExpectBefore();
  const ReadViewPtr old = store_->View();
  EXPECT_EQ(batch->Publish().changes.size(), 301u);
  batch = nullptr;
  ExpectAfter();
  EXPECT_EQ(*old->Count(KeyRange::All()), 301) << "a view taken meanwhile keeps what it saw";
  store_.Put("k", "v");
  EXPECT_EQ(CountAll(store_), 1);
}

TEST_F(HandedOverTest, ACrashBeforeTheNextFlushLosesAllOfIt) {
  auto batch = Write();
  batch = nullptr;
  store_.PowerLoss();
  ExpectBefore();
}

TEST_F(HandedOverTest, AFlushAfterPublishKeepsAllOfIt) {
  (void)Write()->Publish();
  ASSERT_EQ(store_.Flush(), absl::OkStatus());
  store_.PowerLoss();
  ExpectAfter();
}

TEST_F(HandedOverTest, WhatIsWrittenButNeverPublishedStaysUnseenUntilTheStoreCloses) {
  Write() = nullptr;
  ExpectBefore();
  store_.Open();
  ExpectBefore();
}

TEST_F(HandedOverTest, ABatchThatWroteNothingMayBeDropped) {
  auto batch = store_->NewBatch();
  batch->HandOver();
  batch->BeginRequest();
  ASSERT_TRUE(batch->DeleteRange(KeyRange::All()).ok());
  batch = nullptr;
  ExpectBefore();
  store_.Put("k", "v");
  EXPECT_EQ(CountAll(store_), 302);
}

}  // namespace
}  // namespace keelson::storage
