// What goes out: the Ready of a turn, and views of the state.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/impl.h"
#include "raft/mutants.h"

namespace keelson::raft {

bool Ready::IsEmpty() const {
  return messages.empty() && !persist.has_value() && messages_after_persist.empty() &&
         committed.empty() && read_states.empty() && reads_failed.empty() &&
         !soft_state.has_value() && !stepped_down.has_value() && !proposals_unknown.has_value() &&
         !install_snapshot.has_value() && need_snapshot.empty() && identity_conflicts.empty() &&
         !freshness.has_value() && !round_began.has_value() && !round_confirmed.has_value();
}

Ready Core::Impl::TakeReady() {
  if (auto* leader = std::get_if<Leader>(&role_)) FlushLeader(*leader);
  if (auto* follower = std::get_if<Follower>(&role_)) FlushFollower(*follower);
  FlushForwardedReads(leader());
  HandOutCommitted();
  HandOutPersist();
  ReportSoftState();
  log_.ShrinkMemory(options_.memory_log_bytes, std::min(disk_.durable(), log_.commit()));
  dirty_ = false;
  return std::exchange(out_, Ready());
}

HardState Core::Impl::CurrentHardState() const {
  return HardState{term_, kMutantVoteForgotten ? NodeId() : vote_, log_.commit()};
}

// What is committed but not yet durable here waits: the state machine never runs ahead of the log
// that would have to repeat it.
void Core::Impl::HandOutCommitted() {
  if (installing_.has_value()) return;
  const Index limit = std::min(log_.commit(), disk_.durable());
  while (log_.handed_out() < limit && backlog_bytes_ < options_.max_committed_bytes) {
    absl::StatusOr<std::vector<Entry>> entries = log_.Slice(
        log_.handed_out().Next(), limit.Next(), options_.max_committed_bytes - backlog_bytes_);
    if (!entries.ok()) return;  // asked again in a later turn
    size_t bytes = 0;
    for (const Entry& entry : *entries) bytes += EntryCost(entry);
    backlog_.push_back(Backlog{entries->back().index, bytes});
    backlog_bytes_ += bytes;
    log_.HandOutTo(entries->back().index);
    std::move(entries->begin(), entries->end(), std::back_inserter(out_.committed));
  }
}

void Core::Impl::Applied(Index index) {
  KEELSON_CHECK(index <= log_.handed_out(), "applied what was not handed out");
  if (index <= applied_) return;
  dirty_ = true;
  applied_ = index;
  while (!backlog_.empty() && backlog_.front().last <= index) {
    backlog_bytes_ -= backlog_.front().bytes;
    backlog_.pop_front();
  }
}

void Core::Impl::HandOutPersist() {
  const HardState hard = CurrentHardState();
  const HardState& handed = disk_.handed_hard();
  const bool promise = hard.term != handed.term || hard.vote != handed.vote;
  const bool entries = disk_.handed() < log_.last().index;
  const bool anything = entries || hard != handed;
  if (!anything && disk_.idle()) {
    // What they would wait for is durable already.
    std::move(out_.messages_after_persist.begin(), out_.messages_after_persist.end(),
              std::back_inserter(out_.messages));
    out_.messages_after_persist.clear();
  }
  if (!anything && out_.messages_after_persist.empty()) return;
  PersistBatch batch;
  if (hard != handed) batch.hard_state = hard;
  if (entries) {
    const Index first = disk_.handed().Next();
    absl::StatusOr<std::vector<Entry>> slice =
        log_.Slice(first, log_.last().index.Next(), SIZE_MAX);
    KEELSON_CHECK(slice.ok() && slice->back().id() == log_.last(),
                  "what is not durable is not in memory");
    batch.entries = *std::move(slice);
  }
  batch.must_sync = promise || entries;
  batch.seq = disk_.HandOut(log_.last().index, hard, batch.must_sync, now_);
  out_.persist = std::move(batch);
}

void Core::Impl::ReportSoftState() {
  const SoftState now{role(), leader(), term_};
  if (now == reported_) return;
  reported_ = now;
  out_.soft_state = now;
}

StateView Core::Impl::View() const {
  StateView view;
  view.id = id();
  view.role = role();
  view.leader = leader();
  view.hard = HardState{term_, vote_, log_.commit()};
  view.durable_hard = disk_.durable_hard();
  view.base = log_.base();
  view.last = log_.last();
  view.durable = disk_.durable();
  view.handed_out = log_.handed_out();
  view.applied = applied_;
  view.configuration_index = configs_.latest().index;
  view.configuration = configuration();
  view.memory_bytes = log_.memory_bytes();
  view.tail = log_.InMemoryTail(64);
  const auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return view;
  view.uncommitted_bytes = leader->uncommitted.bytes();
  view.commit_in_term = CommittedInTerm(*leader);
  if (leader->transfer.has_value()) view.transfer_target = leader->transfer->target;
  for (const auto& [peer_id, peer] : leader->peers) {
    view.peers.push_back(PeerStatus{.id = peer_id,
                                    .mode = peer.progress.mode(),
                                    .match = peer.progress.match(),
                                    .next = peer.progress.next(),
                                    .pending_snapshot = peer.progress.pending_snapshot(),
                                    .inflight_bytes = peer.progress.inflight_bytes(),
                                    .recently_active = HeardLately(peer),
                                    .learner = configuration().IsLearner(peer_id),
                                    .incarnation_seen = peer.incarnation_seen});
  }
  return view;
}

}  // namespace keelson::raft
