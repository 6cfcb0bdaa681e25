// All connections to and from one other member.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "server/node/duration_histogram.h"
#include "server/peer/incoming_connection.h"
#include "server/peer/outgoing_connection.h"

namespace keelson::server {

// Loop thread only. Each side dials its own three connections and sends on nothing else, so that
// two members that dial each other at the same time have nothing to settle.
class PeerLinks {
 public:
  using MakeOutgoing = std::function<std::shared_ptr<OutgoingConnection>(PeerChannel)>;

  // A guest is a member that the configuration, as far as known here, does not contain.
  PeerLinks(bool guest, MakeOutgoing make_outgoing);
  // Closes all connections without a callback.
  ~PeerLinks();

  PeerLinks(const PeerLinks&) = delete;
  PeerLinks& operator=(const PeerLinks&) = delete;

  // Dials these from now on. Without any URL nothing is sent.
  void SetUrls(const std::vector<PeerUrl>& urls);

  bool guest() const { return guest_; }
  void BecomeMember() { guest_ = false; }

  // Takes a connection whose handshake is done. Closes the one that it replaces, and those of an
  // earlier process of the member; returns whether there was any.
  bool Adopt(std::shared_ptr<IncomingConnection> connection);
  // Forgets a connection that closed by itself.
  void Forget(const IncomingConnection& connection);
  bool HasIncoming() const;
  // What the member said of itself last. REQUIRES: Adopt was called.
  const PeerHello& hello() const { return hello_; }

  // Null when no URL is known.
  OutgoingConnection* outgoing(PeerChannel channel) const;
  void DialNow();
  void Flush();

  // Asks for a round trip, if the urgent connection is open; a question without an answer is given
  // up.
  void Probe(Instant now);
  // Takes a question or an answer of the peer.
  void OnProbe(const PeerProbe& probe, Instant now);
  const RoundTripHistogram& round_trips() const { return round_trips_; }

  uint64_t bytes_received = 0;
  uint64_t frames_received = 0;

 private:
  bool guest_;
  MakeOutgoing make_outgoing_;
  PeerHello hello_;
  std::array<std::shared_ptr<OutgoingConnection>, 3> outgoing_;  // all null or none
  std::array<std::shared_ptr<IncomingConnection>, 3> incoming_;
  uint64_t last_probe_ = 0;
  std::optional<Instant> probed_at_;  // while the last probe has no answer
  RoundTripHistogram round_trips_;
};

}  // namespace keelson::server
