// What the transport has to tell the node, kept until the node is not on the call stack.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "server/node/peer_network.h"
#include "server/node/seams.h"

namespace keelson::server {

// Loop thread only. Delivers in the next turn, each closed peer once.
class PeerNotices {
 public:
  // `loop` and `events` outlive the notices.
  PeerNotices(Loop& loop, const PeerNetwork::Events& events);

  void Closed(raft::NodeId peer);
  // Delivers Closed(peer) now, if it waits: before news of a new connection. Not from inside a call
  // of the node.
  void FlushClosed(raft::NodeId peer);

  // The same fault is told again only after a while, so that a misconfigured member that keeps
  // dialling does not fill the log.
  void Refused(PeerFault fault);

 private:
  // A fault's peer, direction and reason.
  using FaultKey = std::tuple<raft::NodeId, bool, PeerRefusal>;

  void Schedule();
  void Deliver();
  bool IsRepeated(const FaultKey& key);

  Loop& loop_;
  const PeerNetwork::Events& events_;
  std::shared_ptr<char> alive_;  // a posted task that finds it gone does nothing
  bool scheduled_ = false;
  std::set<raft::NodeId> closed_;
  std::vector<PeerFault> faults_;
  std::map<FaultKey, Instant> told_;
};

}  // namespace keelson::server
