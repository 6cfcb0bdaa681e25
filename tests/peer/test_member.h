// A member's network in a test, and what it was told.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/loop/asio_loop.h"
#include "server/loop/system_random.h"
#include "server/peer/asio_peer_network.h"
#include "tests/peer/messages.h"

namespace keelson::server {

inline constexpr uint64_t kTestCluster = 0xc1;

inline PeerIdentity TestIdentity(uint64_t id) {
  PeerIdentity identity;
  identity.cluster_id = kTestCluster;
  identity.id = raft::NodeId(id);
  identity.incarnation = 100 + id;
  identity.process_nonce = 200 + id;
  return identity;
}

class TestMember {
 public:
  struct Received {
    raft::NodeId from;
    PeerMessage message;
  };

  TestMember(AsioLoop& loop, PeerIdentity identity, const std::string& url = "http://127.0.0.1:0",
             PeerTransportOptions options = {})
      : id(identity.id) {
    network = std::make_unique<AsioPeerNetwork>(loop, identity, MakeSystemRandom(), options);
    PeerNetwork::Events events;
    events.on_message = [this](raft::NodeId from, PeerMessage message) {
      received.push_back({from, std::move(message)});
    };
    events.on_connected = [this](const PeerHello& hello) {
      ++connected[hello.id];
      last_hello = hello;
    };
    events.on_closed = [this](raft::NodeId peer) { ++closed[peer]; };
    events.on_refused = [this](const PeerFault& fault) { faults.push_back(fault); };
    events.admit = [this](const PeerHello& hello) {
      const auto found = verdicts.find(hello.id);
      return found == verdicts.end() ? PeerRefusal::kNone : found->second;
    };
    events.members = [this] { return known; };
    network->SetEvents(std::move(events));
    const absl::Status status = network->Listen({url});
    EXPECT_TRUE(status.ok()) << status;
  }

  std::string url() const { return network->listen_urls().at(0); }

  // All three connections in each direction.
  bool FullyConnectedTo(const TestMember& other) const {
    const auto found = connected.find(other.id);
    return found != connected.end() && found->second >= 6;
  }

  bool HasFault(PeerRefusal reason, bool by_peer) const {
    for (const PeerFault& fault : faults) {
      if (fault.reason == reason && fault.by_peer == by_peer) return true;
    }
    return false;
  }

  const raft::NodeId id;
  std::unique_ptr<AsioPeerNetwork> network;
  std::map<raft::NodeId, PeerRefusal> verdicts;  // absent: welcome
  std::vector<KnownMember> known;                // told to who wants to join
  std::vector<Received> received;
  std::map<raft::NodeId, int> connected;
  std::map<raft::NodeId, int> closed;
  std::vector<PeerFault> faults;
  PeerHello last_hello;
};

// One loop for all members of a test.
class PeerNetworkTest : public testing::Test {
 protected:
  PeerNetworkTest() {
    loop_.OnTurnEnd([this] {
      for (TestMember* member : members_) {
        if (member->network != nullptr) member->network->Flush();
      }
    });
  }

  // Runs the loop until `done` holds; fails the test after ten seconds.
  template <typename Done>
  [[nodiscard]] bool RunUntil(Done done) {
    bool late = false;
    const Loop::TimerId timer = loop_.After(std::chrono::seconds(10), [&] { late = true; });
    loop_.Post([] {});  // what the test did outside a turn is flushed now
    while (!late && !done()) loop_.RunTurn();
    loop_.Cancel(timer);
    EXPECT_FALSE(late) << "what the test waits for did not happen";
    return !late;
  }

  // Handles what is ready and does not wait for more.
  void RunTurn() {
    loop_.Post([] {});
    loop_.RunTurn();
  }

  void RunFor(Duration duration) {
    bool over = false;
    loop_.After(duration, [&] { over = true; });
    while (!over) loop_.RunTurn();
  }

  TestMember& Add(PeerIdentity identity, const std::string& url = "http://127.0.0.1:0",
                  PeerTransportOptions options = {}) {
    owned_.push_back(std::make_unique<TestMember>(loop_, std::move(identity), url, options));
    members_.push_back(owned_.back().get());
    return *owned_.back();
  }
  TestMember& Add(uint64_t id) { return Add(TestIdentity(id)); }

  static void Introduce(TestMember& a, TestMember& b) {
    a.network->SetPeers({{b.id, {b.url()}}});
    b.network->SetPeers({{a.id, {a.url()}}});
  }

  [[nodiscard]] bool Connect(TestMember& a, TestMember& b) {
    Introduce(a, b);
    return RunUntil([&] { return a.FullyConnectedTo(b) && b.FullyConnectedTo(a); });
  }

  AsioLoop loop_;

 private:
  std::vector<std::unique_ptr<TestMember>> owned_;
  std::vector<TestMember*> members_;
};

// A Raft message from one test member to another.
inline raft::Message Between(const TestMember& from, const TestMember& to, raft::Message message) {
  message.from = from.id;
  message.to = to.id;
  return message;
}

}  // namespace keelson::server
