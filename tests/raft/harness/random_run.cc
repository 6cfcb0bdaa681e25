#include "tests/raft/harness/random_run.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace keelson::raft::testing {
namespace {

std::vector<uint64_t> FirstIds(int count) {
  std::vector<uint64_t> ids;
  for (int i = 1; i <= count; ++i) ids.push_back(static_cast<uint64_t>(i));
  return ids;
}

Options RandomOptions(std::mt19937_64& random, bool churn) {
  Options options = Cluster::DefaultOptions();
  options.random = [&random](uint64_t bound) { return random() % bound; };
  options.election_ticks = 6 + static_cast<int>(random() % 10);
  options.heartbeat_ticks = 1 + static_cast<int>(random() % 3);
  const bool small = random() % 2 == 0;
  options.max_message_bytes = small ? 70 + random() % 130 : 4096;
  options.inflight_bytes = small ? 400 : 1 << 16;
  options.max_inflight_messages = small ? 4 : 64;
  options.memory_log_bytes = small ? 300 : 1 << 16;
  options.max_committed_bytes = small ? 300 : 1 << 16;
  options.max_uncommitted_bytes = small ? 1500 : 1 << 20;
  options.record_incarnations = random() % 2 == 0;
  options.pre_vote = random() % 4 != 0;
  if (churn) {
    // Many short terms, and appends that carry one entry each.
    options.election_ticks = 3;
    options.heartbeat_ticks = 1;
    options.max_message_bytes = 1;
  }
  return options;
}

}  // namespace

RandomRun::RandomRun(uint64_t seed, Coverage* coverage)
    : random_(seed),
      knobs_{.members = static_cast<int>(Draw(10) == 0 ? 1 : 3 + 2 * Draw(2)),
             .drop = static_cast<int>(Draw(3) * 8),
             .duplicate = static_cast<int>(Draw(3) * 5),
             .crash = static_cast<int>(Draw(4)),
             .cut = static_cast<int>(Draw(4)),
             .change = static_cast<int>(Draw(4)),
             .compact = static_cast<int>(Draw(6)),
             .churn = Draw(4) == 0},
      coverage_(coverage),
      ids_(FirstIds(knobs_.members)),
      next_id_(static_cast<uint64_t>(knobs_.members) + 1),
      cluster_(ids_, {}, RandomOptions(random_, knobs_.churn), [this](const std::string& what) {
        if (violation_.empty()) violation_ = what;
      }) {}

uint64_t RandomRun::Draw(uint64_t bound) { return random_() % bound; }
uint64_t RandomRun::AnyId() { return ids_[Draw(ids_.size())]; }

// A running one; 0 if there is none.
uint64_t RandomRun::AnyMember() {
  for (int i = 0; i < 20; ++i) {
    const uint64_t id = AnyId();
    if (cluster_.IsUp(id) && !IsPaused(id)) return id;
  }
  return 0;
}

void RandomRun::Pause(uint64_t id) {
  paused_until_[id] = step_ + 300 + static_cast<int>(Draw(2500));
  coverage_->Hit("pause");
}

// A process goes on where it stood: a leader may not know yet that it was replaced, and finds old
// answers among its messages.
void RandomRun::Wake() {
  for (uint64_t id : ids_) {
    const auto doomed = doomed_at_.find(id);
    if (doomed != doomed_at_.end() && step_ >= doomed->second) {
      doomed_at_.erase(doomed);
      if (cluster_.IsUp(id) && cluster_.core(id).IsLeader()) Unseat(id);
    }
    if (!IsPaused(id) || step_ < paused_until_[id]) continue;
    paused_until_.erase(id);
    if (!cluster_.IsUp(id) || !cluster_.core(id).IsLeader()) continue;
    AskRead(id);
    TakeTurn(id);
  }
}

void RandomRun::AskRead(uint64_t id) {
  asked_at_[++next_context_] = cluster_.oracle().acknowledged();
  cluster_.at(id).Do([&](Core& core) { core.RequestRead(next_context_); });
}

std::string RandomRun::Execute(int steps) {
  for (step_ = 0; step_ < steps && violation_.empty(); ++step_) Act();
  if (violation_.empty()) HealAndConverge();
  coverage_->Hit("leaders", cluster_.oracle().leaders());
  coverage_->Hit("committed", cluster_.oracle().committed().size());
  return violation_;
}

void RandomRun::Act() {
  Wake();
  if (Draw(knobs_.churn ? 150 : 600) == 0) cluster_.Heal();
  if (!stopped_.empty() && Draw(knobs_.churn ? 60 : 200) == 0) {
    cluster_.Start(stopped_.back());
    stopped_.pop_back();
  }
  const uint64_t kind = Draw(1000);
  if (kind < 400) return MoveMessages();
  if (kind < 910) return MoveMember();
  if (kind < 985) return Use();
  Break();
}

void RandomRun::MoveMessages() {
  std::vector<Message>& network = cluster_.network();
  for (uint64_t burst = Draw(6); burst > 0 && !network.empty(); --burst) {
    // Mostly in order, sometimes not.
    const size_t at = Percent(70) ? 0 : Draw(network.size());
    Message message = network[at];
    if (IsPaused(message.to.value())) continue;
    const bool keep = Percent(knobs_.duplicate);
    if (!keep) network.erase(network.begin() + static_cast<ptrdiff_t>(at));
    if (keep) coverage_->Hit("duplicated");
    if (Percent(knobs_.drop)) {
      coverage_->Hit("dropped");
      continue;
    }
    cluster_.Step(std::move(message));
  }
  while (network.size() > 300) {
    network.erase(network.begin() + static_cast<ptrdiff_t>(Draw(network.size())));
  }
}

void RandomRun::TakeTurn(uint64_t id) {
  const size_t before = cluster_.seen(id).snapshot_needs.size();
  const Ready ready = cluster_.Turn(id);
  const std::vector<SnapshotNeed>& all = cluster_.seen(id).snapshot_needs;
  for (size_t i = before; i < all.size(); ++i) needs_.push_back(Need{id, all[i].peer});
  const bool elected = ready.soft_state.has_value() && ready.soft_state->role == RoleKind::kLeader;
  if (elected && knobs_.churn && Percent(70)) {
    const Index last = cluster_.core(id).last().index;
    for (uint64_t n = Draw(3); n > 0; --n) {
      cluster_.at(id).Do(
          [&](Core& core) { core.Propose(std::string(Draw(60), 'y')).IgnoreError(); });
    }
    if (last < cluster_.core(id).last().index) cluster_.Turn(id);
    doomed_at_[id] = step_ + static_cast<int>(Draw(2) * Draw(300));
  }
  if (ready.stepped_down.has_value()) {
    coverage_->Hit(absl::StrCat("stepped down: ", std::string(Name(*ready.stepped_down))));
  }
  if (ready.proposals_unknown.has_value()) coverage_->Hit("proposals unknown");
  if (ready.install_snapshot.has_value()) coverage_->Hit("snapshot to install");
  CheckReads(id);
}

void RandomRun::CheckReads(uint64_t id) {
  Observed& seen = cluster_.seen(id);
  for (const ReadState& read : seen.reads) {
    const auto found = asked_at_.find(read.context);
    if (found == asked_at_.end()) {
      violation_ = "a read was answered twice";
      return;
    }
    cluster_.oracle().ReadServed(found->second, read.index);
    asked_at_.erase(found);
    coverage_->Hit("reads served");
  }
  for (uint64_t context : seen.reads_failed) {
    if (asked_at_.erase(context) == 0) violation_ = "a read failed after it was answered";
    coverage_->Hit("reads failed");
  }
  seen.reads.clear();
  seen.reads_failed.clear();
}

void RandomRun::MoveMember() {
  const uint64_t id = AnyMember();
  if (id == 0) return;
  Member& member = cluster_.at(id);
  switch (Draw(8)) {
    case 0:
      cluster_.Tick(id);
      break;
    case 1:
    case 2:
      TakeTurn(id);
      break;
    case 3:
    case 4:
      if (member.installing()) {
        member.Install();
      } else {
        cluster_.Persist(id, 1 + Draw(3));
      }
      break;
    default:
      if (member.defer_apply) member.ApplyQueued();
      if (member.HasReady()) TakeTurn(id);  // may end the process
      break;
  }
}

void RandomRun::Use() {
  const uint64_t id = AnyMember();
  if (id == 0) return;
  Member& member = cluster_.at(id);
  switch (Draw(10)) {
    default:
      for (uint64_t n = 1 + Draw(4); n > 0; --n) {
        member.Do([&](Core& core) {
          if (core.Propose(std::string(Draw(60), 'x')).ok()) coverage_->Hit("proposed");
        });
      }
      break;
    case 0:
    case 1:
    case 2:
      AskRead(id);
      break;
    case 3:
      if (static_cast<int>(Draw(4)) < knobs_.change) ChangeMembership();
      break;
    case 4:
      if (Percent(30)) {
        const NodeId target(AnyId());
        member.Do([&](Core& core) {
          if (core.TransferLeadership(target).ok()) coverage_->Hit("transfer");
        });
      }
      break;
    case 5:
      if (static_cast<int>(Draw(6)) < knobs_.compact) Compact(id);
      break;
  }
}

std::string RandomRun::Summary() {
  std::ostringstream out;
  for (uint64_t id : ids_) {
    const StateView view = cluster_.core(id).View();
    out << id << " " << Name(view.role) << " of " << view.leader << " term " << view.hard.term
        << " vote " << view.hard.vote << " base " << view.base << " last " << view.last
        << " commit " << view.hard.commit << " durable " << view.durable << " applied "
        << view.applied << " @" << view.configuration_index << " " << Describe(view.configuration);
    for (const PeerStatus& peer : view.peers) {
      out << "; " << peer.id << " " << Name(peer.mode) << " match " << peer.match << " next "
          << peer.next << " inflight " << peer.inflight_bytes
          << (peer.recently_active ? "" : " silent");
    }
    out << "\n";
  }
  return out.str();
}

void RandomRun::HealAndConverge() {
  cluster_.Heal();
  for (uint64_t id : std::exchange(stopped_, {})) cluster_.Start(id);
  for (uint64_t id : ids_) {
    cluster_.at(id).reader_busy = false;
    cluster_.at(id).defer_apply = false;
    cluster_.at(id).ApplyQueued();
  }
  for (const Need& need : std::exchange(needs_, {})) cluster_.SendSnapshot(need.leader, need.peer);
  uint64_t leader = 0;
  for (int i = 0; i < 300 && violation_.empty(); ++i) {
    cluster_.Run(1);
    for (uint64_t id : ids_) CheckReads(id);
    leader = 0;
    for (uint64_t id : ids_) {
      const bool leads = cluster_.core(id).IsLeader() && cluster_.core(id).HasQuorumContact();
      if (leads && (leader == 0 || cluster_.core(id).term() > cluster_.core(leader).term())) {
        leader = id;
      }
    }
    if (i >= 150 && leader != 0 && !cluster_.core(leader).configuration().IsJoint()) break;
  }
  if (!violation_.empty()) return;
  if (leader == 0) {
    violation_ = "no leader after everything was healed\n" + Summary();
    return;
  }
  const Index goal = cluster_.Write(leader, "the end").index;
  cluster_.Run(60);
  for (uint64_t id : ids_) CheckReads(id);
  for (const auto& [member, info] : cluster_.core(leader).configuration().members) {
    if (cluster_.core(member.value()).applied() >= goal) continue;
    violation_ =
        absl::StrCat("member ", member.value(), " never caught up with ", leader, "\n", Summary());
  }
  for (uint64_t a : ids_) {
    for (uint64_t b : ids_) cluster_.oracle().CheckLogsMatch(cluster_.at(a), cluster_.at(b));
  }
  if (!asked_at_.empty()) coverage_->Hit("reads lost in a crash", asked_at_.size());
}

}  // namespace keelson::raft::testing
