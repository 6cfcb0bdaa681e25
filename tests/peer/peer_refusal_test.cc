// Members that must not talk, strangers, garbage and overload.
#include <gtest/gtest.h>

#include <asio/read.hpp>
#include <asio/write.hpp>

#include "server/peer/codec.h"
#include "tests/peer/test_member.h"

namespace keelson::server {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

raft::Message Beat() { return MakeRaftMessage(raft::Heartbeat()); }

// A socket without any manners.
class RawPeer {
 public:
  RawPeer(AsioLoop& loop, const std::string& url) : socket_(loop.context()) {
    socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), ParsePeerUrl(url)->port));
  }

  void Write(std::string_view bytes) { asio::write(socket_, asio::buffer(bytes)); }

  void Offer(const PeerIdentity& identity, raft::NodeId to, PeerChannel channel) {
    Write(EncodeHandshake(MakeOffer(identity, to, channel)));
  }

  // Whether the other side has closed; drops what it said before.
  bool Closed() {
    socket_.non_blocking(true);
    std::error_code error;
    std::array<char, 4096> bytes;
    while (!error) socket_.read_some(asio::buffer(bytes), error);
    return error != asio::error::would_block;
  }

 private:
  tcp::socket socket_;
};

std::string Frame(const PeerMessage& message) {
  ScatterList out;
  EXPECT_TRUE(EncodeFrame(message, out));
  return out.ToString();
}

TEST_F(PeerNetworkTest, MembersOfDifferentClustersRefuseEachOther) {
  PeerIdentity stranger = TestIdentity(2);
  stranger.cluster_id = 0xc2;
  TestMember& a = Add(1);
  TestMember& b = Add(stranger);
  Introduce(a, b);
  ASSERT_TRUE(RunUntil([&] {
    return a.HasFault(PeerRefusal::kOtherCluster, false) &&
           a.HasFault(PeerRefusal::kOtherCluster, true) &&
           b.HasFault(PeerRefusal::kOtherCluster, false);
  }));
  EXPECT_TRUE(a.connected.empty());
  EXPECT_GT(a.network->rejects().refused, 0u);
}

TEST_F(PeerNetworkTest, ARemovedMemberLearnsThatItWasRemoved) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  a.verdicts[b.id] = PeerRefusal::kRemovedMember;
  a.network->SetPeers({});
  ASSERT_TRUE(RunUntil([&] { return b.HasFault(PeerRefusal::kRemovedMember, true); }));
  EXPECT_EQ(b.faults.back().peer, a.id);
  EXPECT_FALSE(a.network->Stats().contains(b.id));
}

TEST_F(PeerNetworkTest, AWipedMemberIsRefusedOnWhicheverSideTheDialBegins) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  a.verdicts[b.id] = PeerRefusal::kWrongIncarnation;
  a.network->SetPeers({{b.id, {b.url()}}});
  ASSERT_TRUE(RunUntil([&] { return a.HasFault(PeerRefusal::kWrongIncarnation, false); }));
  b.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(RunUntil([&] { return b.HasFault(PeerRefusal::kWrongIncarnation, true); }));
  EXPECT_FALSE(a.connected.contains(b.id));
}

TEST_F(PeerNetworkTest, AnotherMemberBehindAUrlIsRefused) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  a.network->SetPeers({{raft::NodeId(3), {b.url()}}, {raft::NodeId(4), {a.url()}}});
  ASSERT_TRUE(RunUntil([&] {
    return b.HasFault(PeerRefusal::kWrongMember, false) &&
           a.HasFault(PeerRefusal::kWrongMember, true) &&
           a.HasFault(PeerRefusal::kWrongMember, false);
  }));
}

TEST_F(PeerNetworkTest, AFaultIsNotToldAgainAndAgain) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  b.verdicts[a.id] = PeerRefusal::kUnknownMember;
  a.network->SetPeers({{b.id, {b.url()}}});
  ASSERT_TRUE(RunUntil([&] { return b.network->rejects().refused >= 12; }));
  EXPECT_EQ(b.faults.size(), 1u);
  EXPECT_EQ(a.faults.size(), 1u);
}

TEST_F(PeerNetworkTest, AMemberThatThisOneHasYetToLearnOfIsTalkedToWhileItStays) {
  TestMember& a = Add(1);
  PeerIdentity newcomer = TestIdentity(2);
  newcomer.peer_urls = {"http://127.0.0.1:21399"};
  TestMember& b = Add(newcomer, "http://127.0.0.1:21399");
  b.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(RunUntil([&] { return a.FullyConnectedTo(b) && b.FullyConnectedTo(a); }));
  EXPECT_TRUE(a.network->Stats().at(b.id).guest);
  EXPECT_TRUE(a.network->Send(b.id, Between(a, b, Beat())));
  ASSERT_TRUE(RunUntil([&] { return !b.received.empty(); }));

  a.network->SetPeers({{raft::NodeId(3), {"http://127.0.0.1:1"}}});
  EXPECT_TRUE(a.network->Stats().contains(b.id));
  b.network = nullptr;
  ASSERT_TRUE(RunUntil([&] { return !a.network->Stats().contains(b.id); }));
}

TEST_F(PeerNetworkTest, AGuestBecomesAMemberWithoutANewConnection) {
  TestMember& a = Add(1);
  TestMember& b = Add(2);
  b.network->SetPeers({{a.id, {a.url()}}});
  ASSERT_TRUE(RunUntil([&] { return a.connected[b.id] == 3; }));
  a.network->SetPeers({{b.id, {b.url()}}});
  EXPECT_FALSE(a.network->Stats().at(b.id).guest);
  ASSERT_TRUE(RunUntil([&] { return a.connected[b.id] == 6; }));
  EXPECT_EQ(b.closed[a.id], 0);
}

TEST_F(PeerNetworkTest, GarbageIsClosedQuietlyAndCounted) {
  TestMember& a = Add(1);
  RawPeer http(loop_, a.url());
  http.Write("GET /version HTTP/1.1\r\n\r\n");
  RawPeer flipped(loop_, a.url());
  std::string offer = EncodeHandshake(MakeOffer(TestIdentity(2), a.id, PeerChannel::kUrgent));
  offer.back() ^= 1;
  flipped.Write(offer);
  ASSERT_TRUE(RunUntil([&] { return a.network->rejects().garbage == 2; }));
  EXPECT_TRUE(http.Closed());
  EXPECT_TRUE(flipped.Closed());
  EXPECT_TRUE(a.faults.empty());
}

TEST_F(PeerNetworkTest, ThoseWhoSayNothingAreClosedAndTheirNumberIsBounded) {
  PeerTransportOptions options;
  options.handshake_timeout = 1s;
  options.max_unknown_connections = 3;
  TestMember& a = Add(TestIdentity(1), "http://127.0.0.1:0", options);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 5; ++i) peers.push_back(std::make_unique<RawPeer>(loop_, a.url()));
  peers[0]->Write("KEELPEER");
  ASSERT_TRUE(RunUntil([&] { return a.network->rejects().overflow == 2; }));
  ASSERT_TRUE(RunUntil([&] { return a.network->rejects().silent == 3; }));
  for (const auto& peer : peers) EXPECT_TRUE(peer->Closed());
}

TEST_F(PeerNetworkTest, AFrameThatMakesNoSenseClosesItsConnectionOnly) {
  TestMember& a = Add(1);
  RawPeer urgent(loop_, a.url());
  urgent.Offer(TestIdentity(2), a.id, PeerChannel::kUrgent);
  RawPeer bulk(loop_, a.url());
  bulk.Offer(TestIdentity(2), a.id, PeerChannel::kBulk);
  ASSERT_TRUE(RunUntil([&] { return a.connected[raft::NodeId(2)] == 2; }));
  std::string frame = Frame(LeaseQuestion{1, LeaseQuestion::Kind::kKeepAlive, 5});
  urgent.Write(frame);
  ASSERT_TRUE(RunUntil([&] { return a.received.size() == 1; }));
  frame.back() ^= 1;
  bulk.Write(frame);
  ASSERT_TRUE(RunUntil([&] { return a.network->rejects().bad_frames == 1; }));
  ASSERT_TRUE(RunUntil([&] { return a.HasFault(PeerRefusal::kMalformed, false); }));
  EXPECT_TRUE(bulk.Closed());
  EXPECT_FALSE(urgent.Closed());
}

TEST_F(PeerNetworkTest, AMemberCannotSpeakForAnother) {
  TestMember& a = Add(1);
  RawPeer peer(loop_, a.url());
  peer.Offer(TestIdentity(2), a.id, PeerChannel::kUrgent);
  ASSERT_TRUE(RunUntil([&] { return a.connected[raft::NodeId(2)] == 1; }));
  raft::Message message = Beat();
  message.from = raft::NodeId(3);
  message.to = a.id;
  peer.Write(Frame(message));
  ASSERT_TRUE(RunUntil([&] { return a.network->rejects().bad_frames == 1; }));
  EXPECT_TRUE(a.received.empty());
}

TEST_F(PeerNetworkTest, ANewProcessOfAMemberReplacesTheConnectionsOfTheOldOne) {
  TestMember& a = Add(1);
  RawPeer urgent(loop_, a.url());
  urgent.Offer(TestIdentity(2), a.id, PeerChannel::kUrgent);
  RawPeer bulk(loop_, a.url());
  bulk.Offer(TestIdentity(2), a.id, PeerChannel::kBulk);
  ASSERT_TRUE(RunUntil([&] { return a.connected[raft::NodeId(2)] == 2; }));
  PeerIdentity restarted = TestIdentity(2);
  restarted.process_nonce = 999;
  RawPeer fresh(loop_, a.url());
  fresh.Offer(restarted, a.id, PeerChannel::kUrgent);
  ASSERT_TRUE(RunUntil([&] { return a.connected[raft::NodeId(2)] == 3; }));
  EXPECT_EQ(a.closed[raft::NodeId(2)], 1);
  EXPECT_TRUE(urgent.Closed());
  EXPECT_TRUE(bulk.Closed());
  EXPECT_FALSE(fresh.Closed());
}

TEST_F(PeerNetworkTest, AQueueIsBoundedWhileThePeerDoesNotReadAndOthersGoOn) {
  PeerTransportOptions options;
  options.bulk_queue_bytes = 8 << 20;
  TestMember& a = Add(TestIdentity(1), "http://127.0.0.1:0", options);
  TestMember& b = Add(2);
  ASSERT_TRUE(Connect(a, b));
  // Without a turn of the loop nothing is read.
  int queued = 0;
  while (queued < 1000 && a.network->Send(b.id, Between(a, b, MakeAppend(1, 1 << 20)))) ++queued;
  EXPECT_EQ(queued, 8);
  EXPECT_EQ(a.network->Stats().at(b.id).frames_dropped, 1u);
  EXPECT_TRUE(a.network->Send(b.id, Between(a, b, Beat())));
  ASSERT_TRUE(RunUntil([&] { return b.received.size() == 9; }));
}

}  // namespace
}  // namespace keelson::server
