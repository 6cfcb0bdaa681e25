// PeerMessage to bytes and back. No socket here: the transport, the simulator's network and the
// fuzzer use the same functions. Pure; any thread.
//
// A frame:
//   0   header length  4 bytes little endian, 1..kMaxHeaderBytes
//   4   body length    4 bytes little endian, 0..kMaxBodyBytes
//   8   checksum       4 bytes little endian, CRC-32C of bytes 0..7 and the header
//   12  header         a keelson.v1.PeerFrame
//       body           the payloads that the header lists, one after the other
//
// The body is covered by the checksums in the header: those that entries carry through their whole
// life, and one for a proposal or a piece of a snapshot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/node/peer_network.h"
#include "server/peer/scatter_list.h"

namespace keelson::server {

inline constexpr size_t kFrameHeadBytes = 12;
inline constexpr size_t kMaxHeaderBytes = 4 << 20;
inline constexpr size_t kMaxBodyBytes = 64 << 20;

// The protocol versions that this code speaks.
inline constexpr uint32_t kMinPeerVersion = 1;
inline constexpr uint32_t kMaxPeerVersion = 1;

// The first kFrameHeadBytes of a frame.
struct FrameHead {
  uint32_t header_bytes = 0;
  uint32_t body_bytes = 0;
  uint32_t checksum = 0;
  size_t frame_bytes() const { return kFrameHeadBytes + header_bytes + body_bytes; }
};

// Appends `message` as one frame; entry payloads of some size are shared, not copied. Returns false
// and leaves `out` alone when the message is beyond the limits of a frame.
// REQUIRES: the entries of an append follow each other from prev.index on.
bool EncodeFrame(PeerMessage message, ScatterList& out);

// DataLoss when the lengths are out of bounds. REQUIRES: at least kFrameHeadBytes bytes.
absl::StatusOr<FrameHead> ParseFrameHead(std::string_view bytes);

// Decodes one whole frame; any bytes are safe. Every checksum is verified and the entries of an
// append are consistent (indexes and terms in order). DataLoss: these bytes are no frame; close the
// connection. Unimplemented: a frame of a later version; pass over it.
absl::StatusOr<PeerMessage> DecodeFrame(std::string_view frame);

// Asked by the transport itself and answered by the peer's with the same sequence: the time of a
// round trip. To DecodeFrame it is a frame of a later version.
struct PeerProbe {
  uint64_t sequence = 0;
  bool answer = false;
};

void EncodeProbe(const PeerProbe& probe, ScatterList& out);

// None when the frame is another one. REQUIRES: DecodeFrame has verified it.
std::optional<PeerProbe> DecodeProbe(std::string_view frame);

}  // namespace keelson::server
