// Construction, time, and which messages are let in.
#include "raft/impl.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/config_codec.h"
#include "raft/quorum.h"

namespace keelson::raft {
namespace {

Options Checked(Options options) {
  KEELSON_CHECK(ValidateOptions(options).ok(), "core made from invalid options");
  return options;
}

InitialState& Checked(InitialState& state) {
  KEELSON_CHECK(ValidateInitialState(state).ok(), "core made from an invalid state");
  return state;
}

// What the entries say about the start: nothing before `applied` counts.
std::vector<ConfigHistory::At> ConfigurationsAfter(const InitialState& state) {
  std::vector<ConfigHistory::At> found;
  for (const Entry& entry : state.tail) {
    if (entry.type != EntryType::kConfig || entry.index <= state.applied) continue;
    absl::StatusOr<Configuration> decoded = DecodeConfiguration(entry.bytes());
    KEELSON_CHECK(decoded.ok(), "an invalid state passed its validation");
    found.push_back({entry.index, *std::move(decoded)});
  }
  return found;
}

// Terms grow by one per election: what is beyond this is no term, and could wrap around.
constexpr Term kMaxTerm(uint64_t{1} << 62);

bool IsFromLeader(const MessageBody& body) {
  return std::holds_alternative<AppendRequest>(body) || std::holds_alternative<Heartbeat>(body) ||
         std::holds_alternative<SnapshotOffer>(body) || std::holds_alternative<TimeoutNow>(body);
}

bool IsAnswer(const MessageBody& body) {
  return std::holds_alternative<AppendResponse>(body) ||
         std::holds_alternative<HeartbeatResponse>(body) ||
         std::holds_alternative<VoteResponse>(body);
}

}  // namespace

Core::Impl::Impl(Options options, InitialState state, LogReader* reader)
    : options_(Checked(std::move(options))),
      term_(Checked(state).hard_state.term),
      vote_(state.hard_state.vote),
      log_(Log::Start{.base = state.base,
                      .last = state.last,
                      .commit = std::max(state.hard_state.commit, state.applied),
                      .applied = state.applied,
                      .tail = state.tail},
           reader),
      disk_(state.hard_state, state.last.index),
      configs_(ConfigHistory::At{state.configuration_index, state.configuration}),
      role_(FreshFollower()),
      reads_(options_.boot_id),
      applied_(state.applied) {
  for (ConfigHistory::At& at : ConfigurationsAfter(state)) {
    configs_.Append(at.index, std::move(at.configuration));
  }
  configs_.CommitTo(log_.commit());
  reported_ = SoftState{RoleKind::kFollower, NodeId(), term_};
  ResetElectionTimer();
  const NodeSet& voters = configuration().voters;
  const bool alone = voters.size() == 1 && voters.contains(id()) && !configuration().IsJoint();
  if (alone) election_deadline_ = now_ + 1;
}

void Core::Impl::Tick() {
  dirty_ = true;
  ++now_;
  if (OwnIdentityRefused()) {
    ReportConflict(id(), configs_.committed().configuration.IncarnationOf(id()),
                   options_.incarnation);
  }
  if (auto* leader = std::get_if<Leader>(&role_)) {
    TickAsLeader(*leader);
  } else {
    TickWithoutLeader();
  }
  TickReads();
}

void Core::Impl::TickWithoutLeader() {
  if (now_ < election_deadline_) return;
  if (const auto* candidate = std::get_if<Candidate>(&role_)) {
    const bool won = Tally(candidate->votes) == VoteResult::kWon;
    if (won && MayWin(*candidate)) return CountVotes();
  }
  ResetElectionTimer();
  if (MayCampaign()) {
    Campaign(options_.pre_vote ? Campaigning::kPreVote : Campaigning::kElection);
  } else if (auto* follower = std::get_if<Follower>(&role_)) {
    follower->leader = NodeId();
  }
}

void Core::Impl::TickAsLeader(Leader& leader) {
  const auto limit = static_cast<uint64_t>(options_.election_ticks);
  const bool heard = HasQuorum(configuration(), [&](NodeId voter) {
    const auto found = leader.peers.find(voter);
    return voter == id() || (found != leader.peers.end() && HeardLately(found->second));
  });
  if (options_.check_quorum && !heard) {
    return BecomeFollower(term_, NodeId(), StepDown::kQuorumLost);
  }
  if (disk_.StalledTicks(now_) >= limit) {
    return BecomeFollower(term_, NodeId(), StepDown::kDiskStalled);
  }
  if (leader.transfer.has_value() && now_ >= leader.transfer->deadline) leader.transfer.reset();
  if (now_ - leader.heartbeat_at < static_cast<uint64_t>(options_.heartbeat_ticks)) return;
  leader.heartbeat_at = now_;
  leader.heartbeat_due = true;
  for (auto& [peer_id, peer] : leader.peers) {
    peer.progress.Unpause();
    // No advance during a whole heartbeat: an append or its answer may be lost.
    const Index match = peer.progress.match();
    const bool open = match < peer.progress.next().Prev();
    peer.verify_due = peer.forgot || (open && match == peer.match_at_heartbeat);
    peer.match_at_heartbeat = match;
  }
  if (leader.transfer.has_value()) ContinueTransfer(leader);
  // A voter that fell silent is not waited for any more (IsVouchedFor).
  MaybeCommit(leader);
}

void Core::Impl::Step(NodeId from, Message message) {
  dirty_ = true;
  if (message.from != from || message.to != id() || from == id() || from.IsNone()) return;
  if (message.term > kMaxTerm) return;
  if (!AcceptsSender(from, message)) return;
  if (auto* candidate = std::get_if<Candidate>(&role_)) candidate->heard_at[from] = now_;
  if (!AcceptsTerm(from, message)) return;
  Dispatch(from, message);
}

// A removed member, or another disk under a member's id, has no say (design D9). What an answer
// counts for is decided by the configuration in force, what a request may do only by a committed
// one: an uncommitted entry of a lost leader must not shut out its successor.
bool Core::Impl::AcceptsSender(NodeId from, const Message& message) {
  const Configuration& committed = configs_.committed().configuration;
  const auto* leader = std::get_if<Leader>(&role_);
  // Except who is being seen off, and a leader that commits its own removal and hands over.
  const bool leaving = (leader != nullptr && leader->peers.contains(from)) ||
                       (this->leader() == from && message.term == term_);
  if (committed.removed.contains(from) && !leaving) return false;
  const bool answer = IsAnswer(message.body);
  const uint64_t expected =
      answer ? configuration().IncarnationOf(from) : committed.IncarnationOf(from);
  if (expected == 0 || message.incarnation == 0 || message.incarnation == expected) return true;
  ReportConflict(from, expected, message.incarnation);
  return false;
}

bool Core::Impl::AcceptsTerm(NodeId from, const Message& message) {
  if (message.term == term_) return true;
  const auto* vote_request = std::get_if<VoteRequest>(&message.body);
  const auto* vote_response = std::get_if<VoteResponse>(&message.body);
  if (message.term < term_) {
    // A refusal of a pre-vote by a member that is behind is an answer all the same.
    if (vote_response != nullptr && vote_response->pre) return true;
    RefuseOldTerm(from, message);
    return false;
  }
  if (vote_request != nullptr) {
    // Stickiness: who hears a leader lets nobody end its term (thesis 4.2.3).
    if (!vote_request->pre && !vote_request->transfer && HearsLeader()) return false;
    if (vote_request->pre) return true;
  }
  if (vote_response != nullptr && vote_response->pre && vote_response->granted) return true;
  BecomeFollower(message.term, IsFromLeader(message.body) ? from : NodeId(), StepDown::kHigherTerm);
  return true;
}

// Tells a leader or candidate of the past which term it is now, so that it can't stay there.
void Core::Impl::RefuseOldTerm(NodeId from, const Message& message) {
  if (const auto* request = std::get_if<VoteRequest>(&message.body)) {
    Answer(from, VoteResponse{.pre = request->pre, .granted = false});
  } else if (const auto* append = std::get_if<AppendRequest>(&message.body)) {
    Answer(from, AppendResponse{.accepted = false, .rejected = append->prev.index});
  } else if (std::holds_alternative<Heartbeat>(message.body)) {
    Answer(from, HeartbeatResponse{});
  } else if (std::holds_alternative<SnapshotOffer>(message.body)) {
    Answer(from, AppendResponse{.accepted = false});
  }
}

void Core::Impl::Dispatch(NodeId from, Message& message) {
  if (message.incarnation != 0 && !NoteIncarnation(from, message.incarnation)) return;
  std::visit([&](auto& body) { Handle(from, message.term, body); }, message.body);
}

// False for a second disk behind an id that no configuration knows the disk of: what the first one
// said counts already.
bool Core::Impl::NoteIncarnation(NodeId from, uint64_t incarnation) {
  uint64_t* seen = nullptr;
  if (auto* leader = std::get_if<Leader>(&role_)) {
    const auto found = leader->peers.find(from);
    if (found != leader->peers.end()) seen = &found->second.incarnation_seen;
  } else if (auto* candidate = std::get_if<Candidate>(&role_)) {
    seen = &candidate->incarnations[from];
  }
  if (seen == nullptr || configuration().IncarnationOf(from) != 0) return true;
  if (*seen != 0 && *seen != incarnation) {
    ReportConflict(from, *seen, incarnation);
    return false;
  }
  if (*seen != 0) return true;
  *seen = incarnation;
  if (auto* leader = std::get_if<Leader>(&role_)) leader->record_due = true;
  return true;
}

void Core::Impl::ReportConflict(NodeId peer, uint64_t expected, uint64_t found) {
  const auto [at, is_new] = conflict_reported_at_.try_emplace(peer, now_);
  if (!is_new && now_ - at->second < static_cast<uint64_t>(options_.election_ticks)) return;
  at->second = now_;
  out_.identity_conflicts.push_back(IdentityConflict{peer, expected, found});
}

bool Core::Impl::OwnIdentityRefused() const {
  const uint64_t expected = configs_.committed().configuration.IncarnationOf(id());
  return expected != 0 && expected != options_.incarnation;
}

Message Core::Impl::Make(NodeId to, MessageBody body) const {
  KEELSON_CHECK(to != id() && !to.IsNone(), "a message to nobody or to itself");
  return Message{id(), to, term_, options_.incarnation, std::move(body)};
}

void Core::Impl::Send(NodeId to, MessageBody body) {
  out_.messages.push_back(Make(to, std::move(body)));
}

void Core::Impl::SendWhenDurable(NodeId to, MessageBody body) {
  out_.messages_after_persist.push_back(Make(to, std::move(body)));
}

void Core::Impl::Answer(NodeId to, MessageBody body) {
  if (disk_.durable_hard().term < term_) return SendWhenDurable(to, std::move(body));
  Send(to, std::move(body));
}

}  // namespace keelson::raft
