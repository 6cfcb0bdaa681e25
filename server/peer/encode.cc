#include <utility>

#include "base/check.h"
#include "base/crc32c.h"
#include "proto/keelson/peer.pb.h"
#include "raft/config_codec.h"
#include "server/peer/bytes.h"
#include "server/peer/codec.h"

namespace keelson::server {
namespace {

using v1::PeerFrame;

void Put(const raft::EntryId& from, v1::PeerEntryId* to) {
  to->set_term(from.term.value());
  to->set_index(from.index.value());
}

void Put(const raft::ReadNonce& from, v1::PeerReadNonce* to) {
  to->set_term(from.term.value());
  to->set_boot_id(from.boot_id);
  to->set_counter(from.counter);
}

void Put(const raft::FreshnessStamp& from, v1::PeerStamp* to) {
  to->set_stamp(from.stamp);
  to->set_process_nonce(from.process_nonce);
}

void Put(const raft::FreshnessEcho& from, v1::PeerEcho* to) {
  Put(from.stamp, to->mutable_stamp());
  to->set_commit(from.commit.value());
}

// What follows the header. At most one of the two is used, but for the entries of an append.
struct Body {
  std::vector<std::shared_ptr<const std::string>> shared;
  std::string own;
  size_t bytes = 0;

  void Share(std::shared_ptr<const std::string> payload) {
    if (payload == nullptr) return;
    bytes += payload->size();
    shared.push_back(std::move(payload));
  }
  void Take(std::string data) {
    bytes += data.size();
    own = std::move(data);
  }
};

// Turns each kind of message into its part of the header and its body.
class Encoder {
 public:
  Encoder(PeerFrame& frame, Body& body) : frame_(frame), body_(body) {}

  void operator()(raft::Message& message) {
    frame_.set_from(message.from.value());
    frame_.set_to(message.to.value());
    frame_.set_term(message.term.value());
    frame_.set_incarnation(message.incarnation);
    std::visit(*this, message.body);
  }

  void operator()(const raft::VoteRequest& from) {
    auto* to = frame_.mutable_vote_request();
    to->set_pre(from.pre);
    to->set_transfer(from.transfer);
    Put(from.last, to->mutable_last());
  }

  void operator()(const raft::VoteResponse& from) {
    auto* to = frame_.mutable_vote_response();
    to->set_pre(from.pre);
    to->set_granted(from.granted);
  }

  void operator()(raft::AppendRequest& from) {
    auto* to = frame_.mutable_append_request();
    Put(from.prev, to->mutable_prev());
    to->set_commit(from.commit.value());
    if (!from.read.IsNone()) Put(from.read, to->mutable_read());
    if (!from.echo.stamp.IsNone()) Put(from.echo, to->mutable_echo());
    const int count = static_cast<int>(from.entries.size());
    to->mutable_entry_term()->Reserve(count);
    to->mutable_entry_type()->Reserve(count);
    to->mutable_entry_checksum()->Reserve(count);
    to->mutable_entry_length()->Reserve(count);
    raft::Index expected = from.prev.index;
    for (raft::Entry& entry : from.entries) {
      expected = expected.Next();
      KEELSON_CHECK(entry.index == expected, "the entries of an append follow each other");
      to->add_entry_term(entry.term.value());
      to->add_entry_type(static_cast<uint32_t>(entry.type));
      to->add_entry_checksum(entry.checksum);
      to->add_entry_length(static_cast<uint32_t>(entry.bytes().size()));
      body_.Share(std::move(entry.payload));
    }
  }

  void operator()(const raft::AppendResponse& from) {
    auto* to = frame_.mutable_append_response();
    to->set_accepted(from.accepted);
    to->set_match(from.match.value());
    to->set_rejected(from.rejected.value());
    if (from.hint != raft::EntryId()) Put(from.hint, to->mutable_hint());
    if (!from.read.IsNone()) Put(from.read, to->mutable_read());
    if (!from.stamp.IsNone()) Put(from.stamp, to->mutable_stamp());
  }

  void operator()(const raft::Heartbeat& from) {
    auto* to = frame_.mutable_heartbeat();
    to->set_commit(from.commit.value());
    if (!from.read.IsNone()) Put(from.read, to->mutable_read());
    if (!from.echo.stamp.IsNone()) Put(from.echo, to->mutable_echo());
  }

  void operator()(const raft::HeartbeatResponse& from) {
    auto* to = frame_.mutable_heartbeat_response();
    to->set_match(from.match.value());
    if (!from.read.IsNone()) Put(from.read, to->mutable_read());
    if (!from.stamp.IsNone()) Put(from.stamp, to->mutable_stamp());
  }

  void operator()(const raft::ReadIndexRequest& from) {
    Put(from.nonce, frame_.mutable_read_index_request()->mutable_nonce());
  }

  void operator()(const raft::ReadIndexResponse& from) {
    auto* to = frame_.mutable_read_index_response();
    Put(from.nonce, to->mutable_nonce());
    to->set_index(from.index.value());
  }

  void operator()(const raft::TimeoutNow&) { frame_.mutable_timeout_now(); }

  void operator()(const raft::SnapshotOffer& from) {
    auto* to = frame_.mutable_snapshot_offer();
    Put(from.meta.last, to->mutable_last());
    to->set_configuration(raft::EncodeConfiguration(from.meta.configuration));
    to->set_configuration_index(from.meta.configuration_index.value());
  }

  void operator()(ForwardProposal& from) {
    auto* to = frame_.mutable_forward_proposal();
    to->set_sequence(from.sequence);
    to->set_term(from.term.value());
    if (from.payload == nullptr) return;
    to->set_length(static_cast<uint32_t>(from.payload->size()));
    to->set_checksum(Crc32c(*from.payload));
    body_.Share(std::move(from.payload));
  }

  void operator()(const ForwardRefused& from) {
    auto* to = frame_.mutable_forward_refused();
    to->set_sequence(from.sequence);
    to->set_reason(static_cast<uint32_t>(from.reason));
    to->set_term(from.term.value());
  }

  void operator()(const LeaseQuestion& from) {
    auto* to = frame_.mutable_lease_question();
    to->set_sequence(from.sequence);
    to->set_kind(static_cast<uint32_t>(from.kind));
    to->set_lease(from.lease);
  }

  void operator()(const LeaseAnswer& from) {
    auto* to = frame_.mutable_lease_answer();
    to->set_sequence(from.sequence);
    to->set_outcome(static_cast<uint32_t>(from.outcome));
    to->set_ttl_seconds(from.ttl_seconds);
    to->set_granted_ttl_seconds(from.granted_ttl_seconds);
  }

  void operator()(const MemberQuestion& from) {
    auto* to = frame_.mutable_member_question();
    to->set_sequence(from.sequence);
    to->set_kind(static_cast<uint32_t>(from.change.kind));
    to->set_member(from.change.member.value());
    for (const std::string& url : from.change.peer_urls) to->add_peer_urls(url);
  }

  void operator()(const MemberAnswer& from) {
    auto* to = frame_.mutable_member_answer();
    to->set_sequence(from.sequence);
    to->set_outcome(static_cast<uint32_t>(from.outcome));
    to->set_member(from.member.value());
    Put(from.entry, to->mutable_entry());
  }

  void operator()(const StateQuestion& from) {
    auto* to = frame_.mutable_state_question();
    to->set_sequence(from.sequence);
    to->set_kind(static_cast<uint32_t>(from.piece.kind));
    to->set_revision(from.piece.revision);
    to->set_first_revision(from.piece.first_revision);
    to->set_begin(from.piece.begin);
    to->set_applied(from.applied.value());
    to->set_store_revision(from.revision);
    if (from.piece.end) to->set_end(*from.piece.end);
  }

  void operator()(const StateAnswer& from) {
    auto* to = frame_.mutable_state_answer();
    to->set_sequence(from.sequence);
    to->set_outcome(static_cast<uint32_t>(from.outcome));
    to->set_hash(from.hash);
  }

  void operator()(SnapshotChunk& from) {
    auto* to = frame_.mutable_snapshot_chunk();
    to->set_stream(from.stream);
    Put(from.snapshot, to->mutable_snapshot());
    to->set_term(from.term.value());
    to->set_manifest(std::move(from.manifest));
    to->set_file(from.file);
    to->set_offset(from.offset);
    to->set_last(from.last);
    to->set_length(static_cast<uint32_t>(from.data.size()));
    to->set_checksum(Crc32c(from.data));
    body_.Take(std::move(from.data));
  }

  void operator()(SnapshotChunkAck& from) {
    auto* to = frame_.mutable_snapshot_chunk_ack();
    to->set_stream(from.stream);
    to->set_received_bytes(from.received_bytes);
    to->set_state(static_cast<uint32_t>(from.state));
    to->set_reason(std::move(from.reason));
  }

 private:
  PeerFrame& frame_;
  Body& body_;
};

// REQUIRES: `header_bytes` is what ByteSizeLong of `frame` told last.
void AppendHeader(const PeerFrame& frame, size_t header_bytes, size_t body_bytes,
                  ScatterList& out) {
  char* const head = out.Extend(kFrameHeadBytes + header_bytes);
  char* const header = head + kFrameHeadBytes;
  PutFixed32(head, static_cast<uint32_t>(header_bytes));
  PutFixed32(head + 4, static_cast<uint32_t>(body_bytes));
  frame.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(header));
  const uint32_t lengths_crc = Crc32c(std::string_view(head, 8));
  PutFixed32(head + 8, Crc32c(std::string_view(header, header_bytes), lengths_crc));
}

}  // namespace

bool EncodeFrame(PeerMessage message, ScatterList& out) {
  PeerFrame frame;
  Body body;
  std::visit(Encoder(frame, body), message);
  const size_t header_bytes = frame.ByteSizeLong();
  if (header_bytes > kMaxHeaderBytes || body.bytes > kMaxBodyBytes) return false;
  AppendHeader(frame, header_bytes, body.bytes, out);
  for (auto& payload : body.shared) out.Share(std::move(payload));
  out.Take(std::move(body.own));
  return true;
}

void EncodeProbe(const PeerProbe& probe, ScatterList& out) {
  PeerFrame frame;
  frame.mutable_probe()->set_sequence(probe.sequence);
  frame.mutable_probe()->set_answer(probe.answer);
  AppendHeader(frame, frame.ByteSizeLong(), 0, out);
}

}  // namespace keelson::server
