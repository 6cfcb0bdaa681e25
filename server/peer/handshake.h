// The first words on a peer connection, and the judgement on them. No socket here.
//
// Both sides say the same kind of thing, first the one that dialled, then the other:
//   0   "KEELPEER"
//   8   length    4 bytes little endian, 1..kMaxHandshakeBytes
//   12  checksum  4 bytes little endian, CRC-32C of bytes 8..11 and the message
//   16  message   a keelson.v1.PeerHandshake
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/keelson/peer.pb.h"
#include "server/node/peer_network.h"

namespace keelson::server {

inline constexpr std::string_view kHandshakeMagic = "KEELPEER";
inline constexpr size_t kHandshakeHeadBytes = 16;
inline constexpr size_t kMaxHandshakeBytes = 16 << 10;

// Who this process is.
struct PeerIdentity {
  uint64_t cluster_id = 0;
  raft::NodeId id;
  uint64_t incarnation = 0;
  uint64_t process_nonce = 0;          // new for each process
  uint32_t entry_version = 1;          // the newest log entries that this binary reads
  uint32_t required_version = 1;       // the newest log entries that may be in the log
  std::vector<std::string> peer_urls;  // where the others can dial this member
};

std::string EncodeHandshake(const v1::PeerHandshake& handshake);

struct ParsedHandshake {
  size_t bytes = 0;  // what it took from the input; 0 = more bytes are needed
  v1::PeerHandshake message;
};
// Reads a handshake from the front of `bytes`; any bytes are safe. DataLoss as soon as they can't
// be the beginning of one.
absl::StatusOr<ParsedHandshake> ParseHandshake(std::string_view bytes);

// What comes out of a handshake: a peer to talk to, or a reason not to.
struct HandshakeVerdict {
  PeerHello hello;
  PeerChannel channel = PeerChannel::kUrgent;
  PeerFault fault;       // reason kNone: welcome
  bool inquiry = false;  // asked for the members, and was answered
  bool ok() const { return fault.reason == PeerRefusal::kNone && !inquiry; }
};

// The question of PeerNetwork::Events::admit.
using AdmitPeer = std::function<PeerRefusal(const PeerHello&)>;

// What the dialler says.
v1::PeerHandshake MakeOffer(const PeerIdentity& self, raft::NodeId to, PeerChannel channel);

// What the other side makes of it, and its answer.
HandshakeVerdict JudgeOffer(const PeerIdentity& self, const v1::PeerHandshake& offer,
                            const AdmitPeer& admit);
v1::PeerHandshake MakeAnswer(const PeerIdentity& self, const v1::PeerHandshake& offer,
                             const HandshakeVerdict& verdict);

// Who wants to join a cluster asks this instead of making an offer; and the answer to it.
v1::PeerHandshake MakeInquiry();
v1::PeerHandshake AnswerInquiry(const PeerIdentity& self, const std::vector<KnownMember>& members);

// What the dialler makes of the answer.
HandshakeVerdict JudgeAnswer(const PeerIdentity& self, const v1::PeerHandshake& offer,
                             const v1::PeerHandshake& answer, const AdmitPeer& admit);

}  // namespace keelson::server
