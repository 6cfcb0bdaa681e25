#include "tests/sim/lost_entry.h"

#include <algorithm>

namespace keelson::sim {
namespace {

constexpr Duration kPatience = std::chrono::seconds(12);

}  // namespace

void LostEntry::Start() {
  first_ = cluster_.Leader();
  const raft::Configuration& membership = cluster_.ledger().membership();
  if (running() || first_ == nullptr || first_->paused() || membership.IsJoint() ||
      membership.voters.size() < 3 || !membership.IsVoter(first_->id())) {
    return;
  }
  step_ = Step::kSecond;
  followers_.clear();
  reached_.clear();
  CutOff(first_->id());
  cluster_.world().After(kPatience, [this, run = ++runs_] {
    if (running() && run == runs_) End();
  });
}

void LostEntry::OnElected(SimMember& leader) {
  switch (step_) {
    case Step::kIdle:
      return;
    case Step::kSecond:
      return &leader == first_ ? End() : OnSecond(leader);
    case Step::kReturn:
      if (&leader != first_) return End();
      return_ = leader.node().core().term();
      step_ = Step::kSpread;
      return;
    case Step::kSpread:
      return End();
    case Step::kLose:
      if (&leader == second_) cluster_.Count("entries lost that a majority had held");
      return End();
  }
}

// Its first entry stays its own; so did one of the first leader's.
void LostEntry::OnSecond(SimMember& leader) {
  second_ = &leader;
  entry_ = leader.node().core().View().last.index;
  const raft::NodeSet& voters = cluster_.ledger().membership().voters;
  const bool both = first_->up() && first_->node().core().View().last.index >= entry_;
  if (!both || !voters.contains(leader.id())) return End();
  CutOff(leader.id());
  for (const raft::NodeId voter : voters) {
    if (voter == first_->id() || voter == leader.id()) continue;
    if (followers_.size() < voters.size() / 2) {
      followers_.insert(voter);
    } else {
      CutOff(voter);
    }
  }
  ComeBack(first_->id());
  step_ = Step::kReturn;
}

void LostEntry::OnTurn(SimMember& member, const raft::StateView& now) {
  if (step_ != Step::kSpread || now.hard.term != return_) return;
  if (&member == first_) return LoseIfHeld(now);
  if (followers_.contains(member.id())) Spread(now);
}

void LostEntry::Spread(const raft::StateView& now) {
  if (now.last.index < entry_ || reached_.contains(now.id)) return;
  if (now.last.term == return_) return End();  // with the new term's entry it is safe
  reached_.insert(now.id);
  muted_.emplace_back(first_->id(), now.id);
  cluster_.network().Cut(first_->id(), now.id);
}

void LostEntry::LoseIfHeld(const raft::StateView& now) {
  const auto has = [this](const raft::PeerStatus& peer) {
    return followers_.contains(peer.id) && peer.match >= entry_;
  };
  const auto holders = std::count_if(now.peers.begin(), now.peers.end(), has);
  if (reached_.size() < followers_.size() || now.durable < entry_) return;
  if (static_cast<size_t>(holders) < followers_.size()) return;
  cluster_.Count("entries of an old term that a majority held");
  CutOff(first_->id());
  ComeBack(second_->id());
  step_ = Step::kLose;
}

void LostEntry::CutOff(raft::NodeId member) {
  Links& links = cut_off_[member];
  for (const auto& other : cluster_.members()) {
    if (other->id() == member) continue;
    links.emplace_back(member, other->id());
    links.emplace_back(other->id(), member);
  }
  for (const auto& [from, to] : links) cluster_.network().Cut(from, to);
}

void LostEntry::ComeBack(raft::NodeId member) {
  const auto found = cut_off_.find(member);
  if (found == cut_off_.end()) return;
  for (const auto& [from, to] : found->second) cluster_.network().Restore(from, to);
  cut_off_.erase(found);
}

void LostEntry::End() {
  step_ = Step::kIdle;
  while (!cut_off_.empty()) ComeBack(cut_off_.begin()->first);
  for (const auto& [from, to] : std::exchange(muted_, {})) cluster_.network().Restore(from, to);
}

}  // namespace keelson::sim
