// Reads by their ReadOptions: what is asked of whom, what is told of the answer's age.
#include "client/keelson/internal/read_call.h"

#include <gtest/gtest.h>

#include <optional>

#include "client/keelson/cluster.h"
#include "client/keelson/kv.h"
#include "client/keelson/lease.h"
#include "tests/client/fake_core.h"

namespace keelson::client {
namespace {

using etcdserverpb::RangeRequest;
using internal::Find;
using internal::Metadata;
using internal::Reach;
using keelson::testing::FakeCore;
using keelson::testing::FakeTransport;

class ReadCallTest : public ::testing::Test {
 protected:
  void Get(const GetOptions& options, const ReadOptions& read) {
    result_.reset();
    Kv(fake_.core)
        .GetAsync(KeyRange::Key("k"), options, {.timeout = absl::Seconds(4), .read = read})
        .Then([this](absl::StatusOr<GetResult> result) { result_ = std::move(result); });
  }

  FakeTransport::Attempt& Last() { return fake_.transport->attempts.back(); }
  size_t attempts() const { return fake_.transport->attempts.size(); }
  bool LastIsStale() {
    RangeRequest request;
    EXPECT_TRUE(request.ParseFromString(Last().request));
    return request.serializable();
  }
  std::optional<std::string> Sent(std::string_view key) {
    const std::string* value = Find(Last().start.metadata, key);
    return value == nullptr ? std::nullopt : std::optional(*value);
  }
  void Answer(int64_t revision, Metadata metadata = {}) {
    etcdserverpb::RangeResponse response;
    response.mutable_header()->set_revision(revision);
    const auto done = Last().done;
    done({.reach = Reach::kAnswered,
          .body = response.SerializeAsString(),
          .metadata = std::move(metadata)});
  }
  void Fail(absl::Status status, Reach reach = Reach::kAnswered) {
    const auto done = Last().done;
    done({.status = std::move(status), .reach = reach});
  }
  // Every member hangs until the attempt's time is over.
  void HangUntilStale() {
    while (!LastIsStale()) {
      fake_.scheduler->Advance(Last().start.timeout);
      Fail(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
    }
  }

  FakeCore fake_;
  std::optional<absl::StatusOr<GetResult>> result_;
};

const Metadata kFresh = {{"keelson-age-ms", "40"}, {"keelson-quorum", "true"}};
const Metadata kLonely = {{"keelson-age-ms", "9000"}, {"keelson-quorum", "false"}};

TEST_F(ReadCallTest, ALinearizableReadIsAsOldAsItsQuestionAndAsksForNothingMore) {
  Get({}, {});
  EXPECT_TRUE(Last().start.metadata.empty());
  fake_.scheduler->Advance(absl::Milliseconds(30));
  Answer(7);
  const Freshness& freshness = (*result_)->freshness;
  EXPECT_EQ(freshness.age, absl::Milliseconds(30));
  EXPECT_TRUE(freshness.quorum);
  EXPECT_TRUE(freshness.linearizable);
  EXPECT_EQ(freshness.revision, 7);
}

TEST_F(ReadCallTest, AStaleReadsAgeIsTheMembersWordAndTheTimeUnderWay) {
  Get({.serializable = true}, {.max_age = absl::Milliseconds(100)});
  EXPECT_EQ(Sent("keelson-max-age-ms"), "100");
  fake_.scheduler->Advance(absl::Milliseconds(30));
  Answer(7, kFresh);
  EXPECT_EQ((*result_)->freshness.age, absl::Milliseconds(70));
  EXPECT_TRUE((*result_)->freshness.quorum);
  EXPECT_FALSE((*result_)->freshness.linearizable);
}

TEST_F(ReadCallTest, EtcdDoesNotSayHowOldItIs) {
  Get({.serializable = true}, {});
  Answer(7);
  EXPECT_EQ((*result_)->freshness.age, std::nullopt);
  EXPECT_FALSE((*result_)->freshness.quorum);
}

TEST_F(ReadCallTest, WhatIsTooOldEverywhereIsRefusedAfterOneRound) {
  Get({.serializable = true}, {.max_age = absl::Milliseconds(60)});
  Fail(absl::FailedPreconditionError("keelson: what this member has is 99 ms old, asked for"));
  EXPECT_EQ(Last().start.endpoint, "b:1");
  Fail(absl::UnavailableError("connection refused"), Reach::kNotSent);
  fake_.scheduler->Advance(absl::Milliseconds(30));
  Answer(7, kFresh);  // 70 ms by now
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(result_->status().message(),
            "keelson: what this member has is 70 ms old, asked for at most 60 ms");
  EXPECT_EQ(attempts(), 3u);
}

TEST_F(ReadCallTest, AnUnknownAgeIsNoYoungOne) {
  Get({.serializable = true}, {.max_age = absl::Hours(1)});
  for (int i = 0; i < 3; ++i) Answer(7);
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReadCallTest, ARevisionIsWaitedForAtMembersThatKnowNothingOfIt) {
  Get({}, {.min_revision = 9});
  EXPECT_EQ(Sent("keelson-min-revision"), "9");
  Answer(8);
  EXPECT_EQ(Last().start.endpoint, "b:1");
  Answer(8);
  Answer(8);
  EXPECT_EQ(attempts(), 3u);
  fake_.scheduler->Advance(absl::Milliseconds(25));
  ASSERT_EQ(attempts(), 4u);
  Answer(9);
  EXPECT_EQ((*result_)->freshness.revision, 9);
}

TEST_F(ReadCallTest, LeasesSayHowOldWhatTheyTellIs) {
  const CallOptions call{.read = {.max_age = absl::Milliseconds(50), .min_revision = 5}};
  auto list = Leases(fake_.core).ListAsync(call);
  EXPECT_EQ(Sent("keelson-max-age-ms"), "50");
  EXPECT_EQ(Sent("keelson-min-revision"), "5");
  Answer(7, kLonely);
  EXPECT_EQ(Last().start.endpoint, "b:1") << "9 s are too old";
  Answer(7, kFresh);
  const auto listed = list.Get(absl::ZeroDuration());
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_EQ(listed->freshness.age, absl::Milliseconds(40));
  EXPECT_EQ(listed->freshness.revision, 7);

  auto ttl = Leases(fake_.core).TimeToLiveAsync(7, {}, call);
  EXPECT_EQ(Sent("keelson-max-age-ms"), "50");
  Answer(7, kFresh);
  const auto told = ttl.Get(absl::ZeroDuration());
  ASSERT_TRUE(told.ok()) << told.status();
  EXPECT_EQ(told->freshness.age, absl::Milliseconds(40));
  EXPECT_TRUE(told->freshness.quorum);
}

TEST_F(ReadCallTest, MembersAreListedAsFreshAsWasAskedFor) {
  const auto is_linearizable = [this] {
    etcdserverpb::MemberListRequest request;
    EXPECT_TRUE(request.ParseFromString(Last().request));
    return request.linearizable();
  };
  auto fresh = Cluster(fake_.core).ListAsync();
  EXPECT_TRUE(is_linearizable());
  Answer(0);
  EXPECT_TRUE(fresh.Get(absl::ZeroDuration())->freshness.linearizable);

  auto either =
      Cluster(fake_.core).ListAsync({}, {.timeout = absl::Seconds(4), .read = {.stale_ok = true}});
  while (is_linearizable()) {
    fake_.scheduler->Advance(Last().start.timeout);
    Fail(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
  }
  Answer(0, kLonely);
  const auto stale = either.Get(absl::ZeroDuration());
  ASSERT_TRUE(stale.ok()) << stale.status();
  EXPECT_FALSE(stale->freshness.linearizable);
  EXPECT_EQ(stale->freshness.age, absl::Seconds(9));
}

TEST_F(ReadCallTest, WithoutAQuorumAStaleAnswerIsGivenAndSaysSo) {
  Get({}, {.stale_ok = true});
  EXPECT_FALSE(LastIsStale());
  HangUntilStale();
  EXPECT_LE(fake_.scheduler->Now(), absl::Seconds(1001));
  Answer(7, kLonely);
  ASSERT_TRUE((*result_).ok());
  EXPECT_FALSE((*result_)->freshness.linearizable);
  EXPECT_FALSE((*result_)->freshness.quorum);
  EXPECT_EQ((*result_)->freshness.age, absl::Seconds(9));
}

TEST_F(ReadCallTest, StaleIsNotEnoughForWhoDidNotAllowIt) {
  Get({}, {});
  while (!result_) {
    EXPECT_FALSE(LastIsStale());
    fake_.scheduler->Advance(Last().start.timeout);
    Fail(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
  }
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ReadCallTest, ARefusalIsNoLackOfAQuorum) {
  Get({}, {.stale_ok = true});
  Fail(absl::PermissionDeniedError("etcdserver: permission denied"));
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(attempts(), 1u);
}

TEST_F(ReadCallTest, WhileTheQuorumIsLostReadsAreStaleAtOnceAndOneProbeLooksForIt) {
  Get({}, {.stale_ok = true});
  HangUntilStale();
  Answer(7, kLonely);
  const size_t before = attempts();
  Get({}, {.stale_ok = true});
  ASSERT_EQ(attempts(), before + 2);
  EXPECT_TRUE(LastIsStale());
  Answer(7, kLonely);
  EXPECT_FALSE((*result_)->freshness.linearizable);
  Get({}, {.stale_ok = true});
  ASSERT_EQ(attempts(), before + 3) << "the first probe still runs";
  Answer(7, kLonely);

  const auto probe = fake_.transport->attempts[before].done;
  probe({.reach = Reach::kAnswered});
  Get({}, {.stale_ok = true});
  EXPECT_FALSE(LastIsStale());
  Answer(8);
  EXPECT_TRUE((*result_)->freshness.linearizable);
}

TEST_F(ReadCallTest, AReadOnlyTransactionFallsBackAsAWhole) {
  std::optional<absl::StatusOr<TxnResult>> result;
  Txn txn;
  txn.Then(Op::Get(KeyRange::Key("a"))).Else(Op::Get(KeyRange::Key("b")));
  Kv(fake_.core)
      .CommitAsync(txn, {.timeout = absl::Seconds(4), .read = {.stale_ok = true}})
      .Then([&result](absl::StatusOr<TxnResult> got) { result = std::move(got); });
  etcdserverpb::TxnRequest request;
  do {
    fake_.scheduler->Advance(Last().start.timeout);
    Fail(absl::DeadlineExceededError("Deadline Exceeded"), Reach::kSent);
    ASSERT_TRUE(request.ParseFromString(Last().request));
  } while (!request.success(0).request_range().serializable());
  EXPECT_TRUE(request.failure(0).request_range().serializable());
  const auto done = Last().done;
  done({.reach = Reach::kAnswered, .metadata = kLonely});
  ASSERT_TRUE(result.has_value() && result->ok());
  EXPECT_FALSE((*result)->freshness.linearizable);
  EXPECT_EQ((*result)->freshness.age, absl::Seconds(9));
}

}  // namespace
}  // namespace keelson::client
