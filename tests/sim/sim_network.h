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

// What one process sees of the network: it talks to the peers it was given and to guests, members
// that it admitted when they called (server/peer/README.md).
class SimPort final : public server::PeerNetwork {
 public:
  SimPort(SimNetwork& network, server::PeerHello self, SimLoop& loop);
  ~SimPort() override;

  void SetEvents(Events events) override;
  void SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) override;
  void SetRequiredEntryVersion(uint32_t version) override { required_version_ = version; }
  bool Connected(raft::NodeId to, server::PeerChannel channel) const override;
  bool Send(raft::NodeId to, server::PeerMessage message) override;
  void Flush() override {}

 private:
  friend class SimNetwork;
  void Dial();
  void Deliver(const server::PeerHello& from, const std::string& frame);
  void Closed(raft::NodeId peer);
  void Refused(const server::PeerFault& fault);
  // What this process makes of another; asked again after SetPeers.
  server::PeerRefusal Judge(const server::PeerHello& other);
  bool TalksTo(const SimPort& other) const;

  SimNetwork& network_;
  const server::PeerHello self_;
  SimLoop& loop_;
  Events events_;
  std::set<raft::NodeId> peers_;
  uint32_t required_version_ = 1;
  std::map<raft::NodeId, uint64_t> guests_;  // by the nonce of their process
  std::map<std::pair<raft::NodeId, uint64_t>, server::PeerRefusal> verdicts_;
  std::map<raft::NodeId, Instant> refused_at_;
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
    uint64_t sent = 0, dropped = 0, repeated = 0, slowed = 0, lagged = 0, cut = 0, closed = 0;
    uint64_t removed_refused = 0, wrong_disks_refused = 0;
  };

  explicit SimNetwork(World& world) : world_(world) {}

  void SetOdds(const Odds& odds) { odds_ = odds; }
  // Cuts one direction; each needs its own Restore.
  void Cut(raft::NodeId from, raft::NodeId to) { ++cuts_[{from, to}]; }
  void Restore(raft::NodeId from, raft::NodeId to);
  // All frames of one direction take so much longer, in order, as where a queue fills up.
  void SetLag(raft::NodeId from, raft::NodeId to, Duration lag);
  // No cut, no lag is left.
  void Heal();
  bool IsCut(raft::NodeId from, raft::NodeId to) const { return cuts_.contains({from, to}); }

  const Counters& counters() const { return counters_; }

 private:
  friend class SimPort;
  using Link = std::pair<raft::NodeId, raft::NodeId>;

  void Attach(SimPort* port);
  void Detach(SimPort* port);
  bool Send(SimPort& from, raft::NodeId to, server::PeerMessage message);
  void DeliverLater(SimPort& from, raft::NodeId to, std::string frame, Instant when);
  // The connections between the two end: `other` hears of it after a moment, unless cut off.
  void CloseLater(raft::NodeId gone, SimPort& other);
  bool Admitted(const server::PeerHello& from, SimPort& to);
  Duration Latency() { return world_.dice().Between(Duration(30'000), Duration(1'500'000)); }

  World& world_;
  Odds odds_;
  Counters counters_;
  std::map<raft::NodeId, SimPort*> ports_;
  std::map<Link, int> cuts_;
  std::map<Link, Duration> lags_;
  // Frames of one direction and channel keep their order, as on a TCP connection.
  std::map<Link, std::map<int, Instant>> last_;
};

}  // namespace keelson::sim
