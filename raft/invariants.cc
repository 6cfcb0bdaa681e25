#include "raft/invariants.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace keelson::raft {
namespace {

// Collects the first rule that is broken.
class Rules {
 public:
  Rules& Need(bool holds, const char* rule) {
    if (!holds && broken_ == nullptr) broken_ = rule;
    return *this;
  }
  absl::Status Result(const StateView& view) const {
    if (broken_ == nullptr) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("member ", view.id.value(), " in term ",
                                            view.hard.term.value(), ": ", broken_));
  }

 private:
  const char* broken_ = nullptr;
};

void CheckMarks(const StateView& v, Rules& rules) {
  rules.Need(v.base.index <= v.applied, "what is not applied was dropped from the log")
      .Need(v.applied <= v.handed_out, "applied what was not handed out")
      .Need(v.handed_out <= v.hard.commit, "handed out what is not committed")
      .Need(v.handed_out <= v.durable, "handed out what is not durable")
      .Need(v.hard.commit <= v.last.index, "committed beyond the log")
      .Need(v.durable <= v.last.index, "durable beyond the log")
      .Need(v.base.index <= v.durable, "the log's base is not durable")
      .Need(v.base.term <= v.last.term, "the log ends in an earlier term than its base")
      .Need(v.last.term <= v.hard.term, "the log is ahead of the term")
      .Need(v.durable_hard.term <= v.hard.term, "the disk is ahead of the term")
      .Need(v.durable_hard.commit <= v.hard.commit, "the disk is ahead of commit")
      .Need(v.configuration_index <= v.last.index, "the configuration is not in the log")
      .Need(ValidateConfiguration(v.configuration).ok(), "the configuration is invalid");
  for (size_t i = 1; i < v.tail.size(); ++i) {
    rules.Need(v.tail[i].index == v.tail[i - 1].index.Next(), "a gap in the log")
        .Need(v.tail[i].term >= v.tail[i - 1].term, "terms decrease in the log");
  }
  rules.Need(v.tail.empty() || v.tail.back() == v.last, "memory does not end at the last entry");
}

void CheckRole(const StateView& v, Rules& rules) {
  switch (v.role) {
    case RoleKind::kFollower:
      rules.Need(v.leader != v.id, "a follower of itself");
      break;
    case RoleKind::kPreCandidate:
      rules.Need(v.leader.IsNone(), "a pre-candidate with a leader");
      break;
    case RoleKind::kCandidate:
      rules.Need(v.leader.IsNone(), "a candidate with a leader")
          .Need(v.hard.vote == v.id, "a candidate that did not vote for itself");
      break;
    case RoleKind::kLeader:
      rules.Need(v.leader == v.id, "a leader that follows another")
          .Need(v.hard.vote == v.id, "a leader that did not vote for itself")
          .Need(v.durable_hard.term == v.hard.term, "a leader whose vote is not durable")
          .Need(v.last.term == v.hard.term, "a leader without an entry of its term");
      break;
  }
  rules.Need(v.role == RoleKind::kLeader || v.peers.empty(), "progress without leadership");
}

void CheckPeers(const StateView& v, Rules& rules) {
  size_t members = 0;
  for (const PeerStatus& peer : v.peers) {
    const bool replicating = peer.mode == ProgressMode::kReplicate;
    rules.Need(peer.id != v.id, "a leader that is its own peer")
        .Need(peer.match < peer.next, "a peer is sent what it has")
        .Need(peer.match <= v.last.index, "a peer acknowledged what does not exist")
        .Need(peer.next <= v.last.index.Next(), "what does not exist was sent")
        .Need(replicating || peer.inflight_bytes == 0, "bytes in flight to a probed peer");
    if (v.configuration.IsMember(peer.id)) ++members;
  }
  if (v.role != RoleKind::kLeader) return;
  const size_t others = v.configuration.members.size() - v.configuration.members.count(v.id);
  rules.Need(members == others, "a member the leader does not serve");
}

// Ids of the same index in both views agree, as far as `limit`.
bool TailsAgree(const StateView& a, const StateView& b, Index limit) {
  if (a.tail.empty() || b.tail.empty()) return true;
  const Index first = std::max(a.tail.front().index, b.tail.front().index);
  const Index last = std::min({a.tail.back().index, b.tail.back().index, limit});
  for (Index i = first; i <= last; i = i.Next()) {
    if (a.tail[i - a.tail.front().index] != b.tail[i - b.tail.front().index]) return false;
  }
  return true;
}

void CheckSameTerm(const StateView& before, const StateView& after, Rules& rules) {
  rules.Need(before.hard.vote.IsNone() || before.hard.vote == after.hard.vote, "the vote changed")
      .Need(before.leader.IsNone() || after.leader.IsNone() || before.leader == after.leader,
            "two leaders in a term");
  if (before.role != RoleKind::kLeader || after.role != RoleKind::kLeader) return;
  rules.Need(after.last.index >= before.last.index, "a leader cut its log")
      .Need(TailsAgree(before, after, before.last.index), "a leader changed its log")
      .Need(after.configuration_index >= before.configuration_index,
            "a leader took back a configuration");
  for (const PeerStatus& peer : before.peers) {
    const auto same = std::find_if(after.peers.begin(), after.peers.end(),
                                   [&](const PeerStatus& p) { return p.id == peer.id; });
    rules.Need(same == after.peers.end() || same->match >= peer.match, "a match went back");
  }
}

}  // namespace

absl::Status CheckState(const StateView& view) {
  Rules rules;
  CheckMarks(view, rules);
  CheckRole(view, rules);
  CheckPeers(view, rules);
  return rules.Result(view);
}

absl::Status CheckTransition(const StateView& before, const StateView& after) {
  Rules rules;
  rules.Need(before.id == after.id, "the id changed")
      .Need(before.hard.term <= after.hard.term, "the term went back")
      .Need(before.hard.commit <= after.hard.commit, "commit went back")
      .Need(before.base.index <= after.base.index, "dropped entries came back")
      .Need(before.handed_out <= after.handed_out, "entries are handed out twice")
      .Need(before.applied <= after.applied, "applied went back")
      .Need(before.durable_hard.term <= after.durable_hard.term, "the durable term went back")
      .Need(before.durable_hard.commit <= after.durable_hard.commit, "the durable commit went back")
      .Need(TailsAgree(before, after, before.hard.commit), "a committed entry changed");
  if (before.hard.term == after.hard.term) CheckSameTerm(before, after, rules);
  const bool new_leader = after.role == RoleKind::kLeader &&
                          (before.role != RoleKind::kLeader || before.hard.term != after.hard.term);
  rules.Need(!new_leader || before.role == RoleKind::kCandidate, "a leader nobody voted for")
      .Need(!new_leader || before.hard.term == after.hard.term, "a candidate won a later term");
  return rules.Result(after);
}

}  // namespace keelson::raft
