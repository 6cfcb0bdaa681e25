// Streams the state to members that need more than the log still has.
#pragma once

#include "raft/types.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"

namespace keelson::server {

class SnapshotSender {
 public:
  explicit SnapshotSender(void* node) { (void)node; }
  void Send(raft::NodeId, raft::Index) {}
  void OnAck(raft::NodeId, const SnapshotChunkAck&) {}
  void OnClosed(raft::NodeId) {}
  void Tick(Instant) {}
};

}  // namespace keelson::server
