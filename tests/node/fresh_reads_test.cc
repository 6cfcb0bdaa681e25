// Reads that say how old they may be, over partitions, pauses, restarts and changes of the leader.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "proto/etcd/v3election.pb.h"
#include "server/api/fresh_watch.h"
#include "tests/node/node_cluster.h"
#include "tests/node/open_call.h"

namespace keelson::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr char kRange[] = "/etcdserverpb.KV/Range";

Outcome ReadAt(NodeCluster& cluster, size_t index, const sim::FakeCall::Metadata& metadata,
               bool serializable = true) {
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_serializable(serializable);
  return cluster.Call(index, kRange, request, seconds(20), metadata);
}

const sim::FakeCall::Metadata kTellAge = {{"keelson-min-revision", "0"}};

std::optional<int64_t> AgeOf(const Outcome& outcome) {
  const auto found = outcome.metadata.find("keelson-age-ms");
  int64_t age = 0;
  if (found == outcome.metadata.end() || !absl::SimpleAtoi(found->second, &age)) {
    return std::nullopt;
  }
  return age;
}

std::string QuorumOf(const Outcome& outcome) {
  const auto found = outcome.metadata.find("keelson-quorum");
  return found == outcome.metadata.end() ? "" : found->second;
}

bool KnowsItsAge(NodeCluster& cluster, size_t index) {
  return cluster.RunUntil([&] { return cluster.node(index).FreshnessAnchor().has_value(); },
                          seconds(10));
}

void CutOff(NodeCluster& cluster, size_t index) {
  for (size_t other = 0; other < cluster.size(); ++other) {
    if (other == index) continue;
    cluster.network().Cut(cluster.member(index).id(), cluster.member(other).id());
    cluster.network().Cut(cluster.member(other).id(), cluster.member(index).id());
  }
}

TEST(FreshReadsTest, AnAnswerTellsItsAgeOnlyToThoseWhoAsk) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, 1));
  EXPECT_TRUE(ReadAt(cluster, 1, {}).metadata.empty());
  const Outcome asked = ReadAt(cluster, 1, kTellAge);
  ASSERT_TRUE(asked.ok()) << asked.status;
  EXPECT_TRUE(AgeOf(asked).has_value());
  EXPECT_EQ(QuorumOf(asked), "true");
}

// Two heartbeats and a round trip (design D5); the simulated network takes below a millisecond.
TEST(FreshReadsTest, InAHealthyClusterAnswersAreYoungOnEveryMember) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  for (size_t i = 0; i < 3; ++i) ASSERT_TRUE(KnowsItsAge(cluster, i));
  cluster.RunFor(seconds(1));
  std::vector<int64_t> ages;
  for (int i = 0; i < 600; ++i) {
    const Outcome outcome = ReadAt(cluster, i % 3, kTellAge);
    ASSERT_TRUE(AgeOf(outcome).has_value()) << outcome.status;
    ages.push_back(*AgeOf(outcome));
    cluster.RunFor(milliseconds(7));
  }
  std::sort(ages.begin(), ages.end());
  EXPECT_LE(ages[ages.size() * 99 / 100], 210) << "largest: " << ages.back();
}

TEST(FreshReadsTest, AMemberThatIsCutOffGetsOlderTruthfully) {
  NodeCluster cluster(3);
  const size_t cut = (cluster.WaitForLeader() + 1) % 3;
  ASSERT_TRUE(KnowsItsAge(cluster, cut));
  CutOff(cluster, cut);
  cluster.RunFor(milliseconds(5));
  const int64_t before = *AgeOf(ReadAt(cluster, cut, kTellAge));
  cluster.RunFor(seconds(30));
  const Outcome later = ReadAt(cluster, cut, kTellAge);
  ASSERT_TRUE(AgeOf(later).has_value());
  EXPECT_GE(*AgeOf(later), before + 30000);
  EXPECT_LE(*AgeOf(later), before + 30100) << "a thousandth for the clock's rate";
  EXPECT_EQ(QuorumOf(later), "false");

  const Outcome refused = ReadAt(cluster, cut, {{"keelson-max-age-ms", "5000"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status)) << refused.status;
  EXPECT_THAT(std::string(refused.status.message()),
              HasSubstr(" ms old, asked for at most 5000 ms"));
  EXPECT_TRUE(ReadAt(cluster, cut, {{"keelson-max-age-ms", "60000"}}).ok());
}

TEST(FreshReadsTest, ALeaderThatIsCutOffGetsOlderToo) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, leader));
  CutOff(cluster, leader);
  cluster.RunFor(seconds(10));
  const Outcome outcome = ReadAt(cluster, leader, kTellAge);
  ASSERT_TRUE(AgeOf(outcome).has_value());
  EXPECT_GE(*AgeOf(outcome), 10000);
  EXPECT_TRUE(
      absl::IsFailedPrecondition(ReadAt(cluster, leader, {{"keelson-max-age-ms", "9000"}}).status));
}

TEST(FreshReadsTest, AMemberRestartedWithoutQuorumAnswersButKnowsNoAge) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  ASSERT_TRUE(cluster.WaitForRest());
  for (size_t i = 0; i < 3; ++i) cluster.member(i).Crash();
  ASSERT_TRUE(cluster.member(0).Start().ok());
  const Outcome outcome = ReadAt(cluster, 0, kTellAge);
  ASSERT_TRUE(outcome.ok()) << outcome.status;
  EXPECT_EQ(AgeOf(outcome), std::nullopt);
  EXPECT_EQ(QuorumOf(outcome), "false");
  const Outcome refused = ReadAt(cluster, 0, {{"keelson-max-age-ms", "1000000000"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status));
  EXPECT_THAT(std::string(refused.status.message()), HasSubstr("is of unknown age"));

  ASSERT_TRUE(cluster.member(1).Start().ok());
  EXPECT_TRUE(KnowsItsAge(cluster, 0));
  EXPECT_TRUE(ReadAt(cluster, 0, {{"keelson-max-age-ms", "2000"}}).ok());
}

TEST(FreshReadsTest, ALinearizableReadIsAsOldAsItsRequest) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  const Outcome outcome = ReadAt(cluster, 2, {{"keelson-max-age-ms", "0"}}, false);
  ASSERT_TRUE(outcome.ok()) << outcome.status;
  EXPECT_LE(*AgeOf(outcome), 20);
}

TEST(FreshReadsTest, ALoneMemberIsItsOwnQuorum) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, 0));
  cluster.RunFor(seconds(3));
  const Outcome outcome = ReadAt(cluster, 0, {{"keelson-max-age-ms", "150"}});
  EXPECT_TRUE(outcome.ok()) << outcome.status;
  EXPECT_EQ(QuorumOf(outcome), "true");
}

TEST(FreshReadsTest, AReadWaitsForTheRevisionItAsksFor) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(cluster.Put(1, "k", "old").ok());  // revision 2
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_serializable(true);
  std::string found;
  bool over = false;
  const auto call = cluster.member(1).Call(
      kRange, request.SerializeAsString(), [&](const std::string& bytes) { found = bytes; },
      [&](const absl::Status& status) {
        EXPECT_TRUE(status.ok()) << status;
        over = true;
      },
      {{"keelson-min-revision", "3"}});
  cluster.RunFor(seconds(5));
  EXPECT_FALSE(over) << "revision 3 is not there yet";
  ASSERT_TRUE(cluster.Put(2, "k", "new").ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return over; }));
  etcdserverpb::RangeResponse response;
  ASSERT_TRUE(response.ParseFromString(found));
  EXPECT_EQ(response.kvs(0).value(), "new");
}

TEST(FreshReadsTest, ACallerThatGoesIsNotWaitedFor) {
  NodeCluster cluster(1);
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());  // revision 2
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  request.set_serializable(true);
  bool answered = false;
  const auto call = cluster.member(0).Call(kRange, request.SerializeAsString(),
                                           [&](const std::string&) { answered = true; }, nullptr,
                                           {{"keelson-min-revision", "3"}});
  cluster.RunFor(milliseconds(10));
  call->End();
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  cluster.RunFor(milliseconds(10));
  EXPECT_FALSE(answered);
}

TEST(FreshReadsTest, AWaitEndsWithTheMember) {
  NodeCluster cluster(1);
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  etcdserverpb::RangeRequest request;
  request.set_key("k");
  std::optional<absl::Status> ended;
  const auto call = cluster.member(0).Call(kRange, request.SerializeAsString(), nullptr,
                                           [&](const absl::Status& status) { ended = status; },
                                           {{"keelson-min-revision", "99"}});
  cluster.RunFor(milliseconds(10));
  cluster.node(0).Stop(absl::UnavailableError("etcdserver: server stopped"));
  ASSERT_TRUE(cluster.RunUntil([&] { return ended.has_value(); }));
  EXPECT_TRUE(absl::IsUnavailable(*ended));
}

TEST(FreshReadsTest, WhatIsNoNumberIsNamed) {
  NodeCluster cluster(1);
  cluster.WaitForLeader();
  for (const char* text : {"", "-1", "soon", "1.5"}) {
    const Outcome outcome = ReadAt(cluster, 0, {{"keelson-max-age-ms", text}});
    EXPECT_TRUE(absl::IsInvalidArgument(outcome.status)) << text;
    EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("keelson-max-age-ms: \""));
  }
}

TEST(FreshReadsTest, EveryMethodThatReadsTellsItsAge) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, 1));
  const auto asks = [&](const std::string& method, const google::protobuf::Message& request) {
    return AgeOf(cluster.Call(1, method, request, seconds(20), kTellAge)).has_value();
  };
  etcdserverpb::TxnRequest txn;
  txn.add_success()->mutable_request_range()->set_key("k");
  EXPECT_TRUE(asks("/etcdserverpb.KV/Txn", txn));
  EXPECT_TRUE(asks("/etcdserverpb.Lease/LeaseLeases", etcdserverpb::LeaseLeasesRequest()));
  EXPECT_TRUE(asks("/etcdserverpb.Lease/LeaseTimeToLive", etcdserverpb::LeaseTimeToLiveRequest()));
  EXPECT_TRUE(asks("/etcdserverpb.Cluster/MemberList", etcdserverpb::MemberListRequest()));
  EXPECT_TRUE(asks("/etcdserverpb.Maintenance/Status", etcdserverpb::StatusRequest()));
  EXPECT_TRUE(asks("/etcdserverpb.Maintenance/HashKV", etcdserverpb::HashKVRequest()));
  EXPECT_TRUE(asks("/etcdserverpb.Maintenance/Snapshot", etcdserverpb::SnapshotRequest()));
  ASSERT_TRUE(cluster.Put(0, "election/1", "v").ok());
  v3electionpb::LeaderRequest leader;
  leader.set_name("election");
  EXPECT_TRUE(asks("/v3electionpb.Election/Leader", leader));
}

// What it says was so when the first was answered.
TEST(FreshReadsTest, AnAnswerThatIsGivenAgainTellsNoAge) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(cluster.RunUntil([&] {
    return cluster.node(1).facts().version() >= server::kRequestIdVersion &&
           cluster.node(2).facts().version() >= server::kRequestIdVersion;
  }));
  etcdserverpb::TxnRequest txn;
  txn.add_success()->mutable_request_put()->set_key("other");
  txn.add_success()->mutable_request_range()->set_key("k");
  const auto named = [&](size_t index) {
    return cluster.Call(index, "/etcdserverpb.KV/Txn", txn, seconds(20),
                        {{"keelson-max-age-ms", "60000"}, {"keelson-request-id", "0-a"}});
  };
  const Outcome first = named(1);
  ASSERT_TRUE(first.ok()) << first.status;
  EXPECT_TRUE(AgeOf(first).has_value());
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  cluster.RunFor(seconds(5));
  const Outcome again = named(2);
  ASSERT_TRUE(again.ok()) << again.status;
  ASSERT_EQ(again.bytes.find("v"), std::string::npos);
  EXPECT_EQ(AgeOf(again), std::nullopt) << "it does not show a write of five seconds ago";
}

TEST(FreshReadsTest, WhatIsTooOldIsNotReadAtAll) {
  NodeCluster cluster(3);
  const size_t cut = (cluster.WaitForLeader() + 1) % 3;
  ASSERT_TRUE(KnowsItsAge(cluster, cut));
  CutOff(cluster, cut);
  cluster.RunFor(seconds(10));
  // Without a key: a handler that sees it refuses it.
  etcdserverpb::RangeRequest unreadable;
  unreadable.set_serializable(true);
  const Outcome outcome =
      cluster.Call(cut, kRange, unreadable, seconds(20), {{"keelson-max-age-ms", "5000"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome.status))
      << "the age goes before what the handler would say: " << outcome.status;
}

TEST(FreshReadsTest, AWatchMayBeRefusedForItsAge) {
  NodeCluster cluster(3);
  const size_t cut = (cluster.WaitForLeader() + 1) % 3;
  ASSERT_TRUE(KnowsItsAge(cluster, cut));
  ASSERT_TRUE(cluster.Put(cut, "k", "v").ok());
  CutOff(cluster, cut);
  cluster.RunFor(seconds(10));
  std::optional<absl::Status> ended;
  const auto call = cluster.member(cut).Call("/etcdserverpb.Watch/Watch", "", nullptr,
                                             [&](const absl::Status& status) { ended = status; },
                                             {{"keelson-max-age-ms", "5000"}});
  etcdserverpb::WatchRequest request;
  request.mutable_create_request()->set_key("k");
  call->Message(request.SerializeAsString());
  ASSERT_TRUE(cluster.RunUntil([&] { return ended.has_value(); }, seconds(5)));
  EXPECT_TRUE(absl::IsFailedPrecondition(*ended));
}

OpenCall FreshWatch(NodeCluster& cluster, size_t index, const char* max_age_ms,
                    const char* min_revision = "0") {
  return OpenCall(cluster, index, "/etcdserverpb.Watch/Watch", etcdserverpb::WatchRequest(),
                  {{"keelson-max-age-ms", max_age_ms}, {"keelson-min-revision", min_revision}});
}

void CreateWatcher(OpenCall& call) {
  etcdserverpb::WatchRequest request;
  request.mutable_create_request()->set_key("k");
  call.call().Message(request.SerializeAsString());
}

etcdserverpb::WatchResponse Progress(NodeCluster& cluster, OpenCall& call) {
  etcdserverpb::WatchRequest request;
  request.mutable_progress_request();
  const size_t before = call.messages();
  call.call().Message(request.SerializeAsString());
  EXPECT_TRUE(cluster.RunUntil([&] { return call.messages() > before; }, seconds(5)));
  return call.Message<etcdserverpb::WatchResponse>(before);
}

TEST(FreshWatchTest, AStreamWhoseFirstRequestComesLateIsAsYoungAsThatRequest) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, 1));
  OpenCall call = FreshWatch(cluster, 1, "5000");
  cluster.RunFor(seconds(10));
  CreateWatcher(call);
  EXPECT_TRUE(cluster.RunUntil([&] { return call.messages() == 1 || call.over(); }));
  EXPECT_FALSE(call.over()) << call.status();
  call.Cancel();
}

TEST(FreshWatchTest, ProgressTellsTheAgeOfWhatWasDelivered) {
  NodeCluster cluster(3);
  const size_t cut = (cluster.WaitForLeader() + 1) % 3;
  ASSERT_TRUE(KnowsItsAge(cluster, cut));
  OpenCall call = FreshWatch(cluster, cut, "60000");
  CreateWatcher(call);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 1; }));
  EXPECT_FALSE(call.Message<etcdserverpb::WatchResponse>().has_keelson_age_ms());
  ASSERT_TRUE(cluster.Put(cut, "k", "v").ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 2; }));
  const auto young = Progress(cluster, call);
  EXPECT_EQ(young.header().revision(), 2);
  ASSERT_TRUE(young.has_keelson_age_ms());
  EXPECT_LE(young.keelson_age_ms(), 400);
  EXPECT_TRUE(young.keelson_quorum());
  CutOff(cluster, cut);
  cluster.RunFor(seconds(30));
  const auto old = Progress(cluster, call);
  EXPECT_EQ(old.header().revision(), 2);
  EXPECT_GE(old.keelson_age_ms(), 30000);
  EXPECT_LE(old.keelson_age_ms(), 30500);
  EXPECT_FALSE(old.keelson_quorum());
  call.Cancel();
}

TEST(FreshWatchTest, AStreamEndsOnceItIsOlderThanAskedFor) {
  NodeCluster cluster(3);
  const size_t cut = (cluster.WaitForLeader() + 1) % 3;
  ASSERT_TRUE(KnowsItsAge(cluster, cut));
  OpenCall call = FreshWatch(cluster, cut, "5000");
  CreateWatcher(call);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 1; }));
  EXPECT_EQ(cluster.node(cut).watches().counters().streams, 1u);
  CutOff(cluster, cut);
  cluster.RunFor(seconds(10));
  etcdserverpb::WatchRequest request;
  request.mutable_progress_request();
  call.call().Message(request.SerializeAsString());
  ASSERT_TRUE(cluster.RunUntil([&] { return call.over(); }, seconds(5)));
  EXPECT_TRUE(absl::IsFailedPrecondition(call.status())) << call.status();
  cluster.RunFor(milliseconds(1));
  EXPECT_EQ(cluster.node(cut).watches().counters().streams, 0u) << "the hub lets go of it";
}

TEST(FreshWatchTest, AWatcherMayBeginAfterOneThatWasRefused) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, 1));
  OpenCall call = FreshWatch(cluster, 1, "60000");
  etcdserverpb::WatchRequest empty;
  empty.mutable_create_request()->set_key("b");
  empty.mutable_create_request()->set_range_end("a");
  call.call().Message(empty.SerializeAsString());
  CreateWatcher(call);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 2; }));
  EXPECT_TRUE(call.Message<etcdserverpb::WatchResponse>(0).canceled());
  EXPECT_TRUE(call.Message<etcdserverpb::WatchResponse>(1).created());
  EXPECT_TRUE(Progress(cluster, call).has_keelson_age_ms());
  call.Cancel();
}

TEST(FreshWatchTest, AWatcherBeginsNoEarlierThanTheRevisionAskedFor) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, 1));
  ASSERT_TRUE(cluster.Put(1, "k", "seen").ok());  // revision 2
  OpenCall call = FreshWatch(cluster, 1, "60000", "3");
  CreateWatcher(call);
  CreateWatcher(call);
  cluster.RunFor(seconds(5));
  EXPECT_EQ(call.messages(), 0u) << "revision 3 is not there yet";
  ASSERT_TRUE(cluster.Put(2, "k", "seen elsewhere").ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 2; }));
  EXPECT_EQ(call.Message<etcdserverpb::WatchResponse>(0).header().revision(), 3);
  EXPECT_TRUE(call.Message<etcdserverpb::WatchResponse>(1).created());
  EXPECT_EQ(Progress(cluster, call).header().revision(), 3);
  ASSERT_TRUE(cluster.Put(2, "k", "new").ok());
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 5; }));
  EXPECT_EQ(call.Message<etcdserverpb::WatchResponse>(3).events(0).kv().value(), "new");
  call.Cancel();
}

TEST(FreshWatchTest, AWatchThatWaitsForARevisionEndsWithItsCallerAndItsMember) {
  NodeCluster cluster(1);
  ASSERT_TRUE(cluster.Put(0, "k", "v").ok());
  OpenCall gone = FreshWatch(cluster, 0, "60000", "99");
  CreateWatcher(gone);
  OpenCall stays = FreshWatch(cluster, 0, "60000", "99");
  CreateWatcher(stays);
  cluster.RunFor(milliseconds(1));
  EXPECT_EQ(cluster.node(0).watches().counters().streams, 2u);
  gone.Cancel();
  cluster.RunFor(milliseconds(1));
  EXPECT_EQ(cluster.node(0).watches().counters().streams, 1u);
  cluster.node(0).Stop(absl::UnavailableError("etcdserver: server stopped"));
  ASSERT_TRUE(cluster.RunUntil([&] { return stays.over(); }));
  EXPECT_TRUE(absl::IsUnavailable(stays.status())) << stays.status();
  EXPECT_EQ(gone.messages() + stays.messages(), 0u);
}

std::string WatchAnswer(int64_t revision, bool created) {
  etcdserverpb::WatchResponse answer;
  answer.mutable_header()->set_revision(revision);
  answer.set_created(created);
  return answer.SerializeAsString();
}

// The hub may lag behind the store: it is the test that answers in its place.
TEST(FreshWatchTest, AWatcherThatBeginsSaysNothingOfWhatWasDelivered) {
  NodeCluster cluster(3);
  const size_t leader = cluster.WaitForLeader();
  ASSERT_TRUE(KnowsItsAge(cluster, leader));
  ASSERT_TRUE(cluster.Put(leader, "k", "v").ok());  // revision 2
  std::vector<etcdserverpb::WatchResponse> answers;
  const auto client = std::make_shared<sim::FakeCall>(
      "/etcdserverpb.Watch/Watch",
      [&](const std::string& bytes) { EXPECT_TRUE(answers.emplace_back().ParseFromString(bytes)); },
      nullptr);
  client->SetMetadata({{"keelson-max-age-ms", "60000"}});
  std::shared_ptr<server::Call> hub;
  server::StartFreshWatch(
      cluster.node(leader), client,
      [&](std::shared_ptr<server::Call> call, std::string_view) { hub = std::move(call); });
  ASSERT_NE(hub, nullptr);
  hub->Send({.head = WatchAnswer(2, true), .tail = nullptr});
  hub->Send({.head = WatchAnswer(2, false), .tail = nullptr});

  ASSERT_TRUE(cluster.Put(leader, "k", "v").ok());  // revision 3, which is not delivered
  cluster.RunFor(seconds(10));
  hub->Send({.head = WatchAnswer(3, true), .tail = nullptr});
  hub->Send({.head = WatchAnswer(2, false), .tail = nullptr});
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_LE(answers[1].keelson_age_ms(), 400);
  EXPECT_GE(answers[3].keelson_age_ms(), 10000) << "revision 3 was acknowledged since";
  hub->Finish(absl::OkStatus());
}

TEST(FreshWatchTest, WhoDoesNotAskIsToldNoAge) {
  NodeCluster cluster(3);
  cluster.WaitForLeader();
  OpenCall call(cluster, 0, "/etcdserverpb.Watch/Watch", etcdserverpb::WatchRequest());
  CreateWatcher(call);
  ASSERT_TRUE(cluster.RunUntil([&] { return call.messages() == 1; }));
  const auto progress = Progress(cluster, call);
  EXPECT_FALSE(progress.has_keelson_age_ms());
  EXPECT_FALSE(progress.has_keelson_quorum());
  call.Cancel();
}

}  // namespace
}  // namespace keelson::testing
