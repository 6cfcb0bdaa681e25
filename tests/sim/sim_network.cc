#include "tests/sim/sim_network.h"

#include <algorithm>

#include "base/check.h"
#include "server/peer/codec.h"
#include "server/peer/scatter_list.h"

namespace keelson::sim {
namespace {

constexpr Duration kDialAgain = std::chrono::milliseconds(700);

}  // namespace

SimPort::SimPort(SimNetwork& network, server::PeerHello self, SimLoop& loop)
    : network_(network), self_(std::move(self)), loop_(loop) {
  network_.Attach(this);
}

SimPort::~SimPort() { network_.Detach(this); }

void SimPort::SetEvents(Events events) {
  events_ = std::move(events);
  Dial();
}

void SimPort::SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) {
  std::set<raft::NodeId> before = std::exchange(peers_, {});
  for (const auto& [id, nonce] : guests_) before.insert(id);
  for (const auto& [id, urls] : peers) peers_.insert(id);
  verdicts_.clear();
  for (const raft::NodeId id : before) {
    const auto other = network_.ports_.find(id);
    if (peers_.contains(id) || other == network_.ports_.end()) continue;
    const bool still = guests_.contains(id) && TalksTo(*other->second) &&
                       Judge(other->second->self_) == server::PeerRefusal::kNone;
    if (still) continue;
    guests_.erase(id);
    network_.CloseLater(self_.id, *other->second);
  }
}

// Connections that are refused or broken are tried again, for ever.
void SimPort::Dial() {
  for (const raft::NodeId peer : peers_) {
    const auto found = network_.ports_.find(peer);
    if (found == network_.ports_.end() || network_.IsCut(self_.id, peer)) continue;
    SimPort* const other = found->second;
    other->loop_.TurnAt(
        loop_.Now() + network_.Latency(),
        [other, from = self_] { (void)other->network_.Admitted(from, *other); },
        SimLoop::Source::kPeers);
  }
  loop_.After(kDialAgain, [this] { Dial(); });
}

bool SimPort::TalksTo(const SimPort& other) const {
  if (peers_.contains(other.self_.id)) return true;
  const auto guest = guests_.find(other.self_.id);
  return guest != guests_.end() && guest->second == other.self_.process_nonce;
}

// Cuts are silent: they don't end a connection.
bool SimPort::Connected(raft::NodeId to, server::PeerChannel) const {
  const auto found = network_.ports_.find(to);
  return found != network_.ports_.end() && TalksTo(*found->second);
}

bool SimPort::Send(raft::NodeId to, server::PeerMessage message) {
  const auto found = network_.ports_.find(to);
  if (found == network_.ports_.end() || !TalksTo(*found->second)) return false;
  if (Judge(found->second->self_) != server::PeerRefusal::kNone) return false;
  return network_.Send(*this, to, std::move(message));
}

server::PeerRefusal SimPort::Judge(const server::PeerHello& other) {
  const auto [found, is_new] =
      verdicts_.try_emplace({other.id, other.process_nonce}, server::PeerRefusal::kNone);
  if (is_new) {
    const bool too_old = other.entry_version < required_version_;
    found->second = too_old ? server::PeerRefusal::kFormatTooOld : events_.admit(other);
  }
  return found->second;
}

void SimPort::Deliver(const server::PeerHello& from, const std::string& frame) {
  if (!network_.Admitted(from, *this)) return;
  auto message = server::DecodeFrame(frame);
  KEELSON_CHECK(message.ok(), "what a member encodes another one decodes");
  events_.on_message(from.id, *std::move(message));
}

void SimPort::Closed(raft::NodeId peer) { events_.on_closed(peer); }

void SimPort::Refused(const server::PeerFault& fault) { events_.on_refused(fault); }

void SimNetwork::Restore(raft::NodeId from, raft::NodeId to) {
  const auto found = cuts_.find({from, to});
  if (found != cuts_.end() && --found->second == 0) cuts_.erase(found);
}

void SimNetwork::SetLag(raft::NodeId from, raft::NodeId to, Duration lag) {
  lags_.erase({from, to});
  if (lag.count() > 0) lags_[{from, to}] = lag;
}

void SimNetwork::Heal() {
  cuts_.clear();
  lags_.clear();
}

void SimNetwork::Attach(SimPort* port) { ports_[port->self_.id] = port; }

void SimNetwork::Detach(SimPort* port) {
  const raft::NodeId id = port->self_.id;
  if (ports_[id] != port) return;
  ports_.erase(id);
  for (const auto& [other, other_port] : ports_) {
    if (other_port->TalksTo(*port)) CloseLater(id, *other_port);
  }
}

void SimNetwork::CloseLater(raft::NodeId gone, SimPort& other) {
  if (IsCut(gone, other.self_.id) || IsCut(other.self_.id, gone)) return;
  ++counters_.closed;
  const Duration delay = world_.dice().Between(Duration(50'000), Duration(2'000'000));
  other.loop_.TurnAt(
      world_.now() + delay, [&other, gone] { other.Closed(gone); }, SimLoop::Source::kPeers);
}

// The handshake, as far as it matters here: who is refused hears why.
bool SimNetwork::Admitted(const server::PeerHello& from, SimPort& to) {
  const server::PeerRefusal refusal = to.Judge(from);
  if (refusal == server::PeerRefusal::kNone) {
    if (!to.peers_.contains(from.id)) to.guests_[from.id] = from.process_nonce;
    return true;
  }
  const auto found = ports_.find(from.id);
  if (found == ports_.end() || found->second->self_.process_nonce != from.process_nonce) {
    return false;
  }
  SimPort* const port = found->second;
  Instant& told = port->refused_at_[to.self_.id];
  if (IsCut(to.self_.id, from.id) || world_.now() - told < kDialAgain / 2) return false;
  told = world_.now();
  if (refusal == server::PeerRefusal::kRemovedMember) ++counters_.removed_refused;
  if (refusal == server::PeerRefusal::kWrongIncarnation) ++counters_.wrong_disks_refused;
  port->loop_.TurnAt(
      world_.now() + Latency(),
      [port, fault = server::PeerFault{to.self_.id, true, refusal, "refused (simulated)"}] {
        port->Refused(fault);
      },
      SimLoop::Source::kPeers);
  return false;
}

bool SimNetwork::Send(SimPort& from, raft::NodeId to, server::PeerMessage message) {
  ++counters_.sent;
  const Link link{from.self_.id, to};
  const int channel = static_cast<int>(server::ChannelOf(message));
  // A connection never repeats a frame; Raft alone must bear it even so.
  const bool repeatable = std::holds_alternative<raft::Message>(message);
  server::ScatterList list;
  if (!server::EncodeFrame(std::move(message), list)) return false;
  if (IsCut(link.first, to)) {
    ++counters_.cut;
    return true;
  }
  Dice& dice = world_.dice();
  if (dice.OneIn(odds_.drop_one_in)) {
    ++counters_.dropped;
    return true;
  }
  Instant when = world_.now() + Latency();
  const auto lag = lags_.find(link);
  if (lag != lags_.end()) {
    ++counters_.lagged;
    when = when + lag->second;
  }
  if (dice.OneIn(odds_.slow_one_in)) {
    ++counters_.slowed;
    when = when + dice.Between(Duration(0), odds_.slow);
  } else {
    Instant& last = last_[link][channel];
    when = last = std::max(when, last + Duration(1));
  }
  const std::string frame = list.ToString();
  if (repeatable && dice.OneIn(odds_.repeat_one_in)) {
    ++counters_.repeated;
    DeliverLater(from, to, frame, when + dice.Between(Duration(0), odds_.slow));
  }
  DeliverLater(from, to, frame, when);
  return true;
}

void SimNetwork::DeliverLater(SimPort& from, raft::NodeId to, std::string frame, Instant when) {
  SimPort* const target = ports_.at(to);
  target->loop_.TurnAt(
      when,
      [this, target, hello = from.self_, to, frame = std::move(frame)] {
        if (!IsCut(hello.id, to)) target->Deliver(hello, frame);
      },
      SimLoop::Source::kPeers);
}

}  // namespace keelson::sim
