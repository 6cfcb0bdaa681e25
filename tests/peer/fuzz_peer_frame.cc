// Any bytes as a peer frame, as a handshake and as a stream of frames. What decodes must encode to
// a frame that decodes to the same message.
//
// The first byte chooses. Bytes with good checksums are rare, so one way repairs them first.
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"
#include "proto/keelson/peer.pb.h"
#include "server/peer/bytes.h"
#include "server/peer/codec.h"
#include "server/peer/frame_reader.h"
#include "server/peer/handshake.h"
#include "tests/peer/messages.h"

namespace keelson::server {
namespace {

void DecodeOne(std::string_view bytes) {
  const absl::StatusOr<PeerMessage> message = DecodeFrame(bytes);
  if (!message.ok()) return;
  (void)ChannelOf(*message);
  ScatterList out;
  KEELSON_CHECK(EncodeFrame(*message, out), "what was received can be sent");
  const absl::StatusOr<PeerMessage> again = DecodeFrame(out.ToString());
  KEELSON_CHECK(again.ok(), "what was encoded decodes");
  KEELSON_CHECK(Dump(*again) == Dump(*message), "nothing is lost on the way");
}

// Makes the columns and checksums of an append agree with each other and with the body.
void RepairAppend(v1::PeerFrame& frame, std::string_view body) {
  v1::PeerAppendRequest& append = *frame.mutable_append_request();
  const int count = append.entry_term_size();
  append.mutable_entry_type()->Resize(count, 0);
  append.mutable_entry_length()->Resize(count, 0);
  append.mutable_entry_checksum()->Resize(count, 0);
  uint64_t index = append.prev().index();
  for (int i = 0; i < count; ++i) {
    const size_t length = i + 1 == count ? body.size() : append.entry_length(i) % (body.size() + 1);
    append.set_entry_length(i, static_cast<uint32_t>(length));
    append.set_entry_type(i, append.entry_type(i) % 3);
    const raft::Entry entry =
        raft::MakeEntry({raft::Term(append.entry_term(i)), raft::Index(++index)},
                        static_cast<raft::EntryType>(append.entry_type(i)),
                        std::make_shared<const std::string>(body.substr(0, length)));
    append.set_entry_checksum(i, entry.checksum);
    body.remove_prefix(length);
  }
}

void DecodeRepaired(std::string_view bytes) {
  if (bytes.empty()) return;
  const size_t header_bytes = std::min<size_t>(static_cast<uint8_t>(bytes[0]), bytes.size() - 1);
  v1::PeerFrame frame;
  if (!frame.ParseFromArray(bytes.data() + 1, static_cast<int>(header_bytes))) return;
  const std::string_view body = bytes.substr(1 + header_bytes);
  if (frame.has_append_request()) RepairAppend(frame, body);
  if (frame.has_forward_proposal()) {
    frame.mutable_forward_proposal()->set_length(static_cast<uint32_t>(body.size()));
    frame.mutable_forward_proposal()->set_checksum(Crc32c(body));
  }
  if (frame.has_snapshot_chunk()) {
    frame.mutable_snapshot_chunk()->set_length(static_cast<uint32_t>(body.size()));
    frame.mutable_snapshot_chunk()->set_checksum(Crc32c(body));
  }
  const std::string header = frame.SerializeAsString();
  std::string whole(kFrameHeadBytes, '\0');
  PutFixed32(whole.data(), static_cast<uint32_t>(header.size()));
  PutFixed32(whole.data() + 4, static_cast<uint32_t>(body.size()));
  PutFixed32(whole.data() + 8, Crc32c(header, Crc32c(std::string_view(whole).substr(0, 8))));
  DecodeOne(whole.append(header).append(body));
}

void ReadStream(std::string_view bytes) {
  FrameReader reader;
  while (!bytes.empty()) {
    const size_t count = std::min<size_t>(1 + static_cast<uint8_t>(bytes[0]), bytes.size());
    std::memcpy(reader.Space().data(), bytes.data(), count);
    reader.Filled(count);
    bytes.remove_prefix(count);
    while (true) {
      const absl::StatusOr<std::string_view> frame = reader.NextFrame();
      if (!frame.ok()) return;
      if (frame->empty()) break;
      DecodeOne(*frame);
    }
  }
}

void Greet(std::string_view bytes) {
  const absl::StatusOr<ParsedHandshake> parsed = ParseHandshake(bytes);
  v1::PeerHandshake offer;
  if (parsed.ok() && parsed->bytes > 0) {
    offer = parsed->message;
  } else if (!offer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return;
  }
  PeerIdentity self;
  self.cluster_id = offer.cluster_id();
  self.id = raft::NodeId(offer.to());
  self.process_nonce = 1;
  const AdmitPeer admit = [](const PeerHello&) { return PeerRefusal::kNone; };
  const HandshakeVerdict verdict = JudgeOffer(self, offer, admit);
  (void)EncodeHandshake(MakeAnswer(self, offer, verdict));
  (void)JudgeAnswer(self, MakeOffer(self, self.id, PeerChannel::kBulk), offer, admit);
}

}  // namespace
}  // namespace keelson::server

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace keelson::server;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      DecodeOne(bytes);
      break;
    case 1:
      DecodeRepaired(bytes);
      break;
    case 2:
      ReadStream(bytes);
      break;
    default:
      Greet(bytes);
  }
  return 0;
}
