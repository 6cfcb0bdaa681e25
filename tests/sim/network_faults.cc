// Faults of the network, and what befalls leaders.
#include <utility>

#include "tests/sim/nemesis.h"

namespace keelson::sim {
namespace {

constexpr Duration kLagStep = std::chrono::milliseconds(50);

}  // namespace

void Nemesis::AddNetworkFaults() {
  Add("partition", [this] { Partition(); });
  Add("one-way cut", [this] { CutOneWay(); });
  Add("deaf or mute", [this] {
    const bool out = dice().OneIn(2);
    CutFor(Around(Any(), out, !out), Between(300, 4000));
  });
  // Long enough for the log to be dropped behind the member's back: it needs a snapshot.
  Add("long isolation", [this] { CutFor(Around(Any(), true, true), Between(2000, 7000)); });
  Add("late answers", [this] { LateAnswers(); });
  Add("shaky network", [this] { ShakeNetwork(); });
  Add("leader transfer", [this] { TransferLeadership(); });
  Add("late winner", [this] { DelayWinner(); });
  Add("lost entry", [this] { lost_entry_.Start(); });
  Add("short reigns", [this] {
    leaders_doomed_until_ = cluster_.world().now() + Between(4000, 12000);
    Unseat(LeaderOrAny());
  });
}

void Nemesis::CutFor(const Links& links, Duration time) {
  SimNetwork& network = cluster_.network();
  for (const auto& [from, to] : links) network.Cut(from, to);
  Later(time, [&network, links] {
    for (const auto& [from, to] : links) network.Restore(from, to);
  });
}

Nemesis::Links Nemesis::Around(const SimMember& member, bool out, bool in) {
  Links links;
  for (const auto& other : cluster_.members()) {
    if (other.get() == &member) continue;
    if (out) links.emplace_back(member.id(), other->id());
    if (in) links.emplace_back(other->id(), member.id());
  }
  return links;
}

void Nemesis::Partition() {
  Links links;
  std::vector<bool> side;
  for (size_t i = 0; i < cluster_.members().size(); ++i) side.push_back(dice().OneIn(2));
  for (size_t a = 0; a < side.size(); ++a) {
    for (size_t b = 0; b < side.size(); ++b) {
      if (side[a] == side[b]) continue;
      links.emplace_back(cluster_.members()[a]->id(), cluster_.members()[b]->id());
    }
  }
  CutFor(links, Between(100, 3000));
}

void Nemesis::CutOneWay() {
  SimMember& from = Any();
  SimMember& to = Any();
  if (&from != &to) CutFor({{from.id(), to.id()}}, Between(100, 4000));
}

// What others say to one member arrives later and later, so that it never hears nothing; then they
// don't hear it any more. It leads on, in its own eyes, by answers that were given long ago.
void Nemesis::LateAnswers() {
  SimMember& member = LeaderOrAny();
  SimNetwork& network = cluster_.network();
  const Links in = Around(member, false, true);
  const Duration longest = Between(500, 4000);
  const Duration grows = longest / 2;  // the time it takes
  for (Duration after{0}; after < grows; after += kLagStep) {
    const Duration lag = 2 * after;
    Later(after, [&network, in, lag] {
      for (const auto& [from, to] : in) network.SetLag(from, to, lag);
    });
  }
  const Duration rest = Between(500, 4000);
  Later(grows, [this, out = Around(member, true, false), rest] { CutFor(out, rest); });
  Later(grows + rest, [&network, in] {
    for (const auto& [from, to] : in) network.SetLag(from, to, Duration(0));
  });
  if (dice().OneIn(2)) KeepQuiet(grows + rest);
}

void Nemesis::ShakeNetwork() {
  SimNetwork::Odds odds;
  odds.drop_one_in = dice().OneIn(2) ? 0 : 3 + dice().Below(40);
  odds.repeat_one_in = dice().OneIn(2) ? 0 : 3 + dice().Below(20);
  odds.slow_one_in = dice().OneIn(2) ? 0 : 3 + dice().Below(20);
  odds.slow = Between(1, 800);
  cluster_.network().SetOdds(odds);
  Later(Between(200, 4000), [this] { cluster_.network().SetOdds({}); });
}

void Nemesis::TransferLeadership() {
  SimMember* const leader = cluster_.Leader();
  if (leader == nullptr || leader->paused()) return;
  SimMember& target = Any();
  leader->loop().Post([leader, &target] {
    if (leader->up()) (void)leader->node().TransferLeadership(target.id());
  });
}

// The next candidate stands still while it is elected, until the others have another leader: it
// learns of its victory in a term that is past.
void Nemesis::DelayWinner() {
  ambushes_[static_cast<size_t>(Moment::kAskedForVotes)] = [this](SimMember& candidate) {
    late_winner_ = &candidate;
    Later(Duration(0), [&candidate] {
      if (candidate.up() && !candidate.paused()) candidate.Pause();
    });
    Later(Between(3000, 6000), [this, &candidate] {
      if (late_winner_ == &candidate) late_winner_ = nullptr;
      candidate.Resume();
    });
  };
  Unseat(LeaderOrAny());
}

// In the spirit of the thesis' figures 3.7 and 3.8: leaders that can pass on little or nothing, and
// that come back when the next one falls.
void Nemesis::Unseat(SimMember& leader) {
  cluster_.Count("leaders unseated");
  SimNetwork& network = cluster_.network();
  const bool return_of_last = !dice().OneIn(4);
  if (return_of_last) {
    for (const auto& [from, to] : std::exchange(unseated_, {})) network.Restore(from, to);
  }
  const uint64_t how = dice().Below(10);
  if (how == 0) return Crash(leader);
  if (how == 1) return PowerLoss(leader);
  if (how == 2) return Pause(leader);
  const Links links = Around(leader, true, how > 4);
  if (return_of_last) {
    for (const auto& [from, to] : links) network.Cut(from, to);
    unseated_ = links;
    // Nobody may follow: then it comes back after a while.
    Later(Between(3000, 8000), [this, &network, links] {
      if (unseated_ != links) return;
      for (const auto& [from, to] : std::exchange(unseated_, {})) network.Restore(from, to);
    });
  } else {
    CutFor(links, Between(300, 4000));
  }
}

}  // namespace keelson::sim
