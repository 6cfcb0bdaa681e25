// Writes that their clients named: applied once, whoever is asked and whatever happens in between;
// and proposals forwarded to a leader that is lost.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/apply/errors.h"
#include "server/apply/request_errors.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {
namespace {

namespace errors = server::errors;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kPut[] = "/etcdserverpb.KV/Put";

class NamedWritesTest : public ::testing::Test {
 protected:
  explicit NamedWritesTest(const server::NodeOptions& options = Options()) : cluster_(3, options) {}
  static server::NodeOptions Options() {
    server::NodeOptions options = NodeCluster::SmallOptions();
    options.requests.requests = 20;
    return options;
  }

  void SetUp() override {
    leader_ = cluster_.WaitForLeader();
    ASSERT_TRUE(cluster_.RunUntil([&] {
      for (size_t i = 0; i < cluster_.size(); ++i) {
        if (cluster_.node(i).facts().version() < server::kRequestIdVersion) return false;
      }
      return true;
    }));
  }

  // A put that counts how often it is applied: the pair's version is in the next one's prev_kv.
  Outcome PutNamed(size_t index, const std::string& id, const std::string& value = "v",
                   Duration limit = seconds(20)) {
    etcdserverpb::PutRequest request;
    request.set_key("k");
    request.set_value(value);
    request.set_prev_kv(true);
    return cluster_.Call(index, kPut, request, limit, {{"keelson-request-id", id}});
  }
  static std::string OutcomeOf(const Outcome& outcome) {
    const auto found = outcome.metadata.find("keelson-request-outcome");
    return found == outcome.metadata.end() ? "none" : found->second;
  }
  static std::string PositionOf(const Outcome& outcome) {
    const auto found = outcome.metadata.find("keelson-request-position");
    return found == outcome.metadata.end() ? "none" : found->second;
  }
  static etcdserverpb::PutResponse ResponseOf(const Outcome& outcome) {
    etcdserverpb::PutResponse response;
    EXPECT_TRUE(response.ParseFromString(outcome.bytes));
    return response;
  }
  void ExpectRepeated(size_t index, const std::string& id, const Outcome& first) {
    const Outcome again = PutNamed(index, id);
    EXPECT_TRUE(again.ok()) << again.status;
    EXPECT_EQ(OutcomeOf(again), "repeated");
    EXPECT_EQ(ResponseOf(again).header().revision(), ResponseOf(first).header().revision());
    EXPECT_EQ(ResponseOf(again).header().member_id(),
              cluster_.node(index).identity().member.value())
        << "the header is that of the member that answers";
    EXPECT_EQ(VersionOfKey(index), 1);
  }
  int64_t VersionOfKey(size_t index) {
    etcdserverpb::RangeRequest request;
    request.set_key("k");
    etcdserverpb::RangeResponse response;
    const Outcome got = cluster_.Call(index, "/etcdserverpb.KV/Range", request);
    EXPECT_TRUE(response.ParseFromString(got.bytes)) << got.status;
    return response.kvs_size() == 0 ? 0 : response.kvs(0).version();
  }
  size_t Follower() const { return (leader_ + 1) % 3; }

  NodeCluster cluster_;
  size_t leader_ = 0;
};

TEST_F(NamedWritesTest, ARepetitionThroughAnyMemberHasTheFirstAnswer) {
  const Outcome first = PutNamed(0, "0-a");
  ASSERT_TRUE(first.ok()) << first.status;
  EXPECT_EQ(OutcomeOf(first), "first");
  EXPECT_EQ(PositionOf(first), "1");
  for (size_t index : {1, 2, 0}) ExpectRepeated(index, "0-a", first);
}

TEST_F(NamedWritesTest, AWriteWithoutANameIsAsEver) {
  const Outcome put = cluster_.Put(0, "k", "v");
  ASSERT_TRUE(put.ok());
  EXPECT_TRUE(put.metadata.empty());
  EXPECT_EQ(cluster_.node(0).request_position(), 0u);
}

TEST_F(NamedWritesTest, TheAnswerOutlivesALeaderAndARestartOfAll) {
  const Outcome first = PutNamed(Follower(), "0-a");
  ASSERT_TRUE(first.ok()) << first.status;
  cluster_.member(leader_).Crash();
  ExpectRepeated(Follower(), "0-a", first);
  ASSERT_TRUE(cluster_.member(leader_).Start().ok());
  ASSERT_TRUE(cluster_.WaitForRest());
  for (size_t i = 0; i < 3; ++i) cluster_.member(i).Crash();
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(cluster_.member(i).Start().ok());
  for (size_t i = 0; i < 3; ++i) ExpectRepeated(i, "0-a", first);
}

TEST_F(NamedWritesTest, TheAnswerComesWithASnapshot) {
  const size_t away = Follower();
  cluster_.member(away).Crash();
  const Outcome first = PutNamed(leader_, "0-a");
  ASSERT_TRUE(first.ok()) << first.status;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(cluster_.Put(leader_, absl::StrCat("x", i), std::string(1000, 'x')).ok());
  }
  ASSERT_TRUE(cluster_.member(away).Start().ok());
  ASSERT_TRUE(cluster_.WaitForRest());
  ASSERT_GE(cluster_.node(away).counters().snapshots_installed, 1u);
  ExpectRepeated(away, "0-a", first);
}

TEST_F(NamedWritesTest, AnIdOutsideOfWhatIsKeptCantTellAndBringsThePositionForANewOne) {
  ASSERT_TRUE(PutNamed(0, "0-a").ok());
  for (int i = 1; i <= 20; ++i) ASSERT_TRUE(PutNamed(0, absl::StrCat(i, "-b")).ok());
  const Outcome old = PutNamed(1, "0-a");
  EXPECT_EQ(old.status, errors::RequestTooOld());
  EXPECT_EQ(OutcomeOf(old), "too-old");
  ASSERT_EQ(PositionOf(old), "21");
  EXPECT_EQ(VersionOfKey(1), 21);
  EXPECT_EQ(OutcomeOf(PutNamed(1, PositionOf(old) + "-a")), "first");
}

TEST_F(NamedWritesTest, AGrantThatIsRepeatedIsTheSameLease) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(60);
  std::set<int64_t> ids;
  for (size_t index : {0, 1, 2}) {
    const Outcome granted = cluster_.Call(index, "/etcdserverpb.Lease/LeaseGrant", request,
                                          seconds(20), {{"keelson-request-id", "0-a"}});
    etcdserverpb::LeaseGrantResponse response;
    ASSERT_TRUE(response.ParseFromString(granted.bytes)) << granted.status;
    ids.insert(response.id());
  }
  EXPECT_EQ(ids.size(), 1u);
}

TEST_F(NamedWritesTest, WhatTakesNoNameRefusesIt) {
  etcdserverpb::RangeRequest range;
  range.set_key("k");
  const sim::FakeCall::Metadata named = {{"keelson-request-id", "0-a"}};
  EXPECT_EQ(cluster_.Call(0, "/etcdserverpb.KV/Range", range, seconds(20), named).status,
            errors::NoRequestIdHere());
  EXPECT_EQ(cluster_
                .Call(0, "/etcdserverpb.Maintenance/Alarm", etcdserverpb::AlarmRequest(),
                      seconds(20), named)
                .status,
            errors::NoRequestIdHere());
  EXPECT_EQ(PutNamed(0, "a").status, errors::InvalidRequestId());
  EXPECT_EQ(PutNamed(0, "5-a").status, errors::RequestIdOfTheFuture());
}

// What a member refuses before the log says nothing of an earlier try, and need not: it has applied
// that one.
class RefusedNamedWritesTest : public NamedWritesTest {
 protected:
  static server::NodeOptions Tight() {
    server::NodeOptions options = Options();
    options.max_pending_writes = 5;
    options.quota_bytes = 20'000;
    return options;
  }
  RefusedNamedWritesTest() : NamedWritesTest(Tight()) {}
};

TEST_F(RefusedNamedWritesTest, AMemberWithTooManyWritesStillTellsWhatItHasApplied) {
  const Outcome first = PutNamed(leader_, "0-a");
  ASSERT_TRUE(first.ok()) << first.status;
  for (size_t i = 0; i < 3; ++i) {
    if (i != leader_)
      cluster_.network().Cut(cluster_.member(leader_).id(), cluster_.member(i).id());
  }
  etcdserverpb::PutRequest request;
  request.set_key("waits");
  std::vector<OpenCall> waiting;
  for (int i = 0; i < 5; ++i) waiting.emplace_back(cluster_, leader_, kPut, request);
  cluster_.RunFor(milliseconds(1));
  const Outcome other = PutNamed(leader_, "0-b");
  EXPECT_EQ(other.status, errors::TooManyRequests());
  EXPECT_EQ(OutcomeOf(other), "none") << "it says nothing of the id";
  EXPECT_EQ(PutNamed(leader_, "0-a", "another").status, errors::TooManyRequests());
  const Outcome again = PutNamed(leader_, "0-a");
  EXPECT_TRUE(again.ok()) << again.status;
  EXPECT_EQ(OutcomeOf(again), "repeated");
  EXPECT_EQ(PositionOf(again), "1");
  EXPECT_EQ(ResponseOf(again).header().revision(), ResponseOf(first).header().revision());
}

TEST_F(RefusedNamedWritesTest, AMemberWithoutSpaceStillTellsWhatItHasApplied) {
  const Outcome first = PutNamed(leader_, "0-a");
  ASSERT_TRUE(first.ok()) << first.status;
  etcdserverpb::LeaseGrantRequest grant;
  grant.set_ttl(60);
  const auto granted = [&] {
    return cluster_.Call(leader_, "/etcdserverpb.Lease/LeaseGrant", grant, seconds(20),
                         {{"keelson-request-id", "0-lease"}});
  };
  ASSERT_EQ(OutcomeOf(granted()), "first");
  absl::Status full;
  for (int i = 0; i < 40 && full.ok(); ++i) {
    full = cluster_.Put(leader_, absl::StrCat("x", i), std::string(1000, 'x')).status;
  }
  ASSERT_EQ(full, errors::NoSpace());
  ASSERT_TRUE(cluster_.WaitForRest());
  EXPECT_EQ(PutNamed(leader_, "0-b").status, errors::NoSpace());
  for (size_t index : {0, 1, 2}) ExpectRepeated(index, "0-a", first);
  EXPECT_EQ(OutcomeOf(granted()), "repeated");
}

TEST(NamedWritesAndVersionsTest, NamesAreTakenOnceAllMembersKnowThem) {
  server::NodeOptions options = NodeCluster::SmallOptions();
  options.entry_version = server::kRequestIdVersion - 1;
  NodeCluster cluster(1, options);
  etcdserverpb::PutRequest request;
  request.set_key("k");
  const Outcome put = cluster.Call(0, kPut, request, seconds(20), {{"keelson-request-id", "0-a"}});
  EXPECT_EQ(put.status, errors::NoRequestIdsYet());
  EXPECT_TRUE(put.metadata.empty()) << "it says nothing of the id";
}

// The leader has the write and nobody else; it comes back when another leads. Whoever asked waits
// for the next leader's first entry, not for its patience's end.
TEST_F(NamedWritesTest, AWriteForwardedToALostLeaderIsWrittenByTheNext) {
  for (size_t i = 0; i < 3; ++i) {
    if (i != leader_)
      cluster_.network().Cut(cluster_.member(leader_).id(), cluster_.member(i).id());
  }
  etcdserverpb::PutRequest request;
  request.set_key("k");
  request.set_value("v");
  bool over = false;
  absl::Status status = absl::UnknownError("no answer");
  auto call = cluster_.member(Follower())
                  .Call(
                      kPut, request.SerializeAsString(), [](const std::string&) {},
                      [&](const absl::Status& answer) {
                        over = true;
                        status = answer;
                      });
  ASSERT_NE(call, nullptr);
  // It has arrived, and its answer has not.
  cluster_.RunFor(milliseconds(5));
  const server::Instant killed = cluster_.world().now();
  cluster_.member(leader_).Crash();
  ASSERT_TRUE(cluster_.RunUntil([&] { return over; }));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LT(cluster_.world().now() - killed, seconds(3));
  EXPECT_EQ(VersionOfKey(Follower()), 1);
  for (size_t i = 0; i < 3; ++i) {
    if (i != leader_) {
      cluster_.network().Restore(cluster_.member(leader_).id(), cluster_.member(i).id());
    }
  }
  ASSERT_TRUE(cluster_.member(leader_).Start().ok());
  ASSERT_TRUE(cluster_.WaitForRest());
  EXPECT_EQ(VersionOfKey(leader_), 1);
}

}  // namespace
}  // namespace keelson::testing
