// Membership changes by a leader (thesis 4.1-4.3): one at a time, in force when appended, joint
// where more than one voter differs.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/config_codec.h"
#include "raft/impl.h"

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
    const bool ready =
        found != leader.peers.end() && found->second.progress.mode() == ProgressMode::kReplicate &&
        found->second.progress.next() > log_.commit() &&
        now_ - found->second.heard_at < static_cast<uint64_t>(options_.election_ticks);
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

// An unknown incarnation is recorded as soon as its member was heard of (design D9).
void Core::Impl::RecordIncarnations(Leader& leader) {
  const bool may_change = CommittedInTerm(leader) && IsCommitted(configs_.latest()) &&
                          !configuration().IsJoint() && !leader.transfer.has_value();
  if (!options_.record_incarnations || !may_change) return;
  std::vector<ConfChange> changes;
  for (const auto& [member, info] : configuration().members) {
    if (info.incarnation != 0) continue;
    ConfChange change{.type = ConfChangeType::kSetIncarnation, .node = member};
    const auto found = leader.peers.find(member);
    if (member == id()) change.info.incarnation = options_.incarnation;
    if (found != leader.peers.end()) change.info.incarnation = found->second.incarnation_seen;
    if (change.info.incarnation != 0) changes.push_back(std::move(change));
  }
  if (changes.empty()) return;
  absl::StatusOr<Configuration> next = ApplyChanges(configuration(), changes);
  KEELSON_CHECK(next.ok(), "an unknown incarnation can be recorded");
  AppendConfiguration(leader, *std::move(next));
}

}  // namespace keelson::raft
