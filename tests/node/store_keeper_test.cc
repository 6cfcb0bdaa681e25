// No flush while a batch is open: it would make a part of an entry durable.
#include "server/node/store_keeper.h"

#include <gtest/gtest.h>

#include <deque>

#include "tests/mvcc/store_harness.h"

namespace keelson::server {
namespace {

class QueueRunner final : public Runner {
 public:
  void Run(Lane lane, std::function<void()> work, std::function<void()> done) override {
    EXPECT_EQ(lane, Lane::kStore);
    jobs_.emplace_back(std::move(work), std::move(done));
  }
  void RunAll() {
    for (; !jobs_.empty(); jobs_.pop_front()) {
      jobs_.front().first();
      jobs_.front().second();
    }
  }
  size_t waiting() const { return jobs_.size(); }

 private:
  std::deque<std::pair<std::function<void()>, std::function<void()>>> jobs_;
};

class StoreKeeperTest : public testing::Test {
 protected:
  storage::StoreHarness store_;
  QueueRunner runner_;
  int flushed_ = 0;
  bool has_room_ = true;
  int spent_ = 0;
  StoreKeeper keeper_{[this]() -> storage::MvccStore& { return store_.store(); },
                      &runner_,
                      /*flush_after_bytes=*/100,
                      /*manual_background=*/true,
                      {.on_flushed = [this](raft::EntryId) { ++flushed_; },
                       .has_room = [this](uint64_t) { return has_room_; },
                       .on_spent = [this] { ++spent_; },
                       .on_failed = [](const absl::Status& status) { FAIL() << status; }}};
};

TEST_F(StoreKeeperTest, WhileHeldNothingIsFlushedAndNobodyIsToldThatItIsFree) {
  store_.PutMany("k", 100, "v");
  keeper_.Hold();
  bool flushed = false;
  bool free = false;
  keeper_.AfterApply();
  keeper_.FlushNow([&] { flushed = true; });
  keeper_.WhenFree([&] { free = true; });
  EXPECT_TRUE(keeper_.busy());
  EXPECT_EQ(runner_.waiting(), 0u);
  EXPECT_FALSE(free);
  keeper_.LetGo();
  EXPECT_TRUE(free);
  runner_.RunAll();
  EXPECT_TRUE(flushed);
  EXPECT_GE(flushed_, 1);
}

TEST_F(StoreKeeperTest, AJobThatRunsWhenTheStoreIsHeldStartsNoOther) {
  store_.PutMany("k", 100, "v");
  keeper_.AfterApply();
  EXPECT_EQ(runner_.waiting(), 1u);
  store_.PutMany("l", 100, "v");
  keeper_.Hold();
  bool flushed = false;
  keeper_.FlushNow([&] { flushed = true; });
  runner_.RunAll();
  EXPECT_EQ(flushed_, 1);
  EXPECT_FALSE(flushed);
  keeper_.LetGo();
  runner_.RunAll();
  EXPECT_TRUE(flushed);
}

TEST_F(StoreKeeperTest, AFlushWithoutRoomWaitsUntilItIsTriedAgain) {
  store_.PutMany("k", 100, "v");
  has_room_ = false;
  keeper_.AfterApply();
  EXPECT_EQ(runner_.waiting(), 0u);
  has_room_ = true;
  keeper_.Retry();
  runner_.RunAll();
  EXPECT_EQ(flushed_, 1);
  EXPECT_EQ(spent_, 0);
}

TEST_F(StoreKeeperTest, AFlushThatFindsTheDiskFullSpendsTheStoreAndItsWaitersWaitForTheNextOne) {
  store_.PutMany("k", 100, std::string(1000, 'v'));
  store_.disk().SetCapacity(store_.disk().UsedBytes());
  bool flushed = false;
  keeper_.FlushNow([&] { flushed = true; });
  runner_.RunAll();
  EXPECT_EQ(spent_, 1);
  EXPECT_TRUE(keeper_.free_to_replace());
  store_.disk().SetCapacity(uint64_t{1} << 40);
  keeper_.Retry();
  EXPECT_EQ(runner_.waiting(), 0u) << "nothing runs on a spent store";
  keeper_.BeginReplacing();
  EXPECT_TRUE(keeper_.busy());
  store_.Open();  // what was flushed: nothing
  store_.Put("k", "again");
  keeper_.Replaced();
  EXPECT_FALSE(keeper_.spent());
  runner_.RunAll();
  EXPECT_TRUE(flushed);
}

}  // namespace
}  // namespace keelson::server
