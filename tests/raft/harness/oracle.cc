#include "tests/raft/harness/oracle.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace keelson::raft::testing {

Member::Hooks Oracle::Hooks() {
  Member::Hooks hooks;
  hooks.applied = [this](const Member& member, const Entry& entry) { Applied(member, entry); };
  hooks.became_leader = [this](const Member& member) { BecameLeader(member); };
  hooks.broken = broken_;
  return hooks;
}

void Oracle::BecameLeader(const Member& member) {
  const Core& core = member.core();
  const auto [found, is_new] = leader_of_.try_emplace(core.term(), member.id());
  if (!is_new) {
    broken_(absl::StrCat("election safety: ", found->second.value(), " and ", member.id().value(),
                         " lead term ", core.term().value()));
  }
  const Image log = member.LogNow();
  for (const auto& [index, id] : committed_) {
    // A candidate of an earlier term may still win it, late, without what was committed since.
    if (index <= log.base.index || committed_by_.at(index) >= core.term()) continue;
    const Entry* const entry = log.Find(index);
    if (entry != nullptr && entry->id() == id) continue;
    broken_(absl::StrCat("leader completeness: leader ", member.id().value(), " of term ",
                         core.term().value(), " lacks entry ", index.value()));
    return;
  }
}

void Oracle::Applied(const Member& member, const Entry& entry) {
  committed_by_.try_emplace(entry.index, member.core().term());
  acknowledged_ = std::max(acknowledged_, entry.index);
  const auto [found, is_new] = committed_.try_emplace(entry.index, entry.id());
  const auto [checksum, same] = checksum_.try_emplace(entry.index, entry.checksum);
  if (found->second == entry.id() && checksum->second == entry.checksum) return;
  broken_(absl::StrCat("state machine safety: entry ", entry.index.value(), " is of term ",
                       found->second.term.value(), " and of term ", entry.term.value()));
}

void Oracle::ReadServed(Index asked_at, Index index) {
  if (index >= asked_at) return;
  broken_(absl::StrCat("a read at ", index.value(), " misses the write at ", asked_at.value()));
}

void Oracle::CheckLogsMatch(const Member& a, const Member& b) {
  const Image left = a.LogNow();
  const Image right = b.LogNow();
  bool agree = false;
  for (Index i = std::min(left.last().index, right.last().index); !i.IsNone(); i = i.Prev()) {
    const Entry* const x = left.Find(i);
    const Entry* const y = right.Find(i);
    if (x == nullptr || y == nullptr) return;
    const bool same = x->id() == y->id() && x->checksum == y->checksum;
    if (agree && !same) {
      broken_(absl::StrCat("log matching: ", a.id().value(), " and ", b.id().value(),
                           " differ before an entry they share, at ", i.value()));
      return;
    }
    if (x->id() == y->id() && !same) broken_("log matching: one id, two contents");
    agree = agree || same;
  }
}

}  // namespace keelson::raft::testing
