// Locks and fences.
#include "client/keelson/recipes/lock.h"

#include "absl/strings/str_cat.h"
#include "client/keelson/recipes/rw_lock.h"
#include "tests/client/recipes/recipe_fixture.h"

namespace keelson::client::recipes {
namespace {

using keelson::testing::InBackground;
using keelson::testing::IsOver;

class LockTest : public keelson::testing::RecipeTest {};

TEST_F(LockTest, IsOneHoldersAtATimeAndGoesOnInTheOrderOfComing) {
  std::vector<std::unique_ptr<LeaseSession>> sessions;
  for (int i = 0; i < 4; ++i) sessions.push_back(NewSession());
  Lock first(*sessions[0], name_);
  ASSERT_TRUE(first.Acquire().ok());
  EXPECT_TRUE(first.IsHeld());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::future<void>> waiters;
  for (int i = 1; i < 4; ++i) {
    waiters.push_back(InBackground([&, i] {
      Lock lock(*sessions[i], name_);
      EXPECT_TRUE(lock.Acquire().ok());
      {
        const std::lock_guard guard(mutex);
        order.push_back(i);
      }
      EXPECT_TRUE(lock.Release().ok());
    }));
    ASSERT_TRUE(AwaitCount(name_ + "/", i + 1));
  }
  {
    const std::lock_guard guard(mutex);
    EXPECT_TRUE(order.empty());
  }
  ASSERT_TRUE(first.Release().ok());
  EXPECT_FALSE(first.IsHeld());
  for (auto& waiter : waiters) waiter.get();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(Count(name_ + "/"), 0);
}

TEST_F(LockTest, ItsKeyIsThatOfEtcdsLocks) {
  const auto session = NewSession();
  Lock lock(*session, name_);
  ASSERT_TRUE(lock.Acquire().ok());
  EXPECT_EQ(lock.fence().key(),
            absl::StrCat(name_, "/", absl::Hex(static_cast<uint64_t>(session->lease()))));
  const auto got = client_->kv().Get(KeyRange::Key(lock.fence().key()));
  ASSERT_EQ(got->count, 1);
  EXPECT_EQ(got->kvs[0].lease, session->lease());
  EXPECT_EQ(got->kvs[0].create_revision, lock.fence().token());
}

TEST_F(LockTest, TryAcquireDoesNotWait) {
  const auto one = NewSession();
  const auto two = NewSession();
  Lock held(*one, name_);
  ASSERT_TRUE(held.TryAcquire().ok());
  Lock late(*two, name_);
  const absl::Status refused = late.TryAcquire();
  EXPECT_TRUE(absl::IsAborted(refused)) << refused;
  EXPECT_EQ(OutcomeOf(refused), Outcome::kFailed);
  EXPECT_EQ(Count(name_ + "/"), 1) << "it has left the line";
  ASSERT_TRUE(held.Release().ok());
  EXPECT_TRUE(late.TryAcquire().ok());
}

TEST_F(LockTest, ADeadlineAndAStopEndTheWaitAndLeaveNoKey) {
  const auto one = NewSession();
  const auto two = NewSession();
  Lock held(*one, name_);
  ASSERT_TRUE(held.Acquire().ok());
  Lock late(*two, name_);
  const absl::Status deadline = late.Acquire({.timeout = absl::Seconds(1)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(deadline)) << deadline;
  EXPECT_EQ(OutcomeOf(deadline), Outcome::kFailed);
  EXPECT_EQ(Count(name_ + "/"), 1);

  std::stop_source stop;
  auto waiter = InBackground([&] { return late.Acquire({.stop = stop.get_token()}); });
  ASSERT_TRUE(AwaitCount(name_ + "/", 2));
  EXPECT_FALSE(IsOver(waiter));
  stop.request_stop();
  const absl::Status stopped = waiter.get();
  EXPECT_TRUE(absl::IsCancelled(stopped)) << stopped;
  EXPECT_EQ(Count(name_ + "/"), 1);
  EXPECT_FALSE(late.IsHeld());
}

TEST_F(LockTest, TheEndOfASessionFreesWhatItHeldAndTellsItsWaiters) {
  auto one = NewSession();
  const auto two = NewSession();
  Lock held(*one, name_);
  ASSERT_TRUE(held.Acquire().ok());
  Lock next(*two, name_);
  auto waiter = InBackground([&] { return next.Acquire(); });
  ASSERT_TRUE(AwaitCount(name_ + "/", 2));
  Lock other(*one, name_ + "-other");
  Lock blocker(*two, name_ + "-other");
  ASSERT_TRUE(blocker.Acquire().ok());
  auto lost = InBackground([&] { return other.Acquire(); });
  ASSERT_TRUE(AwaitCount(name_ + "-other/", 2));
  ASSERT_TRUE(one->Close().ok());
  EXPECT_TRUE(waiter.get().ok());
  EXPECT_FALSE(held.IsHeld());
  EXPECT_TRUE(absl::IsCancelled(one->Lost()));
  const absl::Status status = lost.get();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::IsFailedPrecondition(held.Acquire()));
}

TEST_F(LockTest, AWaiterWhoseKeyWasDeletedDoesNotBelieveThatItHoldsTheLock) {
  const auto one = NewSession();
  const auto two = NewSession();
  Lock held(*one, name_);
  ASSERT_TRUE(held.Acquire().ok());
  Lock late(*two, name_);
  auto waiter = InBackground([&] { return late.Acquire(); });
  ASSERT_TRUE(AwaitCount(name_ + "/", 2));
  const std::string key = absl::StrCat(name_, "/", absl::Hex(static_cast<uint64_t>(two->lease())));
  ASSERT_TRUE(client_->kv().Delete(KeyRange::Key(key)).ok());
  ASSERT_TRUE(held.Release().ok());
  const absl::Status status = waiter.get();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_FALSE(late.IsHeld());
}

TEST_F(LockTest, ASecondLockOfTheSameSessionIsRefusedInsteadOfShared) {
  const auto session = NewSession();
  Lock one(*session, name_);
  Lock two(*session, name_);
  ASSERT_TRUE(one.Acquire().ok());
  EXPECT_TRUE(one.Acquire().ok()) << "it has it";
  EXPECT_TRUE(absl::IsFailedPrecondition(two.Acquire()));
  ASSERT_TRUE(one.Release().ok());
  EXPECT_TRUE(two.Acquire().ok());
}

TEST_F(LockTest, AFenceLetsOnlyTheHolderWrite) {
  const auto one = NewSession();
  const auto two = NewSession();
  const std::string key = name_ + "-data";
  Lock held(*one, name_);
  ASSERT_TRUE(held.Acquire().ok());
  const Fence stale = held.fence();
  EXPECT_TRUE(stale.Put(client_->kv(), key, "one").ok());
  EXPECT_TRUE(stale.Verify(client_->kv()).ok());
  ASSERT_TRUE(held.Release().ok());
  Lock next(*two, name_);
  ASSERT_TRUE(next.Acquire().ok());
  EXPECT_GT(next.fence().token(), stale.token());

  const auto refused = stale.Put(client_->kv(), key, "stale");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_EQ(OutcomeOf(refused.status()), Outcome::kFailed);
  EXPECT_TRUE(absl::IsFailedPrecondition(stale.Delete(client_->kv(), KeyRange::Key(key)).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(stale.Verify(client_->kv())));
  EXPECT_TRUE(absl::IsFailedPrecondition(Fence().Put(client_->kv(), key, "nobody").status()));
  EXPECT_EQ(client_->kv().Get(KeyRange::Key(key))->kvs.at(0).value, "one");

  // The comparisons of the transaction itself choose its branch, as ever.
  Txn txn;
  txn.If(Compare::Value(key).Equals("another")).Else(Op::Put(key, "two"));
  const auto committed = next.fence().Commit(client_->kv(), txn);
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_FALSE(committed->succeeded);
  EXPECT_GT(committed->header.revision, 0);
  const auto deleted = next.fence().Delete(client_->kv(), KeyRange::Key(key), {.prev_kv = true});
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->prev_kvs.at(0).value, "two");
}

TEST_F(LockTest, ReadersShareAndAWriterIsAlone) {
  std::vector<std::unique_ptr<LeaseSession>> sessions;
  std::vector<std::unique_ptr<RwLock>> locks;
  for (int i = 0; i < 4; ++i) {
    sessions.push_back(NewSession());
    locks.push_back(std::make_unique<RwLock>(*sessions[i], name_));
  }
  ASSERT_TRUE(locks[0]->AcquireRead().ok());
  ASSERT_TRUE(locks[1]->AcquireRead().ok());
  EXPECT_TRUE(locks[0]->IsHeldForRead());
  EXPECT_TRUE(absl::IsFailedPrecondition(locks[0]->AcquireWrite()));
  auto writer = InBackground([&] { return locks[2]->AcquireWrite(); });
  ASSERT_TRUE(AwaitCount(name_ + "/write/", 1));
  auto late_reader = InBackground([&] { return locks[3]->AcquireRead(); });
  ASSERT_TRUE(AwaitCount(name_ + "/read/", 3));
  ASSERT_TRUE(locks[1]->Release().ok());
  EXPECT_FALSE(IsOver(writer));
  ASSERT_TRUE(locks[0]->Release().ok());
  EXPECT_TRUE(writer.get().ok());
  EXPECT_TRUE(locks[2]->IsHeldForWrite());
  EXPECT_FALSE(IsOver(late_reader)) << "it came behind the writer";
  EXPECT_TRUE(locks[2]->fence().Put(client_->kv(), name_ + "-data", "w").ok());
  ASSERT_TRUE(locks[2]->Release().ok());
  EXPECT_TRUE(late_reader.get().ok());
}

}  // namespace
}  // namespace keelson::client::recipes
