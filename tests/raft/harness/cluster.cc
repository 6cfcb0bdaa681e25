#include "tests/raft/harness/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/check.h"

namespace keelson::raft::testing {

Options Cluster::DefaultOptions() {
  Options options;
  options.election_ticks = 10;
  options.heartbeat_ticks = 2;
  options.record_incarnations = false;
  return options;
}

Cluster::Cluster(const std::vector<uint64_t>& voters, const std::vector<uint64_t>& learners,
                 const Options& options)
    : Cluster(voters, learners, options, [](const std::string& what) { ADD_FAILURE() << what; }) {}

Cluster::Cluster(const std::vector<uint64_t>& voters, const std::vector<uint64_t>& learners,
                 const Options& options, std::function<void(const std::string&)> broken)
    : options_(options),
      bootstrap_(MakeConfiguration(voters, learners)),
      oracle_(broken),
      broken_(std::move(broken)) {
  for (const auto& [id, info] : bootstrap_.members) Make(id, Bootstrap(bootstrap_), 0);
}

Member& Cluster::Join(uint64_t id) {
  Make(NodeId(id), Image(), 0);
  return at(id);
}

Options Cluster::OptionsFor(NodeId id) {
  Options options = options_;
  options.id = id;
  options.boot_id = ++boots_;
  options.incarnation = incarnations_[id];
  if (options.random == nullptr) {
    options.random = [this, id](uint64_t bound) {
      return id == favourite_ ? 0 : bound - 1 - id.value() % std::min<uint64_t>(3, bound);
    };
  }
  return options;
}

void Cluster::Make(NodeId id, Image image, uint64_t incarnation) {
  uint64_t& known = incarnations_[id];
  if (incarnation != 0) known = incarnation;
  if (known == 0) known = 1000 + id.value();
  members_[id] = std::make_unique<Member>(OptionsFor(id), std::move(image), oracle_.Hooks());
}

Ready Cluster::Turn(uint64_t id) {
  Member& member = at(id);
  Ready ready = member.Turn();
  Observe(member, ready);
  for (Message& message : member.TakeOutbox()) network_.push_back(std::move(message));
  return ready;
}

void Cluster::Observe(Member& member, const Ready& ready) {
  Observed& seen = seen_[member.id()];
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  add(seen.reads, ready.read_states);
  add(seen.reads_failed, ready.reads_failed);
  add(seen.conflicts, ready.identity_conflicts);
  add(seen.snapshot_needs, ready.need_snapshot);
  if (ready.proposals_unknown.has_value()) seen.unknown = ready.proposals_unknown;
  if (ready.stepped_down.has_value()) seen.stepped_down = ready.stepped_down;
  if (ready.freshness.has_value()) seen.freshness = ready.freshness;
}

void Cluster::Persist(uint64_t id, size_t count) {
  at(id).Persist(count);
  for (Message& message : at(id).TakeOutbox()) network_.push_back(std::move(message));
}

void Cluster::Tick(uint64_t id, int ticks) {
  for (int i = 0; i < ticks; ++i) {
    at(id).Do([](Core& core) { core.Tick(); });
  }
}

void Cluster::Step(Message message) {
  if (cut_.contains({message.from, message.to}) || !members_.contains(message.to)) return;
  members_.at(message.to)->Do([&](Core& core) {
    const NodeId from = message.from;
    core.Step(from, std::move(message));
  });
}

void Cluster::Deliver(absl::FunctionRef<bool(const Message&)> which) {
  std::vector<Message> all = std::exchange(network_, {});
  for (Message& message : all) {
    if (which(message)) {
      Step(std::move(message));
    } else {
      network_.push_back(std::move(message));
    }
  }
}

void Cluster::Drop(absl::FunctionRef<bool(const Message&)> which) {
  std::erase_if(network_, [&](const Message& message) { return which(message); });
}

bool Cluster::MoveOnce() {
  bool moved = false;
  for (const auto& [id, member] : members_) {
    if (member->HasReady()) {
      const size_t needs = seen_[id].snapshot_needs.size();
      moved |= !Turn(id.value()).IsEmpty();
      const std::vector<SnapshotNeed> all = seen_[id].snapshot_needs;
      for (size_t i = needs; i < all.size(); ++i) SendSnapshot(id.value(), all[i].peer);
    }
    if (!stuck_.contains(id) && member->outstanding() > 0) {
      Persist(id.value());
      moved = true;
    }
    if (!stuck_.contains(id)) moved |= member->Install();
  }
  moved |= !network_.empty();
  Deliver([](const Message&) { return true; });
  return moved;
}

void Cluster::SendSnapshot(uint64_t leader, NodeId peer, bool ok) {
  Member& member = at(leader);
  absl::StatusOr<Message> offer = absl::UnknownError("");
  member.Do([&](Core& core) { offer = core.OfferSnapshot(peer, member.state()); });
  ok = ok && offer.ok() && members_.contains(peer) && !cut_.contains({member.id(), peer});
  if (ok) network_.push_back(*std::move(offer));
  member.Do([&](Core& core) { core.SnapshotSent(peer, ok); });
}

void Cluster::Settle() {
  for (int i = 0; MoveOnce(); ++i) {
    if (i > 20000) {
      return broken_("the members never come to rest");
    }
  }
}

void Cluster::Run(int ticks) {
  for (int i = 0; i < ticks; ++i) {
    for (const auto& [id, member] : members_) Tick(id.value());
    Settle();
  }
}

void Cluster::Elect(uint64_t id) {
  favourite_ = NodeId(id);
  for (const auto& [other, member] : members_) {
    // Long enough to have forgotten a leader, too short to campaign.
    const bool follows = other != favourite_ && !member->core().leader().IsNone();
    if (follows) Tick(other.value(), options_.election_ticks);
  }
  for (int i = 0; i < 3 * options_.election_ticks && !core(id).IsLeader(); ++i) {
    Tick(id);
    Settle();
  }
  ASSERT_TRUE(core(id).IsLeader()) << "member " << id << " was not elected";
}

EntryId Cluster::Write(uint64_t leader, std::string payload) {
  absl::StatusOr<EntryId> id = absl::UnknownError("");
  at(leader).Do([&](Core& core) { id = core.Propose(std::move(payload)); });
  EXPECT_TRUE(id.ok()) << id.status();
  Settle();
  return id.value_or(EntryId());
}

void Cluster::Isolate(uint64_t id) {
  for (const auto& [other, member] : members_) {
    Cut(id, other.value());
    Cut(other.value(), id);
  }
}

void Cluster::Stop(uint64_t id, size_t completed, bool power_loss) {
  images_[NodeId(id)] = at(id).Crash(completed, power_loss);
  members_.erase(NodeId(id));
}

void Cluster::Start(uint64_t id) { Make(NodeId(id), images_.at(NodeId(id)), 0); }

void Cluster::StartOnOtherDisk(uint64_t id, uint64_t incarnation, std::optional<Image> image) {
  Make(NodeId(id), image.value_or(Bootstrap(bootstrap_)), incarnation);
}

}  // namespace keelson::raft::testing
