// Stages a streamed state and installs it.
#pragma once

#include "raft/message.h"
#include "raft/types.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"

namespace keelson::server {

class SnapshotReceiver {
 public:
  explicit SnapshotReceiver(void* node) { (void)node; }
  void OnOffer(raft::NodeId, raft::Message) {}
  void OnChunk(raft::NodeId, SnapshotChunk) {}
  void OnClosed(raft::NodeId) {}
  void Tick(Instant) {}
};

}  // namespace keelson::server
