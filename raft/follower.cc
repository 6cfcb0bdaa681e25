// What a follower does with its leader's appends and heartbeats (thesis 3.5, 3.6).
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/config_codec.h"
#include "raft/impl.h"
#include "raft/mutants.h"

namespace keelson::raft {

// The follower state that belongs to `from`, the leader of this term; null if that can't be.
Follower* Core::Impl::Follow(NodeId from) {
  if (!leader().IsNone() && leader() != from) {
    // Two leaders in one term: one of them has a copied or restored disk. Believe no second one.
    ReportConflict(from, configuration().IncarnationOf(from), 0);
    return nullptr;
  }
  BecomeFollower(term_, from, StepDown::kHigherTerm);
  auto& follower = std::get<Follower>(role_);
  follower.heard_at = now_;
  follower.connection_lost = false;
  hurry_until_ = 0;
  ResetElectionTimer();
  return &follower;
}

bool Core::Impl::IsWellFormed(Term term, const AppendRequest& request) const {
  EntryId previous = request.prev;
  if (previous.term > term) return false;
  for (const Entry& entry : request.entries) {
    if (entry.index != previous.index.Next() || entry.term < previous.term) return false;
    if (entry.term > term || entry.term.IsNone()) return false;
    if (entry.type == EntryType::kConfig && !DecodeConfiguration(entry.bytes()).ok()) return false;
    previous = entry.id();
  }
  return true;
}

// Drops what is committed here from the front of the request: the leader has it, and it never
// changes. False if nothing else is in it.
bool Core::Impl::SkipCommitted(AppendRequest& request) const {
  const Index commit = log_.commit();
  if (request.prev.index >= commit) return true;
  const uint64_t known = commit - request.prev.index;
  if (known > request.entries.size()) return false;
  request.prev = request.entries[known - 1].id();
  request.entries.erase(request.entries.begin(),
                        request.entries.begin() + static_cast<ptrdiff_t>(known));
  return true;
}

void Core::Impl::Handle(NodeId from, Term term, AppendRequest& request) {
  Follower* follower = Follow(from);
  if (follower == nullptr || !IsWellFormed(term, request)) return;
  if (!request.echo.stamp.IsNone()) out_.freshness = request.echo;
  if (!request.read.IsNone()) follower->echo = request.read;
  if (installing_.has_value()) return;
  if (!SkipCommitted(request)) {
    follower->verified = std::max(follower->verified, log_.commit());
    follower->ack_due = true;
    return;
  }
  const absl::StatusOr<Term> here = log_.TermAt(request.prev.index);
  if (!here.ok() && !absl::IsOutOfRange(here.status())) return;  // the leader asks again
  if (!here.ok() || *here != request.prev.term) return Reject(from, request);
  if (!AppendNew(request)) return;
  const Index end = request.prev.index + request.entries.size();
  follower->verified = std::max(follower->verified, end);
  const Index commit = log_.commit();
  CommitAsFollower(std::min(request.commit, end));
  // An append that only tells a new commit index, of what was acknowledged, asks for no answer.
  const bool only_commit = request.entries.empty() && log_.commit() > commit;
  if (!only_commit || follower->acked < end) follower->ack_due = true;
}

// Appends what the log lacks; cuts it only where it contradicts the request, since an old request
// may end before entries that were acknowledged. False if that can't be told now.
bool Core::Impl::AppendNew(const AppendRequest& request) {
  EntryId previous = request.prev;
  for (const Entry& entry : request.entries) {
    if (entry.index <= log_.last().index) {
      const absl::StatusOr<Term> here = log_.TermAt(entry.index);
      if (!here.ok()) return false;
      if (*here == entry.term) {
        previous = entry.id();
        continue;
      }
      TruncateAfter(previous);
    }
    previous = entry.id();
    log_.Append(entry);
    if (entry.type != EntryType::kConfig) continue;
    absl::StatusOr<Configuration> decoded = DecodeConfiguration(entry.bytes());
    KEELSON_CHECK(decoded.ok(), "an undecodable configuration passed the check");
    configs_.Append(entry.index, *std::move(decoded));
  }
  if (kMutantTruncateTooFar && previous.index < log_.last().index) TruncateAfter(previous);
  return true;
}

void Core::Impl::TruncateAfter(EntryId keep) {
  KEELSON_CHECK(keep.index >= log_.commit(), "a leader contradicts a committed entry");
  log_.TruncateAfter(keep);
  disk_.Truncate(keep.index);
  configs_.Truncate(keep.index);
}

void Core::Impl::CommitAsFollower(Index index) {
  if (index <= log_.commit() || installing_.has_value()) return;
  log_.CommitTo(index);
  configs_.CommitTo(index);
}

void Core::Impl::Reject(NodeId from, const AppendRequest& request) {
  const Index before =
      request.prev.index > log_.last().index ? request.prev.index : request.prev.index.Prev();
  const EntryId hint = log_.LastNotAfter(before, request.prev.term, log_.commit());
  auto& follower = std::get<Follower>(role_);
  Answer(from, AppendResponse{.accepted = false,
                              .rejected = request.prev.index,
                              .hint = hint,
                              .read = std::exchange(follower.echo, ReadNonce())});
}

void Core::Impl::Handle(NodeId from, Term, const Heartbeat& heartbeat) {
  Follower* follower = Follow(from);
  if (follower == nullptr) return;
  if (!heartbeat.echo.stamp.IsNone()) out_.freshness = heartbeat.echo;
  CommitAsFollower(std::min(heartbeat.commit, follower->verified));
  Answer(from, HeartbeatResponse{.read = heartbeat.read, .match = Acknowledgeable(*follower)});
}

Index Core::Impl::Acknowledgeable(const Follower& follower) const {
  return std::min(disk_.durable(), follower.verified);
}

// One cumulative answer for all that was appended or became durable in this turn.
void Core::Impl::FlushFollower(Follower& follower) {
  if (follower.leader.IsNone()) return;
  const Index match = Acknowledgeable(follower);
  const bool all = match == follower.verified;
  if (follower.ack_due && (all || match > follower.acked)) {
    Answer(follower.leader, AppendResponse{.accepted = true,
                                           .match = match,
                                           .read = std::exchange(follower.echo, ReadNonce())});
    follower.acked = match;
    follower.ack_due = !all;
  }
  if (follower.echo.IsNone()) return;
  // The sync takes its time; that this member still follows need not wait for it.
  Answer(follower.leader, HeartbeatResponse{.read = follower.echo, .match = match});
  follower.echo = ReadNonce();
}

}  // namespace keelson::raft
