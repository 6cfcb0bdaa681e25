#include "server/peer/notices.h"

#include <utility>

namespace keelson::server {
namespace {

constexpr Duration kRepeatFaultAfter = std::chrono::seconds(10);
// Of different faults within that time; more than a cluster can have by mistake.
constexpr size_t kMaxFaults = 256;

}  // namespace

PeerNotices::PeerNotices(Loop& loop, const PeerNetwork::Events& events)
    : loop_(loop), events_(events), alive_(std::make_shared<char>()) {}

void PeerNotices::Closed(raft::NodeId peer) {
  closed_.insert(peer);
  Schedule();
}

void PeerNotices::FlushClosed(raft::NodeId peer) {
  if (closed_.erase(peer) > 0 && events_.on_closed) events_.on_closed(peer);
}

void PeerNotices::Refused(PeerFault fault) {
  if (IsRepeated({fault.peer, fault.by_peer, fault.reason})) return;
  faults_.push_back(std::move(fault));
  Schedule();
}

bool PeerNotices::IsRepeated(const FaultKey& key) {
  const Instant now = loop_.Now();
  std::erase_if(told_, [now](const auto& told) { return now - told.second >= kRepeatFaultAfter; });
  if (told_.contains(key) || told_.size() >= kMaxFaults) return true;
  told_.emplace(key, now);
  return false;
}

void PeerNotices::Schedule() {
  if (std::exchange(scheduled_, true)) return;
  loop_.Post([this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) Deliver();
  });
}

void PeerNotices::Deliver() {
  scheduled_ = false;
  for (const raft::NodeId peer : std::exchange(closed_, {})) {
    if (events_.on_closed) events_.on_closed(peer);
  }
  for (const PeerFault& fault : std::exchange(faults_, {})) {
    if (events_.on_refused) events_.on_refused(fault);
  }
}

}  // namespace keelson::server
