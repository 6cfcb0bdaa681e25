#include <variant>

#include "server/node/peer_network.h"

namespace keelson::server {

PeerChannel ChannelOf(const PeerMessage& message) {
  struct OfBody {
    // All appends, also empty ones: one that says "commit" must not overtake the entries it
    // commits.
    PeerChannel operator()(const raft::AppendRequest&) const { return PeerChannel::kBulk; }
    PeerChannel operator()(const raft::AppendResponse&) const { return PeerChannel::kBulk; }
    // Ahead of the chunks of its state.
    PeerChannel operator()(const raft::SnapshotOffer&) const { return PeerChannel::kSnapshot; }
    PeerChannel operator()(const raft::VoteRequest&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const raft::VoteResponse&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const raft::Heartbeat&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const raft::HeartbeatResponse&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const raft::ReadIndexRequest&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const raft::ReadIndexResponse&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const raft::TimeoutNow&) const { return PeerChannel::kUrgent; }
  };
  struct OfMessage {
    PeerChannel operator()(const raft::Message& m) const { return std::visit(OfBody(), m.body); }
    PeerChannel operator()(const ForwardProposal&) const { return PeerChannel::kBulk; }
    PeerChannel operator()(const ForwardRefused&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const LeaseQuestion&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const LeaseAnswer&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const MemberQuestion&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const StateQuestion&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const StateAnswer&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const MemberAnswer&) const { return PeerChannel::kUrgent; }
    PeerChannel operator()(const SnapshotChunk&) const { return PeerChannel::kSnapshot; }
    PeerChannel operator()(const SnapshotChunkAck&) const { return PeerChannel::kSnapshot; }
  };
  return std::visit(OfMessage(), message);
}

}  // namespace keelson::server
