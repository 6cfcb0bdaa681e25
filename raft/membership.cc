// Membership changes by a leader (thesis 4.1-4.3): one at a time, in force when appended, joint
// where more than one voter differs.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/config_codec.h"
#include "raft/impl.h"
#include "raft/mutants.h"

namespace keelson::raft {

absl::StatusOr<EntryId> Core::Impl::ProposeConfChange(absl::Span<const ConfChange> changes) {
  auto* leader = std::get_if<Leader>(&role_);
  if (absl::Status status = CheckProposal(leader, 0); !status.ok()) return status;
  if (!CommittedInTerm(*leader)) {
    return RefusedStatus(Refusal::kNoCommitInTerm,
                         "the leader is new and has committed nothing yet; try again");
  }
  if (!IsCommitted(configs_.latest()) || configuration().IsJoint()) {
    return RefusedStatus(Refusal::kChangePending,
                         "an earlier membership change is not complete; try again");
  }
  absl::StatusOr<Configuration> next = ApplyChanges(configuration(), changes);
  if (!next.ok()) {
    return RefusedStatus(Refusal::kInvalidChange, next.status().code(), next.status().message());
  }
  if (absl::Status status = CheckPromotions(*leader, changes); !status.ok()) return status;
  dirty_ = true;
  return AppendConfiguration(*leader, *std::move(next));
}

// A learner is caught up when all that is committed has been sent to it and what it has not yet
// acknowledged fits into one window (thesis 4.2.1, with the window for the rounds).
absl::Status Core::Impl::CheckPromotions(const Leader& leader,
                                         absl::Span<const ConfChange> changes) const {
  for (const ConfChange& change : changes) {
    if (change.type != ConfChangeType::kPromote) continue;
    const auto found = leader.peers.find(change.node);
    const bool ready = found != leader.peers.end() &&
                       found->second.progress.mode() == ProgressMode::kReplicate &&
                       found->second.progress.next() > log_.commit() && HeardLately(found->second);
    if (ready) continue;
    return RefusedStatus(Refusal::kLearnerNotReady,
                         "the learner to promote is not in sync with the leader; try again later");
  }
  return absl::OkStatus();
}

EntryId Core::Impl::AppendConfiguration(Leader& leader, Configuration next) {
  auto payload = std::make_shared<const std::string>(EncodeConfiguration(next));
  const EntryId entry = AppendAsLeader(leader, EntryType::kConfig, std::move(payload));
  configs_.Append(entry.index, std::move(next));
  SyncPeers(leader);
  MaybeCommit(leader);
  return entry;
}

void Core::Impl::SyncPeers(Leader& leader) {
  const Configuration& config = configuration();
  for (const auto& [member, info] : config.members) {
    if (member != id()) leader.peers.try_emplace(member, log_.last().index.Next(), now_);
  }
  for (auto& [peer_id, peer] : leader.peers) {
    if (config.IsMember(peer_id) || !peer.leaves_at.IsNone()) continue;
    peer.leaves_at = configs_.latest().index;
    peer.leaves_until = now_ + 2 * static_cast<uint64_t>(options_.election_ticks);
  }
}

// Called whenever the commit index of a leader moved: it goes on with a change that it, or a leader
// before it, began.
void Core::Impl::AfterConfigurationCommit(Leader& leader) {
  if (!IsCommitted(configs_.latest()) || !CommittedInTerm(leader)) return;
  if (configuration().IsJoint()) {
    if (configuration().auto_leave) AppendConfiguration(leader, LeaveJoint(configuration()));
    return;
  }
  if (!configuration().voters.contains(id())) leader.resign = true;
}

// An unknown incarnation is recorded as soon as its member was heard of (design D9), before
// anything that its acknowledgements could commit.
void Core::Impl::RecordIncarnations(Leader& leader) {
  if (!options_.record_incarnations || leader.transfer.has_value()) return;
  leader.record_due = false;
  absl::btree_map<NodeId, uint64_t> heard = {{id(), options_.incarnation}};
  for (const auto& [peer_id, peer] : leader.peers) {
    if (peer.incarnation_seen != 0) heard[peer_id] = peer.incarnation_seen;
  }
  Configuration next = WithIncarnations(configuration(), heard);
  if (next != configuration()) AppendConfiguration(leader, std::move(next));
}

// Whether what a voter holds counts. Its disk must be told from an empty successor by whoever may
// lead next: by a committed configuration, or by one that every voter has that is there to lead.
bool Core::Impl::IsVouchedFor(const Leader& leader, NodeId voter) const {
  if (!options_.record_incarnations || kMutantUnknownDiskCounts) return true;
  if (configs_.committed().configuration.IncarnationOf(voter) != 0) return true;
  if (configuration().IncarnationOf(voter) == 0) return false;
  const Index record = std::max(configs_.latest().index, leader.term_start);
  const auto holds = [&](NodeId other) {
    if (other == id()) return disk_.durable() >= record;
    const auto found = leader.peers.find(other);
    return found == leader.peers.end() || !HeardLately(found->second) ||
           found->second.progress.match() >= record;
  };
  const Configuration& now = configuration();
  return std::all_of(now.voters.begin(), now.voters.end(), holds) &&
         std::all_of(now.outgoing.begin(), now.outgoing.end(), holds);
}

}  // namespace keelson::raft
