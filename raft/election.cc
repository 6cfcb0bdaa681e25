// Elections: timers, pre-vote, votes, and the changes of role (thesis 3.4, 3.10, 4.2.3, 9.6).
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/impl.h"
#include "raft/mutants.h"
#include "raft/quorum.h"

namespace keelson::raft {

void Core::Impl::ResetElectionTimer() {
  const auto base = static_cast<uint64_t>(options_.election_ticks);
  election_deadline_ = now_ + base + options_.random(base);
}

// Draws a short delay, of at most so many heartbeats, instead of an election timeout; several
// members may be doing the same.
void Core::Impl::CampaignSoon(uint64_t heartbeats) {
  const uint64_t bound = heartbeats * static_cast<uint64_t>(options_.heartbeat_ticks);
  election_deadline_ = std::min(election_deadline_, now_ + 1 + options_.random(bound));
}

// Also whoever drops out by an entry that is not committed yet may have to be elected to commit it:
// it can be the only one that has it (thesis 4.2.2).
bool Core::Impl::MayDecide() const {
  return configuration().IsVoter(id()) || configs_.committed().configuration.IsVoter(id());
}

// A member whose disk hangs could not make its vote durable: it leaves elections to others.
bool Core::Impl::MayCampaign() const {
  return MayDecide() && !OwnIdentityRefused() && !installing_.has_value() &&
         disk_.StalledTicks(now_) < static_cast<uint64_t>(options_.election_ticks);
}

bool Core::Impl::HearsLeader() const {
  if (!options_.check_quorum) return false;
  const auto limit = static_cast<uint64_t>(options_.election_ticks);
  if (const auto* follower = std::get_if<Follower>(&role_)) {
    return !follower->leader.IsNone() && !follower->connection_lost &&
           now_ - follower->heard_at < limit;
  }
  return HasQuorumContact();
}

bool Core::Impl::HasQuorumContact() const {
  const auto* leader = std::get_if<Leader>(&role_);
  return leader != nullptr &&
         now_ - leader->quorum_contact_at < static_cast<uint64_t>(options_.election_ticks);
}

NodeId Core::Impl::leader() const {
  if (std::holds_alternative<Leader>(role_)) return id();
  const auto* follower = std::get_if<Follower>(&role_);
  return follower == nullptr ? NodeId() : follower->leader;
}

void Core::Impl::Campaign(Campaigning how) {
  KEELSON_CHECK(!std::holds_alternative<Leader>(role_), "a leader does not campaign");
  KEELSON_CHECK(MayDecide(), "only a voter campaigns");
  const bool pre = how == Campaigning::kPreVote;
  ResetElectionTimer();
  if (pre && now_ < hurry_until_) CampaignSoon(2);
  if (pre) {
    role_ = PreCandidate{.votes = {{id(), true}}};
  } else {
    term_ = term_.Next();
    vote_ = id();
    role_ = Candidate{.began_at = now_};
  }
  const VoteRequest request{
      .pre = pre, .transfer = how == Campaigning::kTransfer, .last = log_.last()};
  NodeSet voters = configuration().voters;
  voters.insert(configuration().outgoing.begin(), configuration().outgoing.end());
  voters.erase(id());
  for (NodeId voter : voters) {
    if (!pre) {
      // The vote for itself, and the log it boasts of, must be durable before anyone relies on
      // them.
      SendWhenDurable(voter, request);
      continue;
    }
    Message message = Make(voter, request);
    message.term = term_.Next();
    out_.messages.push_back(std::move(message));
  }
  CountVotes();
}

VoteResult Core::Impl::Tally(const Votes& votes) const {
  return TallyVotes(configuration(), [&](NodeId voter) {
    const auto found = votes.find(voter);
    return found == votes.end() ? std::nullopt : std::optional<bool>(found->second);
  });
}

// A disk that no configuration knows could vote again as its empty successor, and lacks then what
// the first one held: with votes of such disks a candidate wins only when no voter refuses, and
// each that did not answer has been silent for an election timeout.
bool Core::Impl::MayWin(const Candidate& candidate) const {
  const Configuration& now = configuration();
  if (!options_.record_incarnations || kMutantUnknownDiskCounts) return true;
  const auto granted = [&](NodeId voter) {
    const auto found = candidate.votes.find(voter);
    return found != candidate.votes.end() && found->second;
  };
  const auto known = [&](NodeId voter) { return granted(voter) && now.IncarnationOf(voter) != 0; };
  if (HasQuorum(now, known)) return true;
  const auto agrees = [&](NodeId voter) {
    if (candidate.votes.contains(voter)) return granted(voter);
    const uint64_t silent = now_ - HeardAt(candidate, voter);
    return silent >= static_cast<uint64_t>(options_.election_ticks);
  };
  return std::all_of(now.voters.begin(), now.voters.end(), agrees) &&
         std::all_of(now.outgoing.begin(), now.outgoing.end(), agrees);
}

// At the earliest when it was asked.
uint64_t Core::Impl::HeardAt(const Candidate& candidate, NodeId voter) {
  const auto found = candidate.heard_at.find(voter);
  return found == candidate.heard_at.end() ? candidate.began_at : found->second;
}

void Core::Impl::CountVotes() {
  if (const auto* pre = std::get_if<PreCandidate>(&role_)) {
    const VoteResult result = Tally(pre->votes);
    if (result == VoteResult::kWon) return Campaign(Campaigning::kElection);
    if (result == VoteResult::kLost) role_ = FreshFollower();
    return;
  }
  auto* candidate = std::get_if<Candidate>(&role_);
  if (candidate == nullptr) return;
  if (disk_.durable_hard().term == term_) candidate->votes[id()] = true;
  const VoteResult result = Tally(candidate->votes);
  if (result == VoteResult::kWon && MayWin(*candidate)) return BecomeLeader();
  if (result == VoteResult::kLost) role_ = FreshFollower();
}

// Without a leader. What is committed agrees with whoever will lead, and it knows that.
Follower Core::Impl::FreshFollower() const {
  return Follower{.heard_at = now_, .verified = log_.commit(), .acked = log_.commit()};
}

void Core::Impl::BecomeFollower(Term term, NodeId leader, StepDown reason) {
  KEELSON_CHECK(term >= term_, "the term would go back");
  if (auto* leading = std::get_if<Leader>(&role_)) LeaveLeadership(*leading, reason);
  const bool same_term = term == term_;
  if (!same_term) {
    term_ = term;
    vote_ = NodeId();
  }
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || !same_term) {
    if (follower == nullptr) ResetElectionTimer();
    role_ = FreshFollower();
    follower = std::get_if<Follower>(&role_);
  }
  follower->leader = leader;
}

void Core::Impl::LeaveLeadership(Leader& leader, StepDown reason) {
  out_.stepped_down = reason;
  const Index first = std::max(log_.commit(), leader.term_start).Next();
  if (first <= log_.last().index) {
    out_.proposals_unknown = UnknownProposals{term_, first, log_.last().index};
  }
  for (PendingRead& read : leader.reads.TakeAll()) {
    if (read.from.IsNone()) reads_.Add(read);
  }
}

void Core::Impl::BecomeLeader() {
  KEELSON_CHECK(std::holds_alternative<Candidate>(role_), "only a candidate becomes leader");
  KEELSON_CHECK(disk_.durable_hard().term == term_, "a leader whose own vote is not durable");
  const Candidate candidate = std::get<Candidate>(std::move(role_));
  role_ = Leader(term_, options_.boot_id, log_.last().index.Next(), now_);
  auto& leader = std::get<Leader>(role_);
  leader.heartbeat_at = now_;
  hurry_until_ = 0;
  SyncPeers(leader);
  for (auto& [peer_id, peer] : leader.peers) {
    const auto said = candidate.incarnations.find(peer_id);
    if (said != candidate.incarnations.end()) peer.incarnation_seen = said->second;
    if (!candidate.votes.contains(peer_id)) peer.heard_at = HeardAt(candidate, peer_id);
  }
  for (PendingRead& read : reads_.TakeAll()) leader.reads.Add(read);
  AppendAsLeader(leader, EntryType::kNoop, nullptr);
  RecordIncarnations(leader);
  MaybeCommit(leader);
}

// Two members that ask at the same moment would both go on and split the votes: one steps back.
void Core::Impl::YieldTo(NodeId other, const VoteRequest& request) {
  if (!std::holds_alternative<PreCandidate>(role_)) return;
  if (std::pair(request.last, other) < std::pair(log_.last(), id())) return;
  role_ = FreshFollower();
  ResetElectionTimer();
  if (now_ < hurry_until_) CampaignSoon(2);
}

void Core::Impl::Handle(NodeId from, Term term, const VoteRequest& request) {
  const bool up_to_date = request.last >= log_.last();
  if (request.pre) {
    const bool grant = term > term_ && up_to_date && !HearsLeader() && !OwnIdentityRefused();
    Message answer = Make(from, VoteResponse{.pre = true, .granted = grant});
    if (grant) answer.term = term;
    if (grant) YieldTo(from, request);
    // Nothing is promised, so nothing need be durable, unless the answer tells a new term.
    const bool at_once = grant || disk_.durable_hard().term == term_;
    (at_once ? out_.messages : out_.messages_after_persist).push_back(std::move(answer));
    return;
  }
  const bool may_vote = vote_ == from || (vote_.IsNone() && leader().IsNone());
  const bool grant = may_vote && up_to_date && !OwnIdentityRefused();
  if (grant) {
    KEELSON_CHECK(!std::holds_alternative<Leader>(role_), "a leader votes for another");
    if (!std::holds_alternative<Follower>(role_)) role_ = FreshFollower();
    vote_ = from;
    ResetElectionTimer();
  }
  // Named by a leader that is gone, but behind: entries were on their way. Who has them takes over.
  if (request.transfer && !up_to_date && leader().IsNone() && MayDecide()) CampaignSoon(1);
  SendWhenDurable(from, VoteResponse{.pre = false, .granted = grant});
}

void Core::Impl::Handle(NodeId from, Term term, const VoteResponse& response) {
  auto* pre = std::get_if<PreCandidate>(&role_);
  auto* candidate = std::get_if<Candidate>(&role_);
  if (response.pre && pre != nullptr) {
    if (response.granted && term != term_.Next()) return;
    pre->votes[from] = response.granted;
    if (!response.granted && now_ < hurry_until_) CampaignSoon(2);
  } else if (!response.pre && candidate != nullptr && term == term_) {
    candidate->votes[from] = response.granted;
    // Votes were split, and those missing may be of the dead: don't wait a whole timeout for them.
    if (!response.granted) CampaignSoon(2);
  } else {
    return;
  }
  CountVotes();
}

void Core::Impl::Handle(NodeId from, Term term, const TimeoutNow&) {
  KEELSON_CHECK(term == term_, "messages of other terms are sorted out before");
  const auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader != from || !MayCampaign()) return;
  Campaign(Campaigning::kTransfer);
}

void Core::Impl::ConnectionClosed(NodeId peer) {
  dirty_ = true;
  auto* follower = std::get_if<Follower>(&role_);
  if (follower == nullptr || follower->leader != peer || peer.IsNone()) return;
  follower->connection_lost = true;
  hurry_until_ = now_ + 2 * static_cast<uint64_t>(options_.election_ticks);
  CampaignSoon(1);
}

}  // namespace keelson::raft
