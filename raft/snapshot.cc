// Snapshots (thesis 5): who needs one, what becomes of an offered one, and compaction.
#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "raft/impl.h"

namespace keelson::raft {

absl::StatusOr<Message> Core::Impl::OfferSnapshot(NodeId peer, SnapshotMeta meta) {
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) {
    return RefusedStatus(Refusal::kNotLeader, "this member is not the leader", this->leader());
  }
  const auto found = leader->peers.find(peer);
  if (found == leader->peers.end()) return absl::NotFoundError("the peer is no member");
  Progress& progress = found->second.progress;
  if (progress.mode() != ProgressMode::kSnapshot) {
    return absl::FailedPreconditionError("the peer does not need a snapshot any more");
  }
  if (meta.last.index < log_.base().index || meta.last.index > log_.commit()) {
    return absl::FailedPreconditionError("the snapshot does not reach the log");
  }
  progress.SnapshotOffered(meta.last.index);
  return Make(peer, SnapshotOffer{std::move(meta)});
}

void Core::Impl::SnapshotSent(NodeId peer, bool ok) {
  dirty_ = true;
  auto* leader = std::get_if<Leader>(&role_);
  if (leader == nullptr) return;
  const auto found = leader->peers.find(peer);
  if (found != leader->peers.end()) found->second.progress.SnapshotEnded(ok);
}

void Core::Impl::Handle(NodeId from, Term term, const SnapshotOffer& offer) {
  Follower* follower = Follow(from);
  const EntryId last = offer.meta.last;
  const bool sane = last.term <= term && !last.term.IsNone() &&
                    offer.meta.configuration_index <= last.index &&
                    ValidateConfiguration(offer.meta.configuration).ok() &&
                    !offer.meta.configuration.voters.empty();
  if (follower == nullptr || !sane || installing_.has_value()) return;
  const absl::StatusOr<Term> here = log_.TermAt(last.index);
  const bool unknown = !here.ok() && !absl::IsOutOfRange(here.status());
  if (last.index > log_.commit() && unknown) return;
  if (last.index > log_.commit() && (!here.ok() || *here != last.term)) {
    installing_ = offer.meta;
    out_.install_snapshot = offer.meta;
    return;
  }
  // Old news, or the log has it all anyway: say what is here.
  CommitAsFollower(last.index);
  follower->verified = std::max(follower->verified, log_.commit());
  follower->acked = Index();
  follower->ack_due = true;
}

void Core::Impl::SnapshotInstalled(const SnapshotMeta& meta) {
  KEELSON_CHECK(installing_.has_value() && *installing_ == meta, "no such snapshot was asked for");
  KEELSON_CHECK(meta.last.index > log_.commit(), "commit moved while a snapshot was installed");
  dirty_ = true;
  installing_.reset();
  log_.Reset(meta.last);
  disk_.Reset(meta.last.index);
  configs_.Reset(ConfigHistory::At{meta.configuration_index, meta.configuration});
  applied_ = meta.last.index;
  backlog_.clear();
  backlog_bytes_ = 0;
  auto* follower = std::get_if<Follower>(&role_);
  KEELSON_CHECK(follower != nullptr, "only a follower installs a snapshot");
  follower->verified = meta.last.index;
  follower->acked = Index();
  follower->ack_due = true;
}

void Core::Impl::SnapshotInstallFailed() {
  KEELSON_CHECK(installing_.has_value(), "no snapshot was asked for");
  dirty_ = true;
  installing_.reset();
}

absl::Status Core::Impl::Compact(Index first_kept) {
  KEELSON_CHECK(!first_kept.IsNone() && first_kept <= applied_.Next(),
                "entries not yet applied would be dropped");
  dirty_ = true;
  if (first_kept <= log_.first_index()) return absl::OkStatus();
  const absl::StatusOr<Term> term = log_.TermAt(first_kept.Prev());
  if (!term.ok()) return term.status();
  log_.Compact(EntryId{*term, first_kept.Prev()});
  return absl::OkStatus();
}

}  // namespace keelson::raft
