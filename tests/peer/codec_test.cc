#include "server/peer/codec.h"

#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.h"
#include "proto/keelson/peer.pb.h"
#include "server/peer/bytes.h"
#include "tests/peer/messages.h"

namespace keelson::server {
namespace {

std::string Encode(const PeerMessage& message) {
  ScatterList out;
  EXPECT_TRUE(EncodeFrame(message, out));
  return out.ToString();
}

// A frame around any header, with a good checksum.
std::string Frame(const v1::PeerFrame& frame, const std::string& body = "") {
  const std::string header = frame.SerializeAsString();
  std::string bytes(kFrameHeadBytes, '\0');
  PutFixed32(bytes.data(), static_cast<uint32_t>(header.size()));
  PutFixed32(bytes.data() + 4, static_cast<uint32_t>(body.size()));
  PutFixed32(bytes.data() + 8, Crc32c(header, Crc32c(std::string_view(bytes).substr(0, 8))));
  return bytes + header + body;
}

v1::PeerFrame HeaderOf(const std::string& bytes) {
  v1::PeerFrame frame;
  EXPECT_TRUE(
      frame.ParseFromString(bytes.substr(kFrameHeadBytes, ParseFrameHead(bytes)->header_bytes)));
  return frame;
}

TEST(PeerCodec, EveryKindOfMessageComesBackWithAllItsFields) {
  for (const PeerMessage& message : OneOfEveryKind()) {
    const std::string bytes = Encode(message);
    const absl::StatusOr<FrameHead> head = ParseFrameHead(bytes);
    ASSERT_TRUE(head.ok()) << head.status();
    EXPECT_EQ(head->frame_bytes(), bytes.size());
    const absl::StatusOr<PeerMessage> decoded = DecodeFrame(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status() << "\n" << Dump(message);
    EXPECT_EQ(Dump(*decoded), Dump(message));
  }
}

TEST(PeerCodec, TheExamplesCoverEveryKindOfBody) {
  std::set<int> seen;
  for (const PeerMessage& message : OneOfEveryKind()) {
    seen.insert(HeaderOf(Encode(message)).body_case());
  }
  seen.insert(v1::PeerFrame::kProbe);  // of the transport, no message
  const auto* oneof = v1::PeerFrame::descriptor()->FindOneofByName("body");
  EXPECT_EQ(static_cast<int>(seen.size()), oneof->field_count());
}

TEST(PeerCodec, AProbeIsAFrameThatWhoKnowsNonePassesOver) {
  for (const bool answer : {false, true}) {
    ScatterList out;
    EncodeProbe({.sequence = 7, .answer = answer}, out);
    const std::string bytes = out.ToString();
    EXPECT_TRUE(absl::IsUnimplemented(DecodeFrame(bytes).status()));
    const std::optional<PeerProbe> probe = DecodeProbe(bytes);
    ASSERT_TRUE(probe.has_value());
    EXPECT_EQ(probe->sequence, 7u);
    EXPECT_EQ(probe->answer, answer);
  }
  v1::PeerFrame later;
  later.set_from(1);
  EXPECT_FALSE(DecodeProbe(Frame(later)).has_value());
}

TEST(PeerCodec, LargePayloadsAreSharedAndSmallOnesCopiedTogether) {
  raft::Message message = MakeAppend(2, 10);
  auto& entries = std::get<raft::AppendRequest>(message.body).entries;
  const auto large = std::make_shared<const std::string>(100'000, 'x');
  entries.push_back(
      raft::MakeEntry({raft::Term(8), raft::Index(103)}, raft::EntryType::kNormal, large));
  ScatterList out;
  ASSERT_TRUE(EncodeFrame(message, out));
  std::vector<std::string_view> pieces(8);
  ASSERT_EQ(out.Pieces(absl::MakeSpan(pieces)), 2u);
  EXPECT_EQ(pieces[1].data(), large->data());
}

TEST(PeerCodec, WhatIsNoneDecodesToNothingWhateverElseTheFrameSaysOfIt) {
  v1::PeerFrame frame;
  v1::PeerHeartbeatResponse& said = *frame.mutable_heartbeat_response();
  said.mutable_read()->set_term(40);      // no counter
  said.mutable_stamp()->set_stamp(1234);  // no process
  const absl::StatusOr<PeerMessage> decoded = DecodeFrame(Frame(frame));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const auto& body = std::get<raft::HeartbeatResponse>(std::get<raft::Message>(*decoded).body);
  EXPECT_EQ(body.read, raft::ReadNonce{});
  EXPECT_EQ(body.stamp, raft::FreshnessStamp{});
}

TEST(PeerCodec, NoTruncatedFrameDecodes) {
  for (const PeerMessage& message : OneOfEveryKind()) {
    const std::string bytes = Encode(message);
    for (size_t length = 0; length < bytes.size(); length += 1 + length / 64) {
      EXPECT_EQ(DecodeFrame(bytes.substr(0, length)).status().code(), absl::StatusCode::kDataLoss);
    }
    EXPECT_FALSE(DecodeFrame(bytes + "x").ok());
  }
}

TEST(PeerCodec, NoFlippedBitGoesUnnoticed) {
  for (const PeerMessage& message : OneOfEveryKind()) {
    const std::string good = Encode(message);
    for (size_t at = 0; at < good.size(); at += 1 + at / 64) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
      EXPECT_FALSE(DecodeFrame(bytes).ok()) << "byte " << at << " of\n" << Dump(message);
    }
  }
}

TEST(PeerCodec, LengthsAreRefusedBeforeAnythingIsAllocatedForThem) {
  std::string head(kFrameHeadBytes, '\0');
  EXPECT_FALSE(ParseFrameHead(head).ok());  // no header
  PutFixed32(head.data(), kMaxHeaderBytes + 1);
  EXPECT_FALSE(ParseFrameHead(head).ok());
  PutFixed32(head.data(), kMaxHeaderBytes);
  EXPECT_TRUE(ParseFrameHead(head).ok());
  PutFixed32(head.data() + 4, kMaxBodyBytes + 1);
  EXPECT_FALSE(ParseFrameHead(head).ok());
}

TEST(PeerCodec, AMessageBeyondTheLimitsIsNotEncoded) {
  ScatterList out;
  out.Copy("before");
  EXPECT_FALSE(EncodeFrame(
      ForwardProposal{1, std::make_shared<const std::string>(kMaxBodyBytes + 1, 'x')}, out));
  EXPECT_EQ(out.ToString(), "before");
}

TEST(PeerCodec, AFrameOfALaterVersionIsTold) {
  v1::PeerFrame frame;
  frame.set_from(1);
  EXPECT_EQ(DecodeFrame(Frame(frame)).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(PeerCodec, EntriesThatContradictTheirHeaderAreRefused) {
  const std::string good = Encode(MakeAppend(3, 10));
  const std::string body = good.substr(good.size() - 30);
  const v1::PeerFrame header = HeaderOf(good);
  ASSERT_TRUE(DecodeFrame(Frame(header, body)).ok());
  const auto refused = [&](auto change) {
    v1::PeerFrame frame = header;
    change(*frame.mutable_append_request());
    return DecodeFrame(Frame(frame, body)).status().code() == absl::StatusCode::kDataLoss;
  };
  using Append = v1::PeerAppendRequest;
  EXPECT_TRUE(refused([](Append& a) { a.add_entry_length(1); }));
  EXPECT_TRUE(refused([](Append& a) { a.add_entry_term(8); }));
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_length(0, 11); }));
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_length(2, 0xffffffff); }));
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_length(2, 9); }));
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_type(1, 3); }));
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_type(1, 1); }));  // not what was summed
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_term(1, 9); }));
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_term(0, 6); }));   // before prev
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_term(2, 99); }));  // after the leader's
  EXPECT_TRUE(refused([](Append& a) { a.set_entry_checksum(0, 0); }));
  EXPECT_TRUE(refused([](Append& a) { a.mutable_prev()->set_index(50); }));
  EXPECT_TRUE(refused([](Append& a) { a.mutable_prev()->set_index(~uint64_t{0}); }));
}

TEST(PeerCodec, NumbersOutsideAnEnumAndStrayBytesAreRefused) {
  v1::PeerFrame frame;
  frame.mutable_forward_refused()->set_reason(3);
  EXPECT_FALSE(DecodeFrame(Frame(frame)).ok());
  frame.mutable_lease_question()->set_kind(2);
  EXPECT_FALSE(DecodeFrame(Frame(frame)).ok());
  frame.mutable_lease_answer()->set_outcome(3);
  EXPECT_FALSE(DecodeFrame(Frame(frame)).ok());
  frame.mutable_snapshot_chunk_ack()->set_state(3);
  EXPECT_FALSE(DecodeFrame(Frame(frame)).ok());
  frame.mutable_snapshot_offer()->set_configuration("nonsense");
  EXPECT_FALSE(DecodeFrame(Frame(frame)).ok());
  frame.mutable_heartbeat();
  EXPECT_TRUE(DecodeFrame(Frame(frame)).ok());
  EXPECT_FALSE(DecodeFrame(Frame(frame, "x")).ok());
  frame.mutable_lease_question();
  EXPECT_FALSE(DecodeFrame(Frame(frame, "x")).ok());
}

TEST(PeerChannels, SeparateWhatIsUrgentFromWhatIsBulky) {
  const auto of = [](raft::MessageBody body) {
    return ChannelOf(MakeRaftMessage(std::move(body)));
  };
  EXPECT_EQ(of(raft::Heartbeat()), PeerChannel::kUrgent);
  EXPECT_EQ(of(raft::HeartbeatResponse()), PeerChannel::kUrgent);
  EXPECT_EQ(of(raft::VoteRequest()), PeerChannel::kUrgent);
  EXPECT_EQ(of(raft::ReadIndexRequest()), PeerChannel::kUrgent);
  EXPECT_EQ(of(raft::TimeoutNow()), PeerChannel::kUrgent);
  EXPECT_EQ(of(raft::AppendRequest()), PeerChannel::kBulk);
  EXPECT_EQ(of(raft::AppendResponse()), PeerChannel::kBulk);
  EXPECT_EQ(of(raft::SnapshotOffer()), PeerChannel::kSnapshot);
  EXPECT_EQ(ChannelOf(ForwardProposal()), PeerChannel::kBulk);
  EXPECT_EQ(ChannelOf(ForwardRefused()), PeerChannel::kUrgent);
  EXPECT_EQ(ChannelOf(LeaseQuestion()), PeerChannel::kUrgent);
  EXPECT_EQ(ChannelOf(SnapshotChunk()), PeerChannel::kSnapshot);
  EXPECT_EQ(ChannelOf(SnapshotChunkAck()), PeerChannel::kSnapshot);
}

class ScatterListTest : public testing::TestWithParam<int> {};

TEST_P(ScatterListTest, KeepsAllBytesInOrderWhateverIsCopiedSharedTakenAndConsumed) {
  std::mt19937_64 random(GetParam());  // the seed is the test's number: --gtest_filter replays it
  ScatterList list;
  std::string expected;
  for (int step = 0; step < 500; ++step) {
    std::string bytes(random() % 3 == 0 ? random() % 70'000 : random() % 100, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const uint64_t action = random() % 5;
    if (action < 3) expected += bytes;
    if (action == 0) list.Copy(bytes);
    if (action == 1) list.Share(std::make_shared<const std::string>(bytes));
    if (action == 2) list.Take(std::move(bytes));
    if (action > 2) {
      std::vector<std::string_view> pieces(1 + random() % 8);
      const size_t count = list.Pieces(absl::MakeSpan(pieces));
      std::string front;
      for (size_t i = 0; i < count; ++i) front += pieces[i];
      ASSERT_EQ(front, expected.substr(0, front.size()));
      const size_t drop = front.empty() ? 0 : random() % (front.size() + 1);
      list.Consume(drop);
      expected.erase(0, drop);
    }
    ASSERT_EQ(list.bytes(), expected.size());
  }
  EXPECT_EQ(list.ToString(), expected);
  list.Consume(list.bytes());
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.ToString(), "");
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScatterListTest, testing::Range(0, 8));

}  // namespace
}  // namespace keelson::server
