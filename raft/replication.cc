// What a leader sends in a turn: everything that was appended since the last one in as few messages
// as fit, with the read nonce on them; heartbeats where no message went or one is due.
#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "raft/impl.h"

namespace keelson::raft {

void Core::Impl::FlushLeader(Leader& leader) {
  if (leader.record_due) RecordIncarnations(leader);
  if (CommittedInTerm(leader)) BeginRound(leader);
  const ReadNonce nonce = leader.reads.Current();
  for (auto& [peer_id, peer] : leader.peers) {
    const bool sent = FlushPeer(leader, peer_id, peer);
    const bool nonce_sent = sent && !nonce.IsNone();
    const bool nonce_due = leader.round_began && !nonce_sent && configuration().IsVoter(peer_id);
    // Not with the next heartbeat: the stamp would be older by that time.
    const bool echo_due = leader.echo_due && !sent && !peer.freshness.confirmed.stamp.IsNone();
    if (leader.heartbeat_due || nonce_due || echo_due) SendHeartbeat(leader, peer_id, peer);
  }
  leader.heartbeat_due = false;
  leader.echo_due = false;
  leader.round_began = false;
  DropLeavingPeers(leader);
  if (!leader.resign) return;
  // Its removal is committed and the others were told so above; the furthest one takes over.
  const NodeId successor = FurthestVoter(leader);
  if (!successor.IsNone()) Send(successor, TimeoutNow{});
  BecomeFollower(term_, NodeId(), StepDown::kRemoved);
}

bool Core::Impl::FlushPeer(Leader& leader, NodeId id, Peer& peer) {
  bool sent = false;
  Progress& progress = peer.progress;
  const bool heard = HeardLately(peer);
  // A silent peer is only probed, without entries: nothing piles up for it.
  if (!heard) progress.Unreachable();
  while (progress.MaySend(options_.inflight_bytes, options_.max_inflight_messages)) {
    const bool streaming = progress.mode() == ProgressMode::kReplicate;
    if (streaming && progress.next() > log_.last().index) break;
    const bool from_disk = progress.next() < log_.memory_first();
    if (!SendAppend(leader, id, peer, heard)) break;
    sent = true;
    if (from_disk) break;  // a turn stays short; the answer brings the next one
  }
  if (progress.mode() != ProgressMode::kReplicate || sent) return sent;
  if (peer.commit_sent >= log_.commit() && !peer.verify_due) return false;
  return SendAppend(leader, id, peer, false);
}

bool Core::Impl::SendAppend(Leader& leader, NodeId id, Peer& peer, bool with_entries) {
  Progress& progress = peer.progress;
  const Index next = progress.next();
  const absl::StatusOr<Term> term = log_.TermAt(next.Prev());
  absl::StatusOr<std::vector<Entry>> entries = std::vector<Entry>();
  if (term.ok() && with_entries && next <= log_.last().index) {
    entries = log_.Slice(next, log_.last().index.Next(), options_.max_message_bytes);
  }
  const absl::Status& status = term.ok() ? entries.status() : term.status();
  if (absl::IsUnavailable(status)) return false;
  if (!status.ok()) {
    NeedSnapshot(id, peer);
    return false;
  }
  size_t bytes = 0;
  for (const Entry& entry : *entries) bytes += EntryCost(entry);
  const Index last = entries->empty() ? next.Prev() : entries->back().index;
  Send(id, AppendRequest{.prev = EntryId{*term, next.Prev()},
                         .entries = *std::move(entries),
                         .commit = log_.commit(),
                         .read = leader.reads.Current(),
                         .echo = peer.freshness.confirmed});
  progress.Sent(last, bytes);
  peer.commit_sent = log_.commit();
  peer.verify_due = false;
  return true;
}

// A peer that can't be heard can't receive a snapshot either: told once it answers again.
void Core::Impl::NeedSnapshot(NodeId id, Peer& peer) {
  if (!HeardLately(peer)) return;
  peer.progress.NeedSnapshot();
  out_.need_snapshot.push_back(SnapshotNeed{id, log_.base().index});
}

void Core::Impl::SendHeartbeat(Leader& leader, NodeId id, const Peer& peer) {
  Send(id, Heartbeat{.commit = std::min(peer.progress.match(), log_.commit()),
                     .read = leader.reads.Current(),
                     .echo = peer.freshness.confirmed});
}

// Members that the configuration drops learn of it before they are forgotten, so that they stop by
// themselves instead of campaigning.
void Core::Impl::DropLeavingPeers(Leader& leader) {
  absl::erase_if(leader.peers, [&](const auto& entry) {
    const Peer& peer = entry.second;
    if (peer.leaves_at.IsNone()) return false;
    const bool knows = log_.commit() >= peer.leaves_at && peer.commit_sent >= peer.leaves_at &&
                       peer.progress.match() >= peer.leaves_at;
    return knows || now_ >= peer.leaves_until;
  });
}

}  // namespace keelson::raft
