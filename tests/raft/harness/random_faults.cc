// What a random run does to the members: changes, crashes, cuts, pauses.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/raft/harness/random_run.h"

namespace keelson::raft::testing {

// The sequence of figure 3.7 in the thesis: leaders that leave little, or only a copy of their own,
// behind and come back.
void RandomRun::Unseat(uint64_t leader) {
  coverage_->Hit("unseated");
  if (Percent(50)) {
    cluster_.Drop([&](const Message& message) { return message.from == NodeId(leader); });
  }
  if (Percent(50)) cluster_.Persist(leader);
  switch (Draw(3)) {
    case 0:
      return Kill(leader, Percent(50));
    case 1:
      return cluster_.Isolate(leader);
    case 2:
      return Pause(leader);
  }
}

void RandomRun::Kill(uint64_t id, bool power_loss) {
  cluster_.Stop(id, Draw(3), power_loss);
  std::erase_if(needs_, [&](const Need& need) { return need.leader == id; });
  coverage_->Hit(power_loss ? "power loss" : "kill");
  if (Percent(30)) return cluster_.Start(id);
  stopped_.push_back(id);
}

void RandomRun::Compact(uint64_t id) {
  Member& member = cluster_.at(id);
  member.Flush();
  const Index applied = member.core().applied();
  const Index keep(Draw(2) == 0 ? 0 : Draw(8));
  if (member.installing() || applied <= keep) return;
  member.Compact(Index(applied - keep).Next());
  coverage_->Hit("compacted");
}

void RandomRun::ChangeMembership() {
  uint64_t leader = 0;
  for (uint64_t id : ids_) {
    if (cluster_.IsUp(id) && cluster_.core(id).IsLeader()) leader = id;
  }
  if (leader == 0) return;
  std::vector<ConfChange> changes;
  uint64_t joiner = 0;
  for (uint64_t n = 1 + Draw(3); n > 0; --n) {
    const ConfChangeType types[] = {ConfChangeType::kAddLearner,  ConfChangeType::kPromote,
                                    ConfChangeType::kPromote,     ConfChangeType::kRemove,
                                    ConfChangeType::kDemote,      ConfChangeType::kAddVoter,
                                    ConfChangeType::kUpdateMember};
    ConfChange change{.type = types[Draw(7)], .node = NodeId(AnyId()), .info = {.name = "n"}};
    const bool adds =
        change.type == ConfChangeType::kAddLearner || change.type == ConfChangeType::kAddVoter;
    if (adds && (joiner != 0 || ids_.size() >= 9)) continue;
    if (adds) change.node = NodeId(joiner = next_id_);
    changes.push_back(std::move(change));
  }
  if (changes.empty()) return;
  bool done = false;
  cluster_.at(leader).Do([&](Core& core) { done = core.ProposeConfChange(changes).ok(); });
  if (!done) return;
  coverage_->Hit(cluster_.core(leader).configuration().IsJoint() ? "joint change"
                                                                 : "simple change");
  if (joiner == 0) return;
  ids_.push_back(next_id_++);
  cluster_.Join(joiner);
}

void RandomRun::Break() {
  const uint64_t id = AnyMember();
  const int kind = static_cast<int>(Draw(12));
  if (id == 0) return;
  if (kind < knobs_.crash) {
    const bool power_loss = Percent(50);
    const bool all = power_loss && Percent(20);
    for (uint64_t victim : all ? ids_ : std::vector<uint64_t>{id}) {
      if (cluster_.IsUp(victim)) Kill(victim, power_loss);
    }
    return;
  }
  if (kind < 4 + knobs_.cut) {
    const uint64_t other = AnyId();
    cluster_.Cut(id, other);
    if (Percent(50)) cluster_.Cut(other, id);
    coverage_->Hit("cut");
    return;
  }
  Disturb(id);
}

void RandomRun::Disturb(uint64_t id) {
  Member& member = cluster_.at(id);
  const NodeId other(AnyId());
  switch (Draw(8)) {
    default:
      if (Percent(30)) Pause(id);
      break;
    case 0:
      member.Do([&](Core& core) { core.ConnectionClosed(other); });
      break;
    case 1:
      member.Do([&](Core& core) { core.PeerUnreachable(other); });
      break;
    case 2:
      member.reader_busy = Percent(50);
      break;
    case 3:
      member.defer_apply = Percent(50);
      break;
    case 4:
      if (Percent(70)) break;
      for (int i = 0; i < 30; ++i) cluster_.Tick(id);
      coverage_->Hit("jump in time");
      break;
    case 5:
      for (const Need& need : std::exchange(needs_, {})) {
        if (cluster_.IsUp(need.leader)) cluster_.SendSnapshot(need.leader, need.peer, Percent(70));
      }
      break;
  }
}

}  // namespace keelson::raft::testing
