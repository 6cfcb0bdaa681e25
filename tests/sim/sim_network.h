// The network between simulated members: frames are encoded, delayed, lost, repeated, cut off.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/node/peer_network.h"
#include "tests/sim/sim_loop.h"
#include "tests/sim/world.h"

namespace keelson::sim {

class SimNetwork;

// What one process sees of the network.
class SimPort final : public server::PeerNetwork {
 public:
  SimPort(SimNetwork& network, raft::NodeId self, SimLoop& loop);
  ~SimPort() override;

  void SetEvents(Events events) override { events_ = std::move(events); }
  void SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) override;
  bool Send(raft::NodeId to, server::PeerMessage message) override;
  void Flush() override {}

  void Deliver(raft::NodeId from, const std::string& frame);
  void Closed(raft::NodeId peer);
  SimLoop& loop() { return loop_; }
  bool Knows(raft::NodeId peer) const { return peers_.contains(peer); }

 private:
  SimNetwork& network_;
  const raft::NodeId self_;
  SimLoop& loop_;
  Events events_;
  std::set<raft::NodeId> peers_;
};

class SimNetwork {
 public:
  struct Odds {
    uint64_t drop_one_in = 0;
    uint64_t repeat_one_in = 0;
    uint64_t slow_one_in = 0;  // late by up to `slow`, so that frames overtake each other
    Duration slow = std::chrono::milliseconds(300);
  };
  struct Counters {
    uint64_t sent = 0, dropped = 0, repeated = 0, slowed = 0, cut = 0, closed = 0;
  };

  explicit SimNetwork(World& world) : world_(world) {}

  void SetOdds(const Odds& odds) { odds_ = odds; }
  // Cuts one direction.
  void Cut(raft::NodeId from, raft::NodeId to) { cuts_.insert({from, to}); }
  void Heal() { cuts_.clear(); }
  bool IsCut(raft::NodeId from, raft::NodeId to) const { return cuts_.contains({from, to}); }

  const Counters& counters() const { return counters_; }

 private:
  friend class SimPort;
  void Attach(raft::NodeId id, SimPort* port);
  void Detach(raft::NodeId id, SimPort* port);
  bool Send(raft::NodeId from, raft::NodeId to, server::PeerMessage message);
  void DeliverLater(raft::NodeId from, raft::NodeId to, std::string frame, Instant when);

  World& world_;
  Odds odds_;
  Counters counters_;
  std::map<raft::NodeId, SimPort*> ports_;
  std::set<std::pair<raft::NodeId, raft::NodeId>> cuts_;
  // Frames of one direction and channel keep their order, as on a TCP connection.
  std::map<std::pair<raft::NodeId, raft::NodeId>, std::map<int, Instant>> last_;
};

}  // namespace keelson::sim
