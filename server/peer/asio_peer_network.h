// The network of a real process: TCP connections to the other members (design D12).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/loop/asio_loop.h"
#include "server/node/peer_network.h"
#include "server/peer/acceptor.h"
#include "server/peer/handshake.h"
#include "server/peer/incoming_connection.h"
#include "server/peer/notices.h"
#include "server/peer/outgoing_connection.h"
#include "server/peer/peer_links.h"
#include "server/peer/peer_options.h"

namespace keelson::server {

// Loop thread only.
class AsioPeerNetwork final : public PeerNetwork,
                              private IncomingConnection::Owner,
                              private OutgoingConnection::Owner {
 public:
  struct PeerStats {
    bool connected = false;  // urgent and bulk messages can be sent
    bool guest = false;      // not in the set of SetPeers
    uint64_t bytes_sent = 0;
    uint64_t bytes_received = 0;
    uint64_t frames_sent = 0;
    uint64_t frames_received = 0;
    uint64_t frames_dropped = 0;
    uint64_t urgent_dropped = 0;  // of them: heartbeats, votes and read rounds
    uint64_t failed_dials = 0;
    RoundTripHistogram round_trips;  // from the end of one turn here to an answer's arrival
  };

  // Of connections that never became a peer's.
  struct RejectStats {
    uint64_t garbage = 0;    // what arrived was no handshake
    uint64_t silent = 0;     // closed, or timed out, before one arrived
    uint64_t refused = 0;    // refused by this member
    uint64_t inquiries = 0;  // asked for the members, and told
    uint64_t overflow = 0;   // closed at once: too many that had not said who they are
    uint64_t bad_frames =
        0;  // connections of peers that were closed for a frame that made no sense
  };

  // `loop` outlives the network. REQUIRES: id and process nonce are not 0.
  AsioPeerNetwork(AsioLoop& loop, PeerIdentity self, Random random,
                  const PeerTransportOptions& options);
  ~AsioPeerNetwork() override;  // closes everything without an event

  // Listens on `urls`; the first error ends it. REQUIRES: SetEvents was called.
  absl::Status Listen(const std::vector<std::string>& urls);
  const std::vector<std::string>& listen_urls() const { return acceptor_.urls(); }

  void SetEvents(Events events) override;
  void SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) override;
  // Asked of peers that connect later.
  void SetRequiredEntryVersion(uint32_t version) override { self_.required_version = version; }
  bool Connected(raft::NodeId to, PeerChannel channel) const override;
  bool Send(raft::NodeId to, PeerMessage message) override;
  void Flush() override;

  std::map<raft::NodeId, PeerStats> Stats() const;
  const RejectStats& rejects() const { return rejects_; }

 private:
  HandshakeVerdict OnOffer(const v1::PeerHandshake& offer, v1::PeerHandshake& answer) override;
  void OnOpen(IncomingConnection& connection) override;
  absl::Status OnFrame(IncomingConnection& connection, std::string_view frame) override;
  void OnEnd(IncomingConnection& connection, const absl::Status& why) override;

  v1::PeerHandshake OfferTo(raft::NodeId peer, PeerChannel channel) override;
  HandshakeVerdict OnAnswer(const v1::PeerHandshake& offer,
                            const v1::PeerHandshake& answer) override;
  void OnOpen(OutgoingConnection& connection, const PeerHello& hello) override;
  void OnBroken(OutgoingConnection& connection, bool was_open) override;

  void OnStream(std::unique_ptr<PeerStream> stream);
  void ProbeAll();
  PeerRefusal Admit(const PeerHello& hello) const;
  bool StillAdmitted(const PeerLinks& links) const;
  PeerLinks& AddLinks(raft::NodeId id, bool guest);
  std::vector<PeerUrl> UsableUrls(raft::NodeId id, const std::vector<std::string>& urls);
  void EndUnknown(IncomingConnection& connection, const absl::Status& why);

  AsioLoop& loop_;
  PeerIdentity self_;
  Random random_;
  const PeerTransportOptions options_;
  Events events_;
  PeerNotices notices_;
  Acceptor acceptor_;
  std::map<raft::NodeId, std::unique_ptr<PeerLinks>> links_;
  std::set<std::shared_ptr<IncomingConnection>> unknown_;  // their handshake is not done
  RejectStats rejects_;
  Loop::TimerId probe_timer_ = 0;
};

}  // namespace keelson::server
