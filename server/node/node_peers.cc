// What other members say, and what is said to them.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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

absl::Status Removed(const NodeOptions& options) {
  return absl::FailedPreconditionError(absl::StrCat(
      "this member has been removed from the cluster; its data directory is of no further use. To "
      "have a member here again: empty --data-dir ",
      options.data_dir,
      ", add it as a new one (kvctl member add), and start it with --initial-cluster-state "
      "existing"));
}

absl::Status WrongDirectory(const NodeOptions& options, raft::NodeId self) {
  const std::string id = Hex(self.value());
  return absl::FailedPreconditionError(absl::StrCat(
      "member ", id, " has had another data directory than --data-dir ", options.data_dir,
      ": without that one it may have forgotten its votes and writes. Start it on that one, or "
      "remove it (kvctl member remove ",
      id, "), empty the directory and add it as a new member (kvctl member add)"));
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
    proposals->Refused(refused->sequence, refused->term,
                       overloaded ? absl::ResourceExhaustedError("etcdserver: too many requests")
                                  : absl::OkStatus());
  } else if (auto* question = std::get_if<LeaseQuestion>(&message)) {
    leases->OnQuestion(from, *question);
  } else if (auto* answer = std::get_if<LeaseAnswer>(&message)) {
    leases->OnAnswer(*answer);
  } else if (auto* change = std::get_if<MemberQuestion>(&message)) {
    membership->OnQuestion(from, *change);
  } else if (auto* outcome = std::get_if<MemberAnswer>(&message)) {
    membership->OnAnswer(*outcome);
  } else if (auto* asked = std::get_if<StateQuestion>(&message)) {
    state_check->OnQuestion(from, std::move(*asked));
  } else if (auto* said = std::get_if<StateAnswer>(&message)) {
    state_check->OnAnswer(from, *said);
  } else if (auto* chunk = std::get_if<SnapshotChunk>(&message)) {
    snapshot_receiver->OnChunk(from, std::move(*chunk));
  } else if (auto* ack = std::get_if<SnapshotChunkAck>(&message)) {
    snapshot_sender->OnAck(from, *ack);
  }
}

void Node::Impl::OnForward(raft::NodeId from, const ForwardProposal& forward) {
  const auto refuse = [&](ForwardRefused::Reason reason) {
    network->Send(from, ForwardRefused{forward.sequence, reason, forward.term});
  };
  if (!forward.term.IsNone() && forward.term != core->term()) {
    return refuse(ForwardRefused::Reason::kNotLeader);
  }
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

// Also one that is not committed: its member has started all the same.
uint64_t Node::Impl::IncarnationOf(raft::NodeId member) const {
  for (const raft::Configuration* known :
       {&core->committed_configuration(), &core->configuration()}) {
    if (known->IncarnationOf(member) != 0) return known->IncarnationOf(member);
  }
  for (const raft::PeerStatus& peer : core->View().peers) {
    if (peer.id == member) return peer.incarnation_seen;
  }
  return 0;
}

// What is committed, so that nobody joins under an id that is taken back. Only a second voter has
// to start before its addition can be committed (MembershipDesk::IsSettledSecondVoter).
std::vector<KnownMember> Node::Impl::KnownMembers() const {
  const raft::Configuration& committed = core->committed_configuration();
  const bool alone = committed.voters.size() == 1 && committed.voters.contains(identity.member);
  std::vector<KnownMember> known;
  for (const auto& [id, info] : alone ? core->configuration().members : committed.members) {
    known.push_back({id, IncarnationOf(id), info.peer_urls});
  }
  return known;
}

void Node::Impl::UpdatePeers() {
  const std::pair as_of(core->configuration_index(), core->committed_configuration_index());
  if (network == nullptr || as_of == peers_as_of_) return;
  peers_as_of_ = as_of;
  TellPeers();
}

void Node::Impl::TellPeers() {
  std::map<raft::NodeId, std::vector<std::string>> peers;
  // Also who is about to leave: its copy may be needed to commit that.
  for (const raft::Configuration* configuration :
       {&core->configuration(), &core->committed_configuration()}) {
    for (const auto& [id, info] : configuration->members) {
      if (id != identity.member) peers.emplace(id, info.peer_urls);
    }
  }
  // And who has just left: over the connections that are open it hears that this is committed.
  const Instant now = seams.loop->Now();
  for (const auto& [id, urls] : peers_told_) {
    if (peers.contains(id)) {
      leaving_.erase(id);
    } else if (leaving_.try_emplace(id, now + options.election_timeout).first->second > now) {
      peers.emplace(id, urls);
    } else {
      leaving_.erase(id);
    }
  }
  peers_told_ = peers;
  network->SetPeers(peers);
}

// An election timeout after a removal: who was asked for it answers first.
void Node::Impl::PartWithRemoved() {
  const Instant now = seams.loop->Now();
  const bool parts = std::any_of(leaving_.begin(), leaving_.end(),
                                 [now](const auto& leaves) { return leaves.second <= now; });
  if (parts) TellPeers();
  if (!core->committed_configuration().removed.contains(identity.member)) return;
  if (++removed_ticks_ > options.election_timeout / options.heartbeat) Fatal(Removed(options));
}

// The leader's: one learner after the other, each as soon as it is in sync.
void Node::Impl::PromoteLearners(Instant now) {
  const raft::NodeSet& learners = core->committed_configuration().learners;
  if (!options.auto_promote || !core->IsLeader() || learners.empty()) return;
  if (promoting_ || now < promotion_due_) return;
  const auto next = learners.upper_bound(promoted_last_);
  promoted_last_ = next == learners.end() ? *learners.begin() : *next;
  promoting_ = true;
  membership->Ask({MemberChange::Kind::kPromote, promoted_last_, {}},
                  [this](const absl::Status& status, raft::NodeId member) {
                    promoting_ = false;
                    promotion_due_ = seams.loop->Now() + options.election_timeout;
                    if (!status.ok()) return;
                    seams.logger->Info("server/node", "promoted a learner, it votes from now on",
                                       {{"member", Hex(member.value())}});
                  });
}

void Node::Impl::OnRefused(const PeerFault& fault) {
  seams.logger->Error("server/node", "the handshake with another member failed",
                      {{"peer", Hex(fault.peer.value())},
                       {"refused-by-peer", fault.by_peer},
                       {"why", fault.detail}});
  if (!fault.by_peer) return;
  if (fault.reason == PeerRefusal::kRemovedMember) Fatal(Removed(options));
  if (fault.reason == PeerRefusal::kWrongIncarnation) {
    Fatal(WrongDirectory(options, identity.member));
  }
}

}  // namespace keelson::server
