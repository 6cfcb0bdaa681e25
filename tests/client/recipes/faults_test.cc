// The recipes where answers are lost, requests come late and sessions are lost.
#include "client/keelson/recipes/barrier.h"
#include "client/keelson/recipes/counter.h"
#include "client/keelson/recipes/election.h"
#include "client/keelson/recipes/lock.h"
#include "client/keelson/recipes/queue.h"
#include "tests/client/recipes/fake_cluster.h"
#include "tests/client/recipes/recipe_fixture.h"

namespace keelson::client::recipes {
namespace {

using keelson::testing::FakeClient;
using keelson::testing::FakeCluster;
using keelson::testing::FakeLink;
using keelson::testing::InBackground;
using keelson::testing::WaitUntil;
using Fault = FakeLink::Fault;

class RecipeFaultsTest : public ::testing::Test {
 protected:
  std::unique_ptr<LeaseSession> NewSession(FakeClient& client, LeaseSessionOptions options = {}) {
    auto session = LeaseSession::Start(*client.client, std::move(options));
    EXPECT_TRUE(session.ok()) << session.status();
    return *std::move(session);
  }
  int64_t Count(const std::string& prefix) {
    return two_.client->kv().Get(KeyRange::Prefix(prefix), {.count_only = true})->count;
  }
  std::string Value(const std::string& key) {
    return two_.client->kv().Get(KeyRange::Key(key))->kvs.at(0).value;
  }

  std::shared_ptr<FakeCluster> cluster_ = std::make_shared<FakeCluster>();
  FakeClient one_{cluster_};
  FakeClient two_{cluster_};
};

TEST_F(RecipeFaultsTest, AnAcquireWhoseAnswerWasLostFindsItsKey) {
  const auto session = NewSession(one_);
  one_.link->Plan("KV/Txn", {Fault::kAnswerLost, Fault::kAnswerLost});
  Lock lock(*session, "lock");
  ASSERT_TRUE(lock.Acquire().ok());
  EXPECT_TRUE(lock.fence().Verify(one_.client->kv()).ok());
  EXPECT_EQ(Count("lock/"), 1);
  EXPECT_TRUE(lock.Release().ok());
  EXPECT_EQ(Count("lock/"), 0);
}

TEST_F(RecipeFaultsTest, AnAcquireWhoseRequestComesLateIsOneAcquire) {
  const auto session = NewSession(one_);
  one_.link->Plan("KV/Txn", {Fault::kHeld});
  Lock lock(*session, "lock");
  ASSERT_TRUE(lock.Acquire().ok());
  const Fence fence = lock.fence();
  EXPECT_TRUE(one_.link->LetGo());
  EXPECT_EQ(Count("lock/"), 1);
  EXPECT_TRUE(fence.Verify(one_.client->kv()).ok()) << "the late request changed nothing";
}

TEST_F(RecipeFaultsTest, AnAcquireInDoubtSaysSoAndTheNextOneTakesOver) {
  const auto session = NewSession(one_);
  const auto other = NewSession(two_);
  Lock held(*other, "lock");
  ASSERT_TRUE(held.Acquire().ok());
  one_.link->Plan("KV/Txn", {Fault::kHeld});
  Lock lock(*session, "lock");
  const absl::Status status = lock.Acquire({.timeout = absl::Seconds(1)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown) << "the held request may put the key yet";
  EXPECT_TRUE(one_.link->LetGo());
  EXPECT_EQ(Count("lock/"), 2) << "as it does";
  ASSERT_TRUE(held.Release().ok());
  ASSERT_TRUE(lock.Acquire().ok());
  EXPECT_TRUE(lock.fence().Verify(one_.client->kv()).ok());
  EXPECT_TRUE(lock.Release().ok());
  EXPECT_EQ(Count("lock/"), 0);
}

TEST_F(RecipeFaultsTest, AReleaseWhoseAnswerWasLostIsARelease) {
  const auto session = NewSession(one_);
  Lock lock(*session, "lock");
  ASSERT_TRUE(lock.Acquire().ok());
  one_.link->Plan("KV/Txn", {Fault::kAnswerLost});
  EXPECT_TRUE(lock.Release().ok());
  EXPECT_EQ(Count("lock/"), 0);
  EXPECT_FALSE(lock.IsHeld());
}

TEST_F(RecipeFaultsTest, ARequestThatWasNotSentIsSentAgainAndLeavesNoDoubt) {
  const auto session = NewSession(one_);
  const auto other = NewSession(two_);
  Lock held(*other, "lock");
  ASSERT_TRUE(held.Acquire().ok());
  one_.link->Plan("KV/Txn", {Fault::kNotSent, Fault::kNotSent});
  Lock lock(*session, "lock");
  const absl::Status status = lock.Acquire({.timeout = absl::Seconds(1)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(OutcomeOf(status), Outcome::kFailed);
}

TEST_F(RecipeFaultsTest, AHolderThatWasCutOffKnowsItAndItsFencedWriteIsRefused) {
  std::promise<void> told;
  const auto session = NewSession(one_, {.ttl = 1, .on_lost = [&told] { told.set_value(); }});
  Lock lock(*session, "lock");
  ASSERT_TRUE(lock.Acquire().ok());
  const Fence stale = lock.fence();
  one_.link->Silence();
  ASSERT_TRUE(session->WaitLost(absl::Seconds(20)));
  told.get_future().wait();
  EXPECT_TRUE(absl::IsDeadlineExceeded(session->Lost())) << session->Lost();
  EXPECT_FALSE(lock.IsHeld());
  EXPECT_EQ(session->Remaining(), absl::ZeroDuration());
  EXPECT_TRUE(stale.Put(one_.client->kv(), "data", "early").ok())
      << "the cluster has not ended the lease: the claim is in force";
  cluster_->EndLease(session->lease());
  const auto other = NewSession(two_);
  Lock next(*other, "lock");
  ASSERT_TRUE(next.Acquire().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(stale.Put(one_.client->kv(), "data", "stale").status()));
  EXPECT_EQ(Value("data"), "early");
}

TEST_F(RecipeFaultsTest, AWaiterIsToldOfTheLossOfItsSession) {
  const auto session = NewSession(one_, {.ttl = 1});
  const auto other = NewSession(two_);
  Lock held(*other, "lock");
  ASSERT_TRUE(held.Acquire().ok());
  Lock lock(*session, "lock");
  auto waiter = InBackground([&] { return lock.Acquire(); });
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return Count("lock/") == 2; }));
  one_.link->Silence();
  const absl::Status status = waiter.get();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(OutcomeOf(status), Outcome::kFailed);
}

TEST_F(RecipeFaultsTest, AStopEndsACallThatIsNotAnswered) {
  const auto session = NewSession(one_);
  one_.link->Plan("KV/Txn", {Fault::kSilent});
  Lock lock(*session, "lock");
  std::stop_source stop;
  auto acquire = InBackground([&] { return lock.Acquire({.stop = stop.get_token()}); });
  ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return one_.link->IsSilent(); }));
  stop.request_stop();
  const absl::Status status = acquire.get();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(OutcomeOf(status), Outcome::kUnknown) << "it may have left this process";
  EXPECT_TRUE(lock.Acquire().ok());
}

TEST_F(RecipeFaultsTest, InACallbackOfTheClientARecipeFailsInsteadOfWaitingForItself) {
  const auto session = NewSession(one_);
  Lock lock(*session, "lock");
  const Queue queue(*one_.client, "queue");
  std::promise<std::vector<absl::Status>> said;
  one_.client->kv().GetAsync(KeyRange::Key("k")).Then([&](const absl::StatusOr<GetResult>&) {
    said.set_value(
        {lock.Acquire(), queue.Push("a").status(), LeaseSession::Start(*one_.client).status()});
  });
  for (const absl::Status& status : said.get_future().get()) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_EQ(OutcomeOf(status), Outcome::kFailed);
  }
  EXPECT_EQ(Count("lock/") + Count("queue/"), 0);
}

TEST_F(RecipeFaultsTest, AnEndWakesOneWaiter) {
  constexpr int kWaiters = 6;
  std::vector<std::unique_ptr<LeaseSession>> sessions;
  std::vector<std::unique_ptr<Lock>> locks;
  for (int i = 0; i <= kWaiters; ++i) {
    sessions.push_back(NewSession(one_));
    locks.push_back(std::make_unique<Lock>(*sessions.back(), "lock"));
  }
  ASSERT_TRUE(locks[0]->Acquire().ok());
  std::vector<std::future<absl::Status>> waiters;
  for (int i = 1; i <= kWaiters; ++i) {
    waiters.push_back(InBackground([&locks, i] { return locks[i]->Acquire(); }));
    ASSERT_TRUE(WaitUntil(absl::Seconds(20), [&] { return Count("lock/") == i + 1; }));
  }
  for (int i = 0; i < kWaiters; ++i) {
    ASSERT_TRUE(locks[i]->Release().ok());
    ASSERT_TRUE(waiters[i].get().ok());
  }
  EXPECT_LE(cluster_->events_told(), kWaiters);
}

TEST_F(RecipeFaultsTest, AnOldWordDoesNotUndoALaterOne) {
  const auto session = NewSession(one_);
  Election election(*session, "election");
  ASSERT_TRUE(election.Campaign("a").ok());
  one_.link->Plan("KV/Txn", {Fault::kHeld});
  ASSERT_TRUE(election.Proclaim("b").ok());
  ASSERT_TRUE(election.Proclaim("c").ok());
  EXPECT_TRUE(one_.link->LetGo());
  EXPECT_EQ(Value(election.fence().key()), "c");
  one_.link->Plan("KV/Txn", {Fault::kAnswerLost});
  ASSERT_TRUE(election.Proclaim("d").ok());
  EXPECT_EQ(Value(election.fence().key()), "d");
}

TEST_F(RecipeFaultsTest, ALostCampaignLeavesItsValueToNobody) {
  const auto session = NewSession(one_);
  const auto other = NewSession(two_);
  Election held(*other, "election");
  ASSERT_TRUE(held.Campaign("x").ok());
  one_.link->Plan("KV/Txn", {Fault::kHeld});
  Election election(*session, "election");
  EXPECT_FALSE(election.Campaign("old", {.timeout = absl::Seconds(1)}).ok());
  EXPECT_TRUE(one_.link->LetGo());
  ASSERT_TRUE(held.Resign().ok());
  ASSERT_TRUE(election.Campaign("new").ok());
  EXPECT_EQ(Value(election.fence().key()), "new");
}

TEST_F(RecipeFaultsTest, AnAddIsAddedOnceWhateverHappensToItsAnswer) {
  const auto session = NewSession(one_);
  Counter counter(*session, "counter");
  EXPECT_EQ(*counter.Add(1), 1);
  one_.link->Plan("KV/Txn", {Fault::kAnswerLost});
  EXPECT_EQ(*counter.Add(1), 2);
  one_.link->Plan("KV/Txn", {Fault::kHeld});
  EXPECT_EQ(*counter.Add(1), 3);
  EXPECT_TRUE(one_.link->LetGo());
  EXPECT_EQ(*counter.Get(), 3);
  one_.link->Plan("KV/Txn", {Fault::kNotSent});
  EXPECT_EQ(*counter.Add(1), 4);
}

TEST_F(RecipeFaultsTest, APushIsNeverTwo) {
  const auto session = NewSession(one_);
  const Queue queue(*one_.client, "queue");
  one_.link->Plan("KV/Put", {Fault::kAnswerLost});
  ASSERT_TRUE(queue.Push("a").ok());
  EXPECT_EQ(*queue.Size(), 1);
  one_.link->Plan("KV/Put", {Fault::kNotSent});
  ASSERT_TRUE(queue.Push("b").ok());
  one_.link->Plan("KV/Put", {Fault::kHeld});
  const auto held = queue.Push("c");
  EXPECT_EQ(OutcomeOf(held.status()), Outcome::kUnknown) << held.status();
  EXPECT_EQ(*queue.Size(), 2);
}

TEST_F(RecipeFaultsTest, AnItemIsDoneOnceWhateverHappensToTheAnswer) {
  const auto session = NewSession(one_);
  const Queue queue(*one_.client, "queue");
  ASSERT_TRUE(queue.Push("a").ok());
  one_.link->Plan("KV/Txn", {Fault::kAnswerLost, Fault::kAnswerLost});
  auto item = queue.Take(*session);
  ASSERT_TRUE(item.ok()) << item.status();
  EXPECT_TRUE((*item)->Done().ok());
  EXPECT_EQ(*queue.Size(), 0);
  EXPECT_EQ(Count("queue/"), 0);
}

TEST_F(RecipeFaultsTest, ABarrierThatNobodyClosedIsClosedByTheNext) {
  const auto session = NewSession(one_);
  ASSERT_TRUE(two_.client->kv().Put("barrier/ready", "").ok());
  DoubleBarrier barrier(*session, "barrier", 1);
  EXPECT_TRUE(barrier.Enter().ok());
  EXPECT_TRUE(barrier.Leave().ok());
  EXPECT_EQ(Count("barrier/"), 0);
}

TEST_F(RecipeFaultsTest, ASessionThatIsDestroyedGivesBackWhatItHeld) {
  {
    const auto session = NewSession(one_);
    const Barrier barrier(*one_.client, "barrier");
    ASSERT_TRUE(barrier.Raise(session.get()).ok());
    EXPECT_EQ(Count("barrier"), 1);
  }
  EXPECT_EQ(Count("barrier"), 0);
}

}  // namespace
}  // namespace keelson::client::recipes
