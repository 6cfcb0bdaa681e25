#include "tests/sim/sim_network.h"

#include <algorithm>

#include "base/check.h"
#include "server/peer/codec.h"
#include "server/peer/scatter_list.h"

namespace keelson::sim {

SimPort::SimPort(SimNetwork& network, raft::NodeId self, SimLoop& loop)
    : network_(network), self_(self), loop_(loop) {
  network_.Attach(self, this);
}

SimPort::~SimPort() { network_.Detach(self_, this); }

void SimPort::SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) {
  peers_.clear();
  for (const auto& [id, urls] : peers) peers_.insert(id);
}

bool SimPort::Send(raft::NodeId to, server::PeerMessage message) {
  return network_.Send(self_, to, std::move(message));
}

void SimPort::Deliver(raft::NodeId from, const std::string& frame) {
  auto message = server::DecodeFrame(frame);
  KEELSON_CHECK(message.ok(), "what a member encodes another one decodes");
  events_.on_message(from, *std::move(message));
}

void SimPort::Closed(raft::NodeId peer) { events_.on_closed(peer); }

void SimNetwork::Attach(raft::NodeId id, SimPort* port) { ports_[id] = port; }

void SimNetwork::Detach(raft::NodeId id, SimPort* port) {
  if (ports_[id] != port) return;
  ports_.erase(id);
  // A dead process: the others' connections to it are reset after a moment, unless cut off.
  for (const auto& [other, other_port] : ports_) {
    if (IsCut(id, other) || IsCut(other, id)) continue;
    ++counters_.closed;
    const Duration delay = world_.dice().Between(Duration(50'000), Duration(2'000'000));
    SimPort* target = other_port;
    target->loop().TurnAt(world_.now() + delay, [target, id] { target->Closed(id); });
  }
}

bool SimNetwork::Send(raft::NodeId from, raft::NodeId to, server::PeerMessage message) {
  if (!ports_.contains(to)) return false;
  ++counters_.sent;
  const int channel = static_cast<int>(server::ChannelOf(message));
  // A connection never repeats a frame; Raft alone must bear it even so.
  const bool repeatable = std::holds_alternative<raft::Message>(message);
  server::ScatterList list;
  if (!server::EncodeFrame(std::move(message), list)) return false;
  if (IsCut(from, to)) {
    ++counters_.cut;
    return true;
  }
  Dice& dice = world_.dice();
  if (dice.OneIn(odds_.drop_one_in)) {
    ++counters_.dropped;
    return true;
  }
  Instant when = world_.now() + dice.Between(Duration(30'000), Duration(1'500'000));
  if (dice.OneIn(odds_.slow_one_in)) {
    ++counters_.slowed;
    when = when + dice.Between(Duration(0), odds_.slow);
  } else {
    Instant& last = last_[{from, to}][channel];
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

void SimNetwork::DeliverLater(raft::NodeId from, raft::NodeId to, std::string frame, Instant when) {
  SimPort* target = ports_.at(to);
  target->loop().TurnAt(when, [this, target, from, to, frame = std::move(frame)] {
    if (!IsCut(from, to)) target->Deliver(from, frame);
  });
}

}  // namespace keelson::sim
