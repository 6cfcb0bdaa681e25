// Stages a streamed state, checks every byte of it, and hands it to the core as an offer.
//
//   manifest -> Begin -> chunks written one by one, each acked -> offer -> Seal -> the core's word:
//   install (the node does it, then Installed) or not wanted (the sealed generation is removed)
//
// A new manifest replaces a transfer that was broken off, unless it is of an earlier term; files
// that are complete are kept. Loop thread only; all disk work runs on the store lane.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "raft/message.h"
#include "raft/types.h"
#include "server/log/logger.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"
#include "storage/fs/fs.h"
#include "storage/snapshot/receiver.h"

namespace keelson::server {

class SnapshotReceiver {
 public:
  struct Environment {
    Runner* runner = nullptr;
    const Logger* logger = nullptr;
    storage::FileSystem* fs = nullptr;
    std::string root;  // the member's db directory
    std::function<bool(raft::NodeId, PeerMessage)> send;
    // Steps the offer into the core; true when the core wants it installed. Then the receiver keeps
    // still until Installed.
    std::function<bool(raft::NodeId from, raft::Message offer, uint64_t generation)> offer;
  };

  explicit SnapshotReceiver(Environment environment);

  void OnChunk(raft::NodeId from, SnapshotChunk chunk);
  void OnOffer(raft::NodeId from, raft::Message offer);
  // The node has installed what the core wanted.
  void Installed();

 private:
  using ReceiverPtr = std::shared_ptr<storage::SnapshotReceiver>;

  void Begin();
  void WriteNext();
  void Seal();
  void Sealed(const absl::StatusOr<uint64_t>& generation);
  void Ack(SnapshotChunkAck::State state, const std::string& reason = "");
  void Refuse(const absl::Status& why);
  void Drop();
  uint64_t ReceivedBytes() const;

  Environment env_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  // What a manifest asked for while a job was out; it starts when the job is back.
  std::deque<SnapshotChunk> chunks_;
  raft::NodeId from_;
  raft::Term term_;  // of the newest manifest
  uint64_t stream_ = 0;
  std::string pending_manifest_;
  ReceiverPtr receiver_;
  raft::Message offer_;
  bool offered_ = false;
  bool job_out_ = false;
  bool installing_ = false;
};

}  // namespace keelson::server
