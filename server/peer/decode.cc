#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "proto/keelson/peer.pb.h"
#include "raft/config_codec.h"
#include "server/peer/bytes.h"
#include "server/peer/codec.h"

namespace keelson::server {
namespace {

using v1::PeerFrame;

raft::EntryId Get(const v1::PeerEntryId& from) {
  return {raft::Term(from.term()), raft::Index(from.index())};
}

// What is none is so in one way only, whatever else the frame has there: as it would be sent on.
raft::ReadNonce Get(const v1::PeerReadNonce& from) {
  const raft::ReadNonce nonce{raft::Term(from.term()), from.boot_id(), from.counter()};
  return nonce.IsNone() ? raft::ReadNonce{} : nonce;
}

raft::FreshnessStamp Get(const v1::PeerStamp& from) {
  const raft::FreshnessStamp stamp{from.stamp(), from.process_nonce()};
  return stamp.IsNone() ? raft::FreshnessStamp{} : stamp;
}

raft::FreshnessEcho Get(const v1::PeerEcho& from) {
  const raft::FreshnessEcho echo{Get(from.stamp()), raft::Index(from.commit())};
  return echo.stamp.IsNone() ? raft::FreshnessEcho{} : echo;
}

absl::Status Bad(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("peer frame: ", what));
}

// An enum whose last value is `last`, from its number on the wire.
template <typename Enum>
bool GetEnum(uint32_t number, Enum last, Enum& out) {
  if (number > static_cast<uint32_t>(last)) return false;
  out = static_cast<Enum>(number);
  return true;
}

bool ColumnsAgree(const v1::PeerAppendRequest& from) {
  return from.entry_type_size() == from.entry_term_size() &&
         from.entry_checksum_size() == from.entry_term_size() &&
         from.entry_length_size() == from.entry_term_size();
}

// Cuts the entries out of `body`, each with its content checksum verified.
absl::Status GetEntries(const v1::PeerAppendRequest& from, uint64_t message_term,
                        std::string_view body, std::vector<raft::Entry>& entries) {
  if (!ColumnsAgree(from)) return Bad("entry columns of unequal length");
  const int count = from.entry_term_size();
  if (from.prev().index() > std::numeric_limits<uint64_t>::max() / 2) return Bad("index too large");
  raft::EntryId previous = Get(from.prev());
  entries.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    raft::Entry& entry = entries.emplace_back();
    entry.term = raft::Term(from.entry_term(i));
    entry.index = previous.index.Next();
    entry.checksum = from.entry_checksum(i);
    const size_t length = from.entry_length(i);
    if (!GetEnum(from.entry_type(i), raft::EntryType::kNoop, entry.type)) {
      return Bad("unknown entry type");
    }
    if (entry.term < previous.term || entry.term.IsNone() || entry.term.value() > message_term) {
      return Bad("entry terms out of order");
    }
    if (length > body.size()) return Bad("entries longer than the body");
    if (length > 0) entry.payload = std::make_shared<const std::string>(body.substr(0, length));
    body.remove_prefix(length);
    if (raft::ContentChecksum(entry) != entry.checksum) {
      return Bad(absl::StrCat("entry ", entry.index.value(), " does not match its checksum"));
    }
    previous = entry.id();
  }
  return body.empty() ? absl::OkStatus() : Bad("bytes after the entries");
}

absl::StatusOr<raft::MessageBody> GetAppend(const PeerFrame& frame, std::string_view body) {
  const v1::PeerAppendRequest& from = frame.append_request();
  raft::AppendRequest to;
  to.prev = Get(from.prev());
  to.commit = raft::Index(from.commit());
  to.read = Get(from.read());
  to.echo = Get(from.echo());
  absl::Status status = GetEntries(from, frame.term(), body, to.entries);
  if (!status.ok()) return status;
  return to;
}

absl::StatusOr<raft::MessageBody> GetOffer(const v1::PeerSnapshotOffer& from) {
  absl::StatusOr<raft::Configuration> configuration =
      raft::DecodeConfiguration(from.configuration());
  if (!configuration.ok()) return Bad(configuration.status().message());
  return raft::SnapshotOffer{
      {Get(from.last()), *std::move(configuration), raft::Index(from.configuration_index())}};
}

absl::StatusOr<raft::MessageBody> GetRaftBody(const PeerFrame& frame, std::string_view body) {
  if (!body.empty() && frame.body_case() != PeerFrame::kAppendRequest) return Bad("stray bytes");
  switch (frame.body_case()) {
    case PeerFrame::kVoteRequest: {
      const auto& from = frame.vote_request();
      return raft::VoteRequest{from.pre(), from.transfer(), Get(from.last())};
    }
    case PeerFrame::kVoteResponse:
      return raft::VoteResponse{frame.vote_response().pre(), frame.vote_response().granted()};
    case PeerFrame::kAppendRequest:
      return GetAppend(frame, body);
    case PeerFrame::kAppendResponse: {
      const auto& from = frame.append_response();
      return raft::AppendResponse{
          from.accepted(),  raft::Index(from.match()), raft::Index(from.rejected()),
          Get(from.hint()), Get(from.read()),          Get(from.stamp())};
    }
    case PeerFrame::kHeartbeat: {
      const auto& from = frame.heartbeat();
      return raft::Heartbeat{raft::Index(from.commit()), Get(from.read()), Get(from.echo())};
    }
    case PeerFrame::kHeartbeatResponse: {
      const auto& from = frame.heartbeat_response();
      return raft::HeartbeatResponse{Get(from.read()), raft::Index(from.match()),
                                     Get(from.stamp())};
    }
    case PeerFrame::kReadIndexRequest:
      return raft::ReadIndexRequest{Get(frame.read_index_request().nonce())};
    case PeerFrame::kReadIndexResponse: {
      const auto& from = frame.read_index_response();
      return raft::ReadIndexResponse{Get(from.nonce()), raft::Index(from.index())};
    }
    case PeerFrame::kTimeoutNow:
      return raft::TimeoutNow{};
    case PeerFrame::kSnapshotOffer:
      return GetOffer(frame.snapshot_offer());
    default:
      return absl::UnimplementedError("peer frame of a later version");
  }
}

absl::StatusOr<PeerMessage> GetRaftMessage(const PeerFrame& frame, std::string_view body) {
  absl::StatusOr<raft::MessageBody> message_body = GetRaftBody(frame, body);
  if (!message_body.ok()) return message_body.status();
  raft::Message message;
  message.from = raft::NodeId(frame.from());
  message.to = raft::NodeId(frame.to());
  message.term = raft::Term(frame.term());
  message.incarnation = frame.incarnation();
  message.body = *std::move(message_body);
  return message;
}

absl::StatusOr<PeerMessage> GetProposal(const v1::PeerForwardProposal& from,
                                        std::string_view body) {
  if (from.length() != body.size()) return Bad("a proposal of another length");
  if (from.checksum() != Crc32c(body)) return Bad("a proposal does not match its checksum");
  return ForwardProposal{from.sequence(),
                         body.empty() ? nullptr : std::make_shared<const std::string>(body),
                         raft::Term(from.term())};
}

absl::StatusOr<PeerMessage> GetChunk(v1::PeerSnapshotChunk& from, std::string_view body) {
  if (from.length() != body.size()) return Bad("a snapshot chunk of another length");
  if (from.checksum() != Crc32c(body)) return Bad("a snapshot chunk does not match its checksum");
  SnapshotChunk to;
  to.stream = from.stream();
  to.snapshot = Get(from.snapshot());
  to.term = raft::Term(from.term());
  to.manifest = std::move(*from.mutable_manifest());
  to.file = from.file();
  to.offset = from.offset();
  to.data = body;
  to.last = from.last();
  return to;
}

absl::StatusOr<PeerMessage> GetChunkAck(v1::PeerSnapshotChunkAck& from) {
  SnapshotChunkAck to;
  to.stream = from.stream();
  to.received_bytes = from.received_bytes();
  to.reason = std::move(*from.mutable_reason());
  if (!GetEnum(from.state(), SnapshotChunkAck::State::kRefused, to.state)) return Bad("chunk ack");
  return to;
}

absl::StatusOr<PeerMessage> GetMemberQuestion(const v1::PeerMemberQuestion& from) {
  MemberQuestion to;
  to.sequence = from.sequence();
  to.change.member = raft::NodeId(from.member());
  to.change.peer_urls.assign(from.peer_urls().begin(), from.peer_urls().end());
  if (!GetEnum(from.kind(), MemberChange::Kind::kUpdate, to.change.kind)) return Bad("question");
  return to;
}

absl::StatusOr<PeerMessage> GetStateQuestion(const v1::PeerStateQuestion& from) {
  StateQuestion to;
  to.sequence = from.sequence();
  to.piece.revision = from.revision();
  to.piece.first_revision = from.first_revision();
  to.piece.begin = from.begin();
  to.applied = raft::Index(from.applied());
  to.revision = from.store_revision();
  if (from.has_end()) to.piece.end = from.end();
  if (!GetEnum(from.kind(), StatePiece::Kind::kChanges, to.piece.kind)) return Bad("question");
  const bool pairs = to.piece.kind == StatePiece::Kind::kPairs;
  if (to.piece.revision < 1 || (!pairs && to.piece.first_revision < 1)) return Bad("revision");
  return to;
}

absl::StatusOr<PeerMessage> GetStateAnswer(const v1::PeerStateAnswer& from) {
  StateAnswer to{.sequence = from.sequence(), .hash = from.hash()};
  if (!GetEnum(from.outcome(), StateAnswer::Outcome::kOtherRevision, to.outcome))
    return Bad("answer");
  return to;
}

absl::StatusOr<PeerMessage> GetMemberAnswer(const v1::PeerMemberAnswer& from) {
  MemberAnswer to{.sequence = from.sequence(),
                  .member = raft::NodeId(from.member()),
                  .entry = Get(from.entry())};
  if (!GetEnum(from.outcome(), MemberOutcome::kTooManyMembers, to.outcome)) return Bad("answer");
  return to;
}

absl::StatusOr<PeerMessage> GetSmall(PeerFrame& frame) {
  switch (frame.body_case()) {
    case PeerFrame::kForwardRefused: {
      ForwardRefused to{.sequence = frame.forward_refused().sequence(),
                        .term = raft::Term(frame.forward_refused().term())};
      if (!GetEnum(frame.forward_refused().reason(), ForwardRefused::Reason::kTransferring,
                   to.reason)) {
        return Bad("refusal");
      }
      return to;
    }
    case PeerFrame::kLeaseQuestion: {
      const auto& from = frame.lease_question();
      LeaseQuestion to{.sequence = from.sequence(), .lease = from.lease()};
      if (!GetEnum(from.kind(), LeaseQuestion::Kind::kTimeToLive, to.kind)) return Bad("question");
      return to;
    }
    case PeerFrame::kLeaseAnswer: {
      const auto& from = frame.lease_answer();
      LeaseAnswer to{.sequence = from.sequence(),
                     .ttl_seconds = from.ttl_seconds(),
                     .granted_ttl_seconds = from.granted_ttl_seconds()};
      if (!GetEnum(from.outcome(), LeaseAnswer::Outcome::kNotLeader, to.outcome)) {
        return Bad("answer");
      }
      return to;
    }
    case PeerFrame::kMemberQuestion:
      return GetMemberQuestion(frame.member_question());
    case PeerFrame::kMemberAnswer:
      return GetMemberAnswer(frame.member_answer());
    case PeerFrame::kStateQuestion:
      return GetStateQuestion(frame.state_question());
    case PeerFrame::kStateAnswer:
      return GetStateAnswer(frame.state_answer());
    default:
      return GetChunkAck(*frame.mutable_snapshot_chunk_ack());
  }
}

}  // namespace

absl::StatusOr<FrameHead> ParseFrameHead(std::string_view bytes) {
  const FrameHead head{GetFixed32(bytes.data()), GetFixed32(bytes.data() + 4),
                       GetFixed32(bytes.data() + 8)};
  if (head.header_bytes == 0 || head.header_bytes > kMaxHeaderBytes) return Bad("header length");
  if (head.body_bytes > kMaxBodyBytes) return Bad("body length");
  return head;
}

std::optional<PeerProbe> DecodeProbe(std::string_view bytes) {
  const absl::StatusOr<FrameHead> head = ParseFrameHead(bytes);
  KEELSON_CHECK(head.ok() && head->frame_bytes() == bytes.size(), "the frame is verified");
  PeerFrame frame;
  if (!frame.ParseFromArray(bytes.data() + kFrameHeadBytes, static_cast<int>(head->header_bytes)) ||
      !frame.has_probe()) {
    return std::nullopt;
  }
  return PeerProbe{frame.probe().sequence(), frame.probe().answer()};
}

absl::StatusOr<PeerMessage> DecodeFrame(std::string_view bytes) {
  if (bytes.size() < kFrameHeadBytes) return Bad("truncated");
  const absl::StatusOr<FrameHead> head = ParseFrameHead(bytes);
  if (!head.ok()) return head.status();
  if (bytes.size() != head->frame_bytes()) return Bad("truncated");
  const std::string_view header = bytes.substr(kFrameHeadBytes, head->header_bytes);
  const std::string_view body = bytes.substr(kFrameHeadBytes + head->header_bytes);
  if (Crc32c(header, Crc32c(bytes.substr(0, 8))) != head->checksum) return Bad("header checksum");

  PeerFrame frame;
  if (!frame.ParseFromArray(header.data(), static_cast<int>(header.size()))) {
    return Bad("header is no PeerFrame");
  }
  switch (frame.body_case()) {
    case PeerFrame::kForwardProposal:
      return GetProposal(frame.forward_proposal(), body);
    case PeerFrame::kSnapshotChunk:
      return GetChunk(*frame.mutable_snapshot_chunk(), body);
    case PeerFrame::kForwardRefused:
    case PeerFrame::kLeaseQuestion:
    case PeerFrame::kLeaseAnswer:
    case PeerFrame::kMemberQuestion:
    case PeerFrame::kMemberAnswer:
    case PeerFrame::kStateQuestion:
    case PeerFrame::kStateAnswer:
    case PeerFrame::kSnapshotChunkAck:
      return body.empty() ? GetSmall(frame) : Bad("stray bytes");
    default:
      return GetRaftMessage(frame, body);
  }
}

}  // namespace keelson::server
