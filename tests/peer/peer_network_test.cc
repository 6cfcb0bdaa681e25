// Members that can talk: delivery, order, closing, coming back.
#include <gtest/gtest.h>

#include "tests/peer/test_member.h"

namespace keelson::server {
namespace {

using namespace std::chrono_literals;

raft::Message Beat(uint64_t commit) {
  return MakeRaftMessage(raft::Heartbeat{raft::Index(commit), {}, {}});
}

TEST_F(PeerNetworkTest, EveryKindOfMessageArrivesWhole) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  std::multiset<std::string> expected;
  for (PeerMessage& message : OneOfEveryKind()) {
    if (auto* raft = std::get_if<raft::Message>(&message)) *raft = Between(a, b, *raft);
    expected.insert(Dump(message));
    EXPECT_TRUE(a.network->Send(b.id, message));
  }
  ASSERT_TRUE(RunUntil([&] { return b.received.size() == expected.size(); }));
  std::multiset<std::string> received;
  for (const TestMember::Received& r : b.received) {
    EXPECT_EQ(r.from, a.id);
    received.insert(Dump(r.message));
  }
  EXPECT_EQ(received, expected);
}

TEST_F(PeerNetworkTest, NothingLeavesBeforeTheFlushAndAChannelKeepsItsOrder) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  constexpr uint64_t kCount = 5000;
  const uint64_t before = a.network->Stats().at(b.id).bytes_sent;
  for (uint64_t i = 0; i < kCount; ++i) a.network->Send(b.id, Between(a, b, Beat(i)));
  EXPECT_EQ(a.network->Stats().at(b.id).bytes_sent, before);
  ASSERT_TRUE(RunUntil([&] { return b.received.size() == kCount; }));
  for (uint64_t i = 0; i < kCount; ++i) {
    const auto& beat =
        std::get<raft::Heartbeat>(std::get<raft::Message>(b.received[i].message).body);
    ASSERT_EQ(beat.commit, raft::Index(i));
  }
}

TEST_F(PeerNetworkTest, ALargeAppendDoesNotHoldUpAHeartbeat) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(a.network->Send(b.id, Between(a, b, MakeAppend(4, 1 << 20))));
  }
  a.network->Send(b.id, Between(a, b, Beat(1)));
  ASSERT_TRUE(RunUntil([&] { return b.received.size() == 11; }));
  size_t beat_at = 0;
  while (!std::holds_alternative<raft::Heartbeat>(
      std::get<raft::Message>(b.received[beat_at].message).body)) {
    ++beat_at;
  }
  EXPECT_LT(beat_at, 3u);
}

TEST_F(PeerNetworkTest, ASharedPayloadArrivesOnceForEachReceiver) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  TestMember& c = Add(3);
  a.network->SetPeers({{b.id, {b.url()}}, {c.id, {c.url()}}});
  b.network->SetPeers({{a.id, {a.url()}}});
  c.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(RunUntil([&] { return a.FullyConnectedTo(b) && a.FullyConnectedTo(c); }));
  const raft::Message append = MakeAppend(3, 100'000);
  a.network->Send(b.id, Between(a, b, append));
  a.network->Send(c.id, Between(a, c, append));
  ASSERT_TRUE(RunUntil([&] { return !b.received.empty() && !c.received.empty(); }));
  EXPECT_EQ(Dump(b.received[0].message), Dump(Between(a, b, append)));
  EXPECT_EQ(Dump(c.received[0].message), Dump(Between(a, c, append)));
}

TEST_F(PeerNetworkTest, SendSaysWhenNothingWasSent) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  EXPECT_FALSE(a.network->Send(b.id, Between(a, b, Beat(1))));
  EXPECT_FALSE(a.network->Send(a.id, Between(a, a, Beat(1))));
  a.network->SetPeers({{b.id, {b.url()}}});
  EXPECT_FALSE(a.network->Send(b.id, Between(a, b, Beat(1))));
  EXPECT_EQ(a.network->Stats().at(b.id).frames_dropped, 1u);
}

TEST_F(PeerNetworkTest, AKilledPeerIsNoticedByItsClosedConnectionsAndItsSuccessorByItsDial) {
  PeerTransportOptions slow;  // whatever waits for a time fails the test
  slow.min_backoff = slow.max_backoff = slow.dead_after = 1h;
  TestMember& a = Add(TestIdentity(1), "http://127.0.0.1:0", slow);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  const std::string url = b.url();
  b.network = nullptr;
  ASSERT_TRUE(RunUntil([&] { return a.closed[b.id] > 0; }));
  EXPECT_FALSE(a.network->Stats().at(b.id).connected);

  PeerIdentity restarted = TestIdentity(2);
  restarted.process_nonce = 999;
  TestMember& again = Add(restarted, url);
  again.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(
      RunUntil([&] { return again.FullyConnectedTo(a) && a.network->Stats().at(b.id).connected; }));
  EXPECT_EQ(a.last_hello.process_nonce, 999u);
  EXPECT_TRUE(a.network->Send(b.id, Between(a, b, Beat(1))));
  EXPECT_TRUE(again.network->Send(a.id, Between(again, a, Beat(1))));
  ASSERT_TRUE(RunUntil([&] { return !again.received.empty() && !a.received.empty(); }));
}

TEST_F(PeerNetworkTest, APeerThatComesLateIsFoundByDiallingAgain) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  const std::string url = b.url();
  b.network = nullptr;
  a.network->SetPeers({{b.id, {url}}});
  ASSERT_TRUE(RunUntil([&] { return a.network->Stats().at(b.id).failed_dials >= 9; }));
  TestMember& again = Add(TestIdentity(2), url);  // does not dial
  ASSERT_TRUE(RunUntil([&] { return again.connected[a.id] == 3; }));
}

TEST_F(PeerNetworkTest, ClosingIsToldOnceATurnAndNeverFromInsideACall) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  a.network->SetPeers({});
  EXPECT_EQ(a.closed[b.id], 0);
  RunTurn();
  EXPECT_EQ(a.closed[b.id], 1);
  ASSERT_TRUE(RunUntil([&] { return b.closed[a.id] > 0; }));
  EXPECT_FALSE(a.network->Send(b.id, Between(a, b, Beat(1))));
}

TEST_F(PeerNetworkTest, AMemberThatMovedIsFoundAtItsNewUrl) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  a.network->SetPeers({{b.id, {"http://127.0.0.1:1"}}});
  ASSERT_TRUE(RunUntil([&] { return a.network->Stats().at(b.id).failed_dials > 3; }));
  a.network->SetPeers({{b.id, {"http://127.0.0.1:1", b.url()}}});
  b.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(RunUntil([&] { return a.FullyConnectedTo(b); }));
}

TEST_F(PeerNetworkTest, AHostNameIsResolved) {
  TestMember& a = Add(TestIdentity(1), "http://localhost:0");
  TestMember& b = Add(2);
  const auto port = b.url().substr(b.url().rfind(':'));
  a.network->SetPeers({{b.id, {"http://localhost" + port}}});
  b.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(RunUntil([&] { return a.FullyConnectedTo(b); }));
}

TEST_F(PeerNetworkTest, AUrlThatCannotBeDialledIsToldAndHarmsNobody) {
  TestMember& a = Add(1);
  a.network->SetPeers({{raft::NodeId(2), {"https://10.0.0.1:1"}}, {raft::NodeId(3), {}}});
  ASSERT_TRUE(RunUntil([&] { return a.HasFault(PeerRefusal::kMalformed, false); }));
  EXPECT_NE(a.faults[0].detail.find("https://10.0.0.1:1"), std::string::npos);
  EXPECT_FALSE(a.network->Send(raft::NodeId(2), Beat(1)));
}

TEST_F(PeerNetworkTest, CountsWhatItMoves) {
  const PeerTransportOptions no_probes{.probe_interval = 1h};
  TestMember& a = Add(TestIdentity(1), "http://127.0.0.1:0", no_probes);
  TestMember& b = Add(TestIdentity(2), "http://127.0.0.1:0", no_probes);
  ASSERT_TRUE(Connect(a, b));
  a.network->Send(b.id, Between(a, b, MakeAppend(1, 50'000)));
  ASSERT_TRUE(RunUntil([&] { return !b.received.empty(); }));
  const auto sent = a.network->Stats().at(b.id);
  const auto received = b.network->Stats().at(a.id);
  EXPECT_TRUE(sent.connected);
  EXPECT_EQ(sent.frames_sent, 1u);
  EXPECT_GT(sent.bytes_sent, 50'000u);
  EXPECT_EQ(sent.bytes_sent, received.bytes_received);
  EXPECT_EQ(received.frames_received, 1u);
  EXPECT_EQ(sent.round_trips.count(), 0u);
}

TEST_F(PeerNetworkTest, MeasuresRoundTripsOfWhichTheNodeHearsNothing) {
  TestMember& a = Add(TestIdentity(1), "http://127.0.0.1:0", {.probe_interval = 1ms});
  TestMember& b = Add(TestIdentity(2), "http://127.0.0.1:0", {.probe_interval = 1h});
  ASSERT_TRUE(Connect(a, b));
  ASSERT_TRUE(RunUntil([&] { return a.network->Stats().at(b.id).round_trips.count() >= 5; }));
  const auto measured = a.network->Stats().at(b.id).round_trips;
  EXPECT_GT(measured.sum().count(), 0);
  EXPECT_EQ(b.network->Stats().at(a.id).round_trips.count(), 0u) << "b has not asked";
  EXPECT_TRUE(a.received.empty());
  EXPECT_TRUE(b.received.empty());
}

TEST_F(PeerNetworkTest, ANetworkMayGoAwayInAnyState) {
  for (int turns = 0; turns < 30; ++turns) {
    TestMember& a = Add(1);
    TestMember& b = Add(2);
    Introduce(a, b);
    for (int i = 0; i < turns; ++i) RunTurn();
    a.network->Send(b.id, Between(a, b, MakeAppend(3, 1 << 20)));
    a.network = nullptr;
    for (int i = 0; i < 3; ++i) RunTurn();
    b.network = nullptr;
  }
}

}  // namespace
}  // namespace keelson::server
