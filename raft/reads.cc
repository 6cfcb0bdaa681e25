// Linearizable reads by ReadIndex (thesis 6.4, design D5).
#include <utility>

#include "base/check.h"
#include "raft/impl.h"

namespace keelson::raft {

void Core::Impl::RequestRead(uint64_t context) {
  dirty_ = true;
  const PendingRead read{.context = context,
                         .deadline = now_ + 2 * static_cast<uint64_t>(options_.election_ticks)};
  if (auto* leader = std::get_if<Leader>(&role_)) {
    leader->reads.Add(read);
  } else {
    reads_.Add(read);
  }
}

// Starts a round when reads wait, and with every heartbeat (which asks a running one again).
// REQUIRES: an entry of this term is committed, else the commit index may lag (pitfall 5).
void Core::Impl::BeginRound(Leader& leader) {
  KEELSON_CHECK(CommittedInTerm(leader), "a read round before a commit in this term");
  if (leader.reads.InFlight()) {
    if (!leader.heartbeat_due) return;
    leader.round_of_heartbeat = true;
    // A change of the configuration may have left nobody whose answer is missing.
    if (IsRoundConfirmed(leader)) return FinishRound(leader);
    return leader.reads.Retry();
  }
  if (!leader.reads.HasWaiting() && !leader.heartbeat_due) return;
  leader.reads.Begin(log_.commit(), now_);
  leader.round_began = true;
  leader.round_of_heartbeat = leader.heartbeat_due;
  out_.round_began = RoundMark{leader.reads.number(), leader.reads.index()};
  for (auto& [peer_id, peer] : leader.peers) peer.freshness.riding = peer.freshness.latest;
  if (IsRoundConfirmed(leader)) FinishRound(leader);
}

bool Core::Impl::IsRoundConfirmed(const Leader& leader) const {
  return leader.reads.IsConfirmed(configuration(), id(),
                                  [&](NodeId voter) { return IsVouchedFor(leader, voter); });
}

void Core::Impl::AnswerRound(Leader& leader, NodeId from, const ReadNonce& nonce) {
  leader.reads.Answered(from, nonce);
  if (IsRoundConfirmed(leader)) FinishRound(leader);
}

void Core::Impl::FinishRound(Leader& leader) {
  leader.quorum_contact_at = leader.reads.began_at();
  const Index index = leader.reads.index();
  KEELSON_CHECK(index <= log_.commit(), "a read would see more than is committed");
  for (auto& [peer_id, peer] : leader.peers) {
    if (!peer.freshness.riding.stamp.IsNone()) peer.freshness.confirmed = peer.freshness.riding;
  }
  leader.echo_due |= std::exchange(leader.round_of_heartbeat, false);
  out_.round_confirmed = leader.reads.number();
  for (const PendingRead& read : leader.reads.Finish()) {
    if (read.from.IsNone()) {
      out_.read_states.push_back(ReadState{read.context, index});
    } else {
      Send(read.from, ReadIndexResponse{.nonce = read.nonce, .index = index});
    }
  }
}

void Core::Impl::FailReads(const std::vector<PendingRead>& reads) {
  for (const PendingRead& read : reads) {
    if (read.from.IsNone()) out_.reads_failed.push_back(read.context);
  }
}

void Core::Impl::TickReads() {
  FailReads(reads_.Expire(now_));
  if (auto* leader = std::get_if<Leader>(&role_)) FailReads(leader->reads.Expire(now_));
}

// One question for all reads that wait here; asked again of a new leader, and once per heartbeat.
void Core::Impl::FlushForwardedReads(NodeId leader) {
  if (leader.IsNone() || leader == id() || reads_.IsEmpty()) return;
  const bool asked_this_one = reads_.InFlight() && reads_asked_of_ == leader;
  const bool recently = now_ - reads_asked_at_ < static_cast<uint64_t>(options_.heartbeat_ticks);
  if (asked_this_one && recently) return;
  reads_asked_of_ = leader;
  reads_asked_at_ = now_;
  Send(leader, ReadIndexRequest{.nonce = reads_.Ask(term_)});
}

void Core::Impl::Handle(NodeId from, Term, const ReadIndexRequest& request) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr || !leader->peers.contains(from) || request.nonce.IsNone()) return;
  leader->reads.Add(
      PendingRead{.from = from,
                  .nonce = request.nonce,
                  .deadline = now_ + 2 * static_cast<uint64_t>(options_.election_ticks)});
}

void Core::Impl::Handle(NodeId, Term, const ReadIndexResponse& response) {
  for (const PendingRead& read : reads_.Answered(response.nonce)) {
    out_.read_states.push_back(ReadState{read.context, response.index});
  }
}

}  // namespace keelson::raft
