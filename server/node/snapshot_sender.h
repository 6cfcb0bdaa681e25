// Streams the state to members that need more than the log still has (design D12).
//
//   Send -> (a while after a failure) -> connected? -> checkpoint -> manifest sent -> chunks sent,
//   a window ahead of the acks -> offer sent
//        -> installed (told by the receiver), or given up: refused, closed, no progress
//        -> forgotten with the reign that it is of: its offer would be of a term that is over
//
// A checkpoint costs a flush and holds files: none is made for a peer that can't be reached, and
// one is used again for a while.
//
// Every ack names the byte up to which the receiver has the stream; one that is lower than an
// earlier one asks for those bytes again. Loop thread only; files are read on the store lane.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "raft/message.h"
#include "raft/types.h"
#include "server/log/logger.h"
#include "server/node/peer_network.h"
#include "server/node/seams.h"
#include "storage/snapshot/checkpoint.h"

namespace keelson::server {

class SnapshotSender {
 public:
  using CheckpointPtr = std::shared_ptr<const storage::Checkpoint>;

  struct Environment {
    Loop* loop = nullptr;
    Runner* runner = nullptr;
    const Logger* logger = nullptr;
    // Of this start of the member: an answer to a stream of the process before it counts for
    // nothing.
    uint64_t boot_id = 0;
    std::function<bool(raft::NodeId, PeerMessage)> send;
    // Whether `send` would send a piece of a snapshot now.
    std::function<bool(raft::NodeId)> connected;
    // Flushes, makes a checkpoint and calls back with it.
    std::function<void(std::function<void(absl::StatusOr<CheckpointPtr>)>)> checkpoint;
    // The head of the stream, as the core wants it (Core::OfferSnapshot).
    std::function<absl::StatusOr<raft::Message>(raft::NodeId, const storage::SnapshotManifest&)>
        offer;
    std::function<raft::Term()> term;
    // The transfer ended (Core::SnapshotSent).
    std::function<void(raft::NodeId, bool ok)> finished;
  };

  struct Limits {
    size_t chunk_bytes = 256 << 10;
    size_t window_bytes = 4 << 20;
    uint64_t bytes_per_second = 100 << 20;
    Duration no_progress = std::chrono::seconds(10);
    // After a transfer to a peer failed, until the next one to it begins.
    Duration retry_after = std::chrono::seconds(1);
    Duration keep_checkpoint = std::chrono::seconds(30);  // since it was made
  };

  SnapshotSender(Environment environment, Limits limits);
  ~SnapshotSender();

  // Starts a transfer, or will soon, unless one to this peer runs.
  void Send(raft::NodeId peer, raft::Index at_least);
  void OnAck(raft::NodeId from, const SnapshotChunkAck& ack);
  void OnClosed(raft::NodeId peer);
  // This member leads no more, or leads in another term, whose core asks for all that it needs.
  void EndReign();
  void Tick();
  // Lets go of the checkpoint that is kept for the next transfer (the disk is full).
  void DropKept();

  uint64_t sent_total() const { return sent_total_; }

 private:
  struct Transfer {
    uint64_t stream = 0;
    raft::Index at_least;
    CheckpointPtr checkpoint;
    raft::Message offer;
    bool begun = false;    // the receiver answered the manifest
    bool reading = false;  // a read job is out
    bool offered = false;
    uint64_t total = 0;
    uint64_t sent = 0;  // bytes of the stream
    uint64_t acked = 0;
    Instant last_progress;
    Instant not_before;    // throttle
    bool waiting = false;  // a throttle timer is out
  };

  void Begin(raft::NodeId peer, uint64_t stream);
  void OnCheckpoint(raft::NodeId peer, uint64_t stream, absl::StatusOr<CheckpointPtr> made);
  void Continue(raft::NodeId peer);
  void SendRead(raft::NodeId peer, uint64_t stream,
                const absl::StatusOr<storage::Checkpoint::Chunk>& chunk);
  void End(raft::NodeId peer, bool ok, const std::string& why);
  Transfer* Find(raft::NodeId peer, uint64_t stream);

  Environment env_;
  Limits limits_;
  std::shared_ptr<char> alive_ = std::make_shared<char>();
  uint64_t last_stream_;
  uint64_t sent_total_ = 0;
  std::map<raft::NodeId, Transfer> transfers_;
  std::map<raft::NodeId, Instant> retry_at_;  // of peers whose last transfer failed
  CheckpointPtr kept_;
  Instant kept_until_;
};

}  // namespace keelson::server
