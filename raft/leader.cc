// What a leader does with proposals and answers: append, count, commit, hand over (thesis 3.5, 3.6,
// 3.10).
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/impl.h"
#include "raft/mutants.h"
#include "raft/quorum.h"

namespace keelson::raft {

absl::Status Core::Impl::CheckProposal(const Leader* leader, size_t payload_bytes) const {
  if (leader == nullptr) {
    return RefusedStatus(Refusal::kNotLeader, "this member is not the leader", this->leader());
  }
  if (leader->transfer.has_value()) {
    return RefusedStatus(Refusal::kTransferring, "leadership is being handed over",
                         leader->transfer->target);
  }
  if (payload_bytes > options_.max_entry_bytes) {
    return RefusedStatus(Refusal::kTooLarge, "the entry is larger than max_entry_bytes");
  }
  return absl::OkStatus();
}

absl::StatusOr<EntryId> Core::Impl::Propose(std::shared_ptr<const std::string> payload) {
  auto* leader = std::get_if<Leader>(&role_);
  const size_t bytes = payload == nullptr ? 0 : payload->size();
  if (absl::Status status = CheckProposal(leader, bytes); !status.ok()) return status;
  const size_t uncommitted = leader->uncommitted.bytes();
  if (uncommitted > 0 && uncommitted + bytes > options_.max_uncommitted_bytes) {
    return RefusedStatus(Refusal::kTooManyUncommitted, "too much is waiting to be committed");
  }
  dirty_ = true;
  return AppendAsLeader(*leader, EntryType::kNormal, std::move(payload));
}

EntryId Core::Impl::AppendAsLeader(Leader& leader, EntryType type,
                                   std::shared_ptr<const std::string> payload) {
  const EntryId id{term_, log_.last().index.Next()};
  Entry entry = MakeEntry(id, type, std::move(payload));
  leader.uncommitted.Add(type == EntryType::kNormal ? EntryCost(entry) : 0);
  log_.Append(std::move(entry));
  return id;
}

// Counting decides only about entries of the own term; they take the earlier ones with them
// (thesis 3.6.2). The own copy counts once it is durable, like any other (thesis 10.2.1).
void Core::Impl::MaybeCommit(Leader& leader) {
  const Index quorum = QuorumIndex(configuration(), [&](NodeId voter) {
    if (!IsVouchedFor(leader, voter)) return Index();
    if (voter == id()) return disk_.durable();
    const auto found = leader.peers.find(voter);
    return found == leader.peers.end() ? Index() : found->second.progress.match();
  });
  if (quorum <= log_.commit()) return;
  if (quorum < leader.term_start && !kMutantCommitOldTerm) return;
  const Index before = std::max(log_.commit(), leader.term_start.Prev());
  log_.CommitTo(quorum);
  if (quorum > before) leader.uncommitted.Commit(quorum - before);
  configs_.CommitTo(quorum);
  AfterConfigurationCommit(leader);
}

Peer* Core::Impl::Heard(Leader& leader, NodeId from, const FreshnessStamp& stamp) {
  const auto found = leader.peers.find(from);
  if (found == leader.peers.end()) return nullptr;
  Peer& peer = found->second;
  peer.heard_at = now_;
  // Before an entry of this term is committed the commit index may lag what was acknowledged.
  if (!stamp.IsNone() && CommittedInTerm(leader)) {
    peer.freshness.latest = FreshnessEcho{stamp, log_.commit()};
  }
  return &peer;
}

void Core::Impl::Acknowledged(Leader& leader, Progress& progress, Index match) {
  if (match > log_.last().index) return;
  if (progress.Acked(match, log_.first_index())) MaybeCommit(leader);
  if (leader.transfer.has_value()) ContinueTransfer(leader);
}

void Core::Impl::Handle(NodeId from, Term, const AppendResponse& response) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  Peer* peer = Heard(*leader, from, response.stamp);
  if (peer == nullptr) return;
  if (!response.accepted) {
    const Index limit = std::min(response.hint.index, log_.last().index);
    const EntryId agree = response.hint.term.IsNone() ? EntryId{Term(), limit}
                                                      : log_.LastNotAfter(limit, response.hint.term,
                                                                          peer->progress.match());
    peer->progress.Rejected(response.rejected, agree.index);
  } else {
    Acknowledged(*leader, peer->progress, response.match);
  }
  AnswerRound(*leader, from, response.read);
}

void Core::Impl::Handle(NodeId from, Term, const HeartbeatResponse& response) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  Peer* peer = Heard(*leader, from, response.stamp);
  if (peer == nullptr) return;
  Progress& progress = peer->progress;
  // It counts like an append's answer, which may have been lost. While probing that answer decides.
  const bool streaming = progress.mode() == ProgressMode::kReplicate;
  peer->forgot = response.match < progress.match();
  if (streaming && response.match > progress.match()) {
    Acknowledged(*leader, progress, response.match);
  }
  AnswerRound(*leader, from, response.read);
}

void Core::Impl::Persisted(uint64_t seq) {
  dirty_ = true;
  disk_.Confirm(seq);
  if (auto* leader = std::get_if<Leader>(&role_)) {
    MaybeCommit(*leader);
  } else {
    CountVotes();
  }
}

void Core::Impl::PeerUnreachable(NodeId peer) {
  dirty_ = true;
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  const auto found = leader->peers.find(peer);
  if (found != leader->peers.end()) found->second.progress.Unreachable();
}

NodeId Core::Impl::FurthestVoter(const Leader& leader) const {
  NodeId best;
  Index match;
  for (const auto& [peer_id, peer] : leader.peers) {
    const bool heard = HeardLately(peer);
    if (!configuration().voters.contains(peer_id) || !heard) continue;
    if (!best.IsNone() && peer.progress.match() <= match) continue;
    best = peer_id;
    match = peer.progress.match();
  }
  return best;
}

absl::Status Core::Impl::TransferLeadership(NodeId target) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) {
    return RefusedStatus(Refusal::kNotLeader, "this member is not the leader", this->leader());
  }
  dirty_ = true;
  if (target == id()) {
    leader->transfer.reset();
    return absl::OkStatus();
  }
  if (target.IsNone()) target = FurthestVoter(*leader);
  if (!configuration().voters.contains(target) || !leader->peers.contains(target)) {
    return RefusedStatus(Refusal::kUnknownPeer, "the target is no voter that could lead");
  }
  if (leader->transfer.has_value() && leader->transfer->target == target) return absl::OkStatus();
  leader->transfer = Transfer{target, now_ + static_cast<uint64_t>(options_.election_ticks)};
  ContinueTransfer(*leader);
  return absl::OkStatus();
}

// The target campaigns only once it has everything. Asked again at every heartbeat: a second
// request finds it in a later term and is ignored.
void Core::Impl::ContinueTransfer(Leader& leader) {
  KEELSON_CHECK(leader.transfer.has_value(), "no transfer to continue");
  const auto found = leader.peers.find(leader.transfer->target);
  if (found == leader.peers.end() || !configuration().voters.contains(found->first)) {
    leader.transfer.reset();
    return;
  }
  if (found->second.progress.match() == log_.last().index) Send(found->first, TimeoutNow{});
}

}  // namespace keelson::raft
