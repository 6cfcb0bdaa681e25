#include "server/peer/peer_links.h"

#include <algorithm>
#include <utility>

namespace keelson::server {

PeerLinks::PeerLinks(bool guest, MakeOutgoing make_outgoing)
    : guest_(guest), make_outgoing_(std::move(make_outgoing)) {}

PeerLinks::~PeerLinks() {
  for (const auto& connection : incoming_) {
    if (connection != nullptr) connection->Close();
  }
  for (const auto& connection : outgoing_) {
    if (connection != nullptr) connection->Stop();
  }
}

void PeerLinks::SetUrls(const std::vector<PeerUrl>& urls) {
  for (const PeerChannel channel :
       {PeerChannel::kUrgent, PeerChannel::kBulk, PeerChannel::kSnapshot}) {
    auto& connection = outgoing_[static_cast<size_t>(channel)];
    if (urls.empty()) {
      if (connection != nullptr) connection->Stop();
      connection = nullptr;
    } else if (connection == nullptr) {
      connection = make_outgoing_(channel);
      connection->Start(urls);
    } else {
      connection->SetUrls(urls);
    }
  }
}

bool PeerLinks::Adopt(std::shared_ptr<IncomingConnection> connection) {
  hello_ = connection->hello();
  bool closed = false;
  for (auto& other : incoming_) {
    if (other == nullptr) continue;
    if (other->channel() == connection->channel() ||
        other->hello().process_nonce != hello_.process_nonce) {
      other->Close();
      other = nullptr;
      closed = true;
    }
  }
  auto& slot = incoming_[static_cast<size_t>(connection->channel())];
  slot = std::move(connection);
  return closed;
}

void PeerLinks::Forget(const IncomingConnection& connection) {
  for (auto& mine : incoming_) {
    if (mine.get() == &connection) mine = nullptr;
  }
}

bool PeerLinks::HasIncoming() const {
  return std::any_of(incoming_.begin(), incoming_.end(),
                     [](const auto& connection) { return connection != nullptr; });
}

OutgoingConnection* PeerLinks::outgoing(PeerChannel channel) const {
  return outgoing_[static_cast<size_t>(channel)].get();
}

void PeerLinks::DialNow() {
  for (const auto& connection : outgoing_) {
    if (connection != nullptr) connection->DialNow();
  }
}

void PeerLinks::Flush() {
  for (const auto& connection : outgoing_) {
    if (connection != nullptr) connection->Flush();
  }
}

void PeerLinks::Probe(Instant now) {
  OutgoingConnection* const connection = outgoing(PeerChannel::kUrgent);
  probed_at_ = std::nullopt;
  if (connection == nullptr || !connection->SendProbe({.sequence = ++last_probe_})) return;
  probed_at_ = now;
}

void PeerLinks::OnProbe(const PeerProbe& probe, Instant now) {
  if (!probe.answer) {
    OutgoingConnection* const connection = outgoing(PeerChannel::kUrgent);
    if (connection != nullptr) connection->SendProbe({.sequence = probe.sequence, .answer = true});
  } else if (probe.sequence == last_probe_ && probed_at_.has_value()) {
    round_trips_.Add(now - *probed_at_);
    probed_at_ = std::nullopt;
  }
}

}  // namespace keelson::server
