#include "tests/sim/ledger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "raft/invariants.h"
#include "raft/quorum.h"

namespace keelson::sim {

void Ledger::OnStart(const std::string& name, const raft::Core& core) {
  const raft::StateView view = core.View();
  seen_committed_.erase(core.id());
  CheckView(name, view);
  CheckCommitted(name, view, raft::Index());
  CheckMembership(name, core);
  NoteInForce(core);
}

void Ledger::OnTurn(const std::string& name, const raft::Core& core, const raft::StateView& before,
                    const raft::StateView& now) {
  CheckView(name, now);
  if (absl::Status status = raft::CheckTransition(before, now); !status.ok()) {
    truth_.Violated(absl::StrCat(name, ": ", status.ToString()));
  }
  if (now.hard.commit > before.hard.commit) CheckCommitted(name, now, before.hard.commit);
  const bool leads = now.role == raft::RoleKind::kLeader;
  const bool led = before.role == raft::RoleKind::kLeader;
  if (leads && (!led || before.hard.term != now.hard.term)) CheckNewLeader(name, now);
  if (now.last.index < before.last.index) count_("entries cut from a log");
  CheckMembership(name, core);
  NoteInForce(core);
}

void Ledger::CheckView(const std::string& name, const raft::StateView& view) const {
  const absl::Status status = raft::CheckState(view);
  if (!status.ok()) truth_.Violated(absl::StrCat(name, ": ", status.ToString()));
}

void Ledger::CheckCommitted(const std::string& name, const raft::StateView& view,
                            raft::Index after) {
  for (const raft::EntryId& id : view.tail) {
    if (id.index <= after || id.index > view.hard.commit) continue;
    if (committed_.size() <= id.index.value()) committed_.resize(id.index.value() + 1);
    raft::Term& known = committed_[id.index.value()];
    if (known.IsNone()) known = id.term;
    if (known == id.term) continue;
    truth_.Violated(absl::StrCat(name, " committed entry ", id.index.value(), " of term ",
                                 id.term.value(), " where one of term ", known.value(),
                                 " was committed before"));
  }
}

void Ledger::CheckNewLeader(const std::string& name, const raft::StateView& view) {
  const auto [found, is_new] = leaders_.emplace(view.hard.term, view.id);
  if (found->second != view.id) {
    truth_.Violated(absl::StrCat("two leaders in term ", view.hard.term.value()));
  }
  count_("leaders elected");
  const bool inherits = std::any_of(view.tail.begin(), view.tail.end(), [&](const auto& id) {
    return id.index > view.hard.commit && id.term < view.hard.term;
  });
  if (inherits) count_("leaders with uncommitted entries of earlier terms");
  // One that wins late may lack what a leader of a later term has committed.
  if (leaders_.rbegin()->first > view.hard.term) return count_("leaders of a past term");
  if (view.last.index.value() + 1 < committed_.size()) {
    truth_.Violated(absl::StrCat("leader ", name, " of term ", view.hard.term.value(),
                                 " ends at entry ", view.last.index.value(),
                                 " although more is committed"));
  }
  for (const raft::EntryId& id : view.tail) {
    if (id.index.value() >= committed_.size()) break;
    const raft::Term known = committed_[id.index.value()];
    if (known.IsNone() || known == id.term) continue;
    truth_.Violated(absl::StrCat("leader ", name, " of term ", view.hard.term.value(),
                                 " lacks the committed entry ", id.index.value()));
  }
}

void Ledger::CheckMembership(const std::string& name, const raft::Core& core) {
  const raft::Index index = core.committed_configuration_index();
  const auto [seen, first] = seen_committed_.try_emplace(core.id(), index);
  if (!first && std::exchange(seen->second, index) == index) return;
  const auto [found, is_new] = memberships_.try_emplace(index, core.committed_configuration());
  if (!is_new) {
    if (found->second != core.committed_configuration() && !index.IsNone()) {
      truth_.Violated(absl::StrCat(name, " has another membership as of entry ", index.value(),
                                   " than was committed before"));
    }
    return;
  }
  if (index < membership_index_) return;
  CountChange(membership_, found->second);
  membership_ = found->second;
  membership_index_ = index;
  std::erase_if(in_force_, [index](const Version& version) { return version.index < index; });
}

void Ledger::NoteInForce(const raft::Core& core) {
  const raft::Index index = core.configuration_index();
  if (std::exchange(seen_in_force_[core.id()], index) == index || index < membership_index_) return;
  const auto same = [&](const Version& version) {
    return version.index == index && version.configuration == core.configuration();
  };
  if (std::none_of(in_force_.begin(), in_force_.end(), same)) {
    in_force_.push_back({index, core.configuration()});
  }
}

bool Ledger::Decide(const std::function<bool(raft::NodeId)>& holds) const {
  if (!raft::HasQuorum(membership_, holds)) return false;
  return std::all_of(in_force_.begin(), in_force_.end(), [&](const Version& version) {
    return raft::HasQuorum(version.configuration, holds);
  });
}

void Ledger::CountChange(const raft::Configuration& before, const raft::Configuration& after) {
  if (before.voters.empty()) return;
  if (after.IsJoint()) count_("joint memberships entered");
  if (before.IsJoint() && !after.IsJoint()) count_("joint memberships left");
  for (const raft::NodeId id : after.learners) {
    if (!before.IsMember(id)) count_("learners added");
    if (before.IsVoter(id)) count_("voters demoted");
  }
  for (const raft::NodeId id : after.voters) {
    if (before.IsLearner(id)) count_("learners promoted");
    if (!before.IsMember(id)) count_("voters added");
  }
  for (const auto& [id, info] : before.members) {
    if (!after.IsMember(id)) count_(before.IsLearner(id) ? "learners removed" : "voters removed");
  }
}

}  // namespace keelson::sim
