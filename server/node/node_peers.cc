// What other members say, and what is said to them.
#include <utility>

#include "raft/refusal.h"
#include "server/node/node_impl.h"

namespace keelson::server {
namespace {

// Stamps an answer with this member's own clock, so that the leader can return it (design D5).
void Stamp(raft::Message* message, uint64_t boot_nanos, uint64_t boot_id) {
  const raft::FreshnessStamp stamp{boot_nanos, boot_id};
  if (auto* append = std::get_if<raft::AppendResponse>(&message->body)) {
    append->stamp = stamp;
  } else if (auto* heartbeat = std::get_if<raft::HeartbeatResponse>(&message->body)) {
    heartbeat->stamp = stamp;
  }
}

// Tells a follower of a commit and nothing else: it leaves behind the answers of the turn.
bool IsCommitNotice(const raft::Message& message) {
  const auto* append = std::get_if<raft::AppendRequest>(&message.body);
  return append != nullptr && append->entries.empty() && append->read.IsNone();
}

}  // namespace

void Node::Impl::FlushPeers() {
  peers_wait_ = false;
  if (network != nullptr) network->Flush();
}

void Node::Impl::SendRaft(std::vector<raft::Message> messages) {
  if (network == nullptr) return;
  for (raft::Message& message : messages) {
    Stamp(&message, seams.loop->BootNanos(), boot_id);
    const raft::NodeId to = message.to;
    peers_wait_ = peers_wait_ || !IsCommitNotice(message);
    const bool append = std::holds_alternative<raft::AppendRequest>(message.body);
    if (!network->Send(to, std::move(message)) && append) core->PeerUnreachable(to);
  }
}

void Node::Impl::OnMessage(raft::NodeId from, PeerMessage message) {
  if (stopped_) return;
  if (auto* raft_message = std::get_if<raft::Message>(&message)) {
    if (std::holds_alternative<raft::SnapshotOffer>(raft_message->body)) {
      return snapshot_receiver->OnOffer(from, std::move(*raft_message));
    }
    core->Step(from, std::move(*raft_message));
  } else if (auto* forward = std::get_if<ForwardProposal>(&message)) {
    OnForward(from, *forward);
  } else if (auto* refused = std::get_if<ForwardRefused>(&message)) {
    const bool overloaded = refused->reason == ForwardRefused::Reason::kOverloaded;
    proposals->Refused(refused->sequence,
                       overloaded ? absl::ResourceExhaustedError("etcdserver: too many requests")
                                  : absl::OkStatus());
  } else if (auto* question = std::get_if<LeaseQuestion>(&message)) {
    leases->OnQuestion(from, *question);
  } else if (auto* answer = std::get_if<LeaseAnswer>(&message)) {
    leases->OnAnswer(*answer);
  } else if (auto* chunk = std::get_if<SnapshotChunk>(&message)) {
    snapshot_receiver->OnChunk(from, std::move(*chunk));
  } else if (auto* ack = std::get_if<SnapshotChunkAck>(&message)) {
    snapshot_sender->OnAck(from, *ack);
  }
}

void Node::Impl::OnForward(raft::NodeId from, const ForwardProposal& forward) {
  const auto refuse = [&](ForwardRefused::Reason reason) {
    network->Send(from, ForwardRefused{forward.sequence, reason});
  };
  const auto proposed = ProposeHere(forward.payload);
  if (proposed.ok()) return;
  const auto refusal = raft::RefusalOf(proposed.status());
  if (refusal == raft::Refusal::kTransferring) return refuse(ForwardRefused::Reason::kTransferring);
  if (refusal == raft::Refusal::kNotLeader) return refuse(ForwardRefused::Reason::kNotLeader);
  refuse(ForwardRefused::Reason::kOverloaded);
}

void Node::Impl::OnClosed(raft::NodeId peer) {
  if (stopped_) return;
  core->PeerUnreachable(peer);
  core->ConnectionClosed(peer);
  proposals->ConnectionLost(peer);
  snapshot_sender->OnClosed(peer);
}

// By what is committed: a removal that is not may be taken back, and whoever is refused as removed
// stops for good.
PeerRefusal Node::Impl::Admit(const PeerHello& peer) const {
  const raft::Configuration& configuration = core->committed_configuration();
  if (configuration.removed.contains(peer.id)) return PeerRefusal::kRemovedMember;
  // An unknown one may have joined while this member was away.
  const uint64_t known = configuration.IncarnationOf(peer.id);
  if (known != 0 && known != peer.incarnation) return PeerRefusal::kWrongIncarnation;
  return PeerRefusal::kNone;
}

void Node::Impl::OnRefused(const PeerFault& fault) {
  seams.logger->Error("server/node", "the handshake with another member failed",
                      {{"peer", Hex(fault.peer.value())},
                       {"refused-by-peer", fault.by_peer},
                       {"why", fault.detail}});
  if (fault.by_peer && fault.reason == PeerRefusal::kRemovedMember) {
    Fatal(absl::FailedPreconditionError(
        "this member has been removed from the cluster; its data directory is of no further use"));
  }
}

}  // namespace keelson::server
