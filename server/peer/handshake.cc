#include "server/peer/handshake.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "server/peer/bytes.h"
#include "server/peer/codec.h"

namespace keelson::server {
namespace {

std::string Hex(uint64_t id) { return absl::StrCat(absl::Hex(id)); }

v1::PeerHandshake Introduce(const PeerIdentity& self) {
  v1::PeerHandshake handshake;
  handshake.set_min_version(kMinPeerVersion);
  handshake.set_max_version(kMaxPeerVersion);
  handshake.set_cluster_id(self.cluster_id);
  handshake.set_from(self.id.value());
  handshake.set_incarnation(self.incarnation);
  handshake.set_process_nonce(self.process_nonce);
  handshake.set_entry_version(self.entry_version);
  handshake.set_required_version(self.required_version);
  for (const std::string& url : self.peer_urls) handshake.add_peer_urls(url);
  return handshake;
}

HandshakeVerdict Refuse(HandshakeVerdict verdict, PeerRefusal reason, std::string detail) {
  verdict.fault.peer = verdict.hello.id;
  verdict.fault.reason = reason;
  verdict.fault.detail = std::move(detail);
  return verdict;
}

std::string Advice(PeerRefusal reason, const PeerHello& peer) {
  const std::string member = absl::StrCat("member ", Hex(peer.id.value()));
  switch (reason) {
    case PeerRefusal::kUnknownMember:
      return absl::StrCat(member, " is not in the cluster's configuration: add it first");
    case PeerRefusal::kRemovedMember:
      return absl::StrCat(member,
                          " was removed from the cluster; to come back it needs an empty "
                          "data directory and has to be added as a new member");
    case PeerRefusal::kWrongIncarnation:
      return absl::StrCat(member, " comes with another data directory (incarnation ",
                          Hex(peer.incarnation),
                          ") than the one the cluster knows: a wiped member "
                          "may have forgotten its votes; remove it and add it as a new member");
    default:
      return absl::StrCat(member, " is not admitted");
  }
}

// What both sides check of each other alike: cluster, versions, formats, membership.
HandshakeVerdict JudgeCommon(const PeerIdentity& self, const v1::PeerHandshake& other,
                             HandshakeVerdict verdict, const AdmitPeer& admit) {
  const std::string member = absl::StrCat("member ", Hex(other.from()));
  if (other.cluster_id() != self.cluster_id) {
    return Refuse(std::move(verdict), PeerRefusal::kOtherCluster,
                  absl::StrCat(member, " belongs to cluster ", Hex(other.cluster_id()),
                               ", this is cluster ", Hex(self.cluster_id),
                               ": compare --initial-cluster and --initial-cluster-token of both"));
  }
  const uint32_t version = std::min(other.max_version(), kMaxPeerVersion);
  if (version < std::max(other.min_version(), kMinPeerVersion)) {
    return Refuse(std::move(verdict), PeerRefusal::kNoCommonVersion,
                  absl::StrCat(member, " speaks peer protocol ", other.min_version(), " to ",
                               other.max_version(), ", this one ", kMinPeerVersion, " to ",
                               kMaxPeerVersion, ": upgrade one release at a time"));
  }
  if (other.entry_version() < self.required_version ||
      self.entry_version < other.required_version()) {
    return Refuse(std::move(verdict), PeerRefusal::kFormatTooOld,
                  absl::StrCat(member, " reads log entries up to version ", other.entry_version(),
                               " and needs ", other.required_version(), ", this one reads ",
                               self.entry_version, " and needs ", self.required_version,
                               ": upgrade the older one"));
  }
  verdict.hello.version = version;
  const PeerRefusal refusal = admit(verdict.hello);
  if (refusal == PeerRefusal::kNone) return verdict;
  std::string advice = Advice(refusal, verdict.hello);
  return Refuse(std::move(verdict), refusal, std::move(advice));
}

HandshakeVerdict VerdictOn(const v1::PeerHandshake& other) {
  HandshakeVerdict verdict;
  verdict.hello.id = raft::NodeId(other.from());
  verdict.hello.incarnation = other.incarnation();
  verdict.hello.process_nonce = other.process_nonce();
  verdict.hello.entry_version = other.entry_version();
  verdict.hello.peer_urls.assign(other.peer_urls().begin(), other.peer_urls().end());
  verdict.channel = static_cast<PeerChannel>(other.channel());
  return verdict;
}

bool IsMalformed(const v1::PeerHandshake& other) {
  return other.from() == 0 || other.to() == 0 || other.process_nonce() == 0 ||
         other.channel() > static_cast<uint32_t>(PeerChannel::kSnapshot) ||
         other.min_version() > other.max_version() || other.peer_urls_size() > 64;
}

PeerRefusal RefusalOf(const v1::PeerHandshake& answer) {
  if (!v1::PeerRefusalReason_IsValid(answer.refusal())) return PeerRefusal::kMalformed;
  return static_cast<PeerRefusal>(answer.refusal());
}

}  // namespace

std::string EncodeHandshake(const v1::PeerHandshake& handshake) {
  const std::string message = handshake.SerializeAsString();
  KEELSON_CHECK(message.size() <= kMaxHandshakeBytes, "a handshake is small");
  std::string bytes(kHandshakeMagic);
  bytes.resize(kHandshakeHeadBytes);
  PutFixed32(bytes.data() + 8, static_cast<uint32_t>(message.size()));
  PutFixed32(bytes.data() + 12, Crc32c(message, Crc32c(std::string_view(bytes).substr(8, 4))));
  return bytes + message;
}

absl::StatusOr<ParsedHandshake> ParseHandshake(std::string_view bytes) {
  ParsedHandshake parsed;
  const std::string_view magic = bytes.substr(0, kHandshakeMagic.size());
  if (magic != kHandshakeMagic.substr(0, magic.size())) {
    return absl::DataLossError("peer handshake: not a peer");
  }
  if (bytes.size() < kHandshakeHeadBytes) return parsed;
  const uint32_t length = GetFixed32(bytes.data() + 8);
  if (length == 0 || length > kMaxHandshakeBytes) {
    return absl::DataLossError("peer handshake: length out of bounds");
  }
  if (bytes.size() < kHandshakeHeadBytes + length) return parsed;
  const std::string_view message = bytes.substr(kHandshakeHeadBytes, length);
  if (Crc32c(message, Crc32c(bytes.substr(8, 4))) != GetFixed32(bytes.data() + 12)) {
    return absl::DataLossError("peer handshake: checksum");
  }
  if (!parsed.message.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return absl::DataLossError("peer handshake: no PeerHandshake");
  }
  parsed.bytes = kHandshakeHeadBytes + length;
  return parsed;
}

v1::PeerHandshake MakeOffer(const PeerIdentity& self, raft::NodeId to, PeerChannel channel) {
  v1::PeerHandshake offer = Introduce(self);
  offer.set_to(to.value());
  offer.set_channel(static_cast<uint32_t>(channel));
  return offer;
}

HandshakeVerdict JudgeOffer(const PeerIdentity& self, const v1::PeerHandshake& offer,
                            const AdmitPeer& admit) {
  HandshakeVerdict verdict = VerdictOn(offer);
  if (IsMalformed(offer)) {
    return Refuse(std::move(verdict), PeerRefusal::kMalformed, "malformed peer handshake");
  }
  const bool same_cluster = offer.cluster_id() == self.cluster_id;
  if (same_cluster && offer.from() == self.id.value()) {
    const bool itself = offer.process_nonce() == self.process_nonce;
    return Refuse(std::move(verdict), PeerRefusal::kWrongMember,
                  itself ? "this member dialled itself: check the peer URLs"
                         : "another process runs under this member's id: was a data directory "
                           "copied?");
  }
  if (same_cluster && offer.to() != self.id.value()) {
    return Refuse(
        std::move(verdict), PeerRefusal::kWrongMember,
        absl::StrCat("member ", Hex(offer.from()), " looks for member ", Hex(offer.to()),
                     " here, but this is ", Hex(self.id.value()), ": check the peer URLs"));
  }
  return JudgeCommon(self, offer, std::move(verdict), admit);
}

v1::PeerHandshake MakeAnswer(const PeerIdentity& self, const v1::PeerHandshake& offer,
                             const HandshakeVerdict& verdict) {
  v1::PeerHandshake answer = Introduce(self);
  answer.set_to(offer.from());
  answer.set_channel(offer.channel());
  answer.set_refusal(static_cast<v1::PeerRefusalReason>(verdict.fault.reason));
  answer.set_detail(verdict.fault.detail);
  return answer;
}

v1::PeerHandshake MakeInquiry() {
  v1::PeerHandshake inquiry;
  inquiry.set_min_version(kMinPeerVersion);
  inquiry.set_max_version(kMaxPeerVersion);
  inquiry.set_asks_for_members(true);
  return inquiry;
}

v1::PeerHandshake AnswerInquiry(const PeerIdentity& self, const std::vector<KnownMember>& members) {
  v1::PeerHandshake answer = Introduce(self);
  for (const KnownMember& member : members) {
    v1::PeerMember* const to = answer.add_members();
    to->set_id(member.id.value());
    to->set_incarnation(member.incarnation);
    for (const std::string& url : member.peer_urls) to->add_peer_urls(url);
  }
  if (answer.ByteSizeLong() <= kMaxHandshakeBytes) return answer;
  answer.clear_members();
  answer.set_refusal(v1::PEER_MALFORMED);
  answer.set_detail("the members have too many and too long peer URLs to be told");
  return answer;
}

HandshakeVerdict JudgeAnswer(const PeerIdentity& self, const v1::PeerHandshake& offer,
                             const v1::PeerHandshake& answer, const AdmitPeer& admit) {
  HandshakeVerdict verdict = VerdictOn(answer);
  if (const PeerRefusal refusal = RefusalOf(answer); refusal != PeerRefusal::kNone) {
    verdict.hello.id = raft::NodeId(offer.to());
    verdict.fault.by_peer = true;
    return Refuse(std::move(verdict), refusal, answer.detail());
  }
  if (IsMalformed(answer)) {
    return Refuse(std::move(verdict), PeerRefusal::kMalformed, "malformed peer handshake");
  }
  if (answer.from() != offer.to() || answer.to() != self.id.value() ||
      answer.channel() != offer.channel()) {
    return Refuse(std::move(verdict), PeerRefusal::kWrongMember,
                  absl::StrCat("looked for member ", Hex(offer.to()), " and found ",
                               Hex(answer.from()), ": check the peer URLs"));
  }
  return JudgeCommon(self, answer, std::move(verdict), admit);
}

}  // namespace keelson::server
