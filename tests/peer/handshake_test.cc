#include "server/peer/handshake.h"

#include <gtest/gtest.h>

namespace keelson::server {
namespace {

PeerIdentity Member(uint64_t id) {
  PeerIdentity identity;
  identity.cluster_id = 0xc1;
  identity.id = raft::NodeId(id);
  identity.incarnation = 100 + id;
  identity.process_nonce = 200 + id;
  identity.peer_urls = {"http://127.0.0.1:1"};
  return identity;
}

PeerRefusal AdmitAll(const PeerHello&) { return PeerRefusal::kNone; }

// What member 2 makes of the offer of `dialler` to `to`.
HandshakeVerdict OfferJudged(const PeerIdentity& dialler, uint64_t to = 2,
                             const AdmitPeer& admit = AdmitAll) {
  return JudgeOffer(Member(2), MakeOffer(dialler, raft::NodeId(to), PeerChannel::kBulk), admit);
}

TEST(Handshake, MembersOfOneClusterLearnWhoTheOtherIs) {
  const v1::PeerHandshake offer = MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kBulk);
  const HandshakeVerdict two = JudgeOffer(Member(2), offer, AdmitAll);
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(two.hello.id, raft::NodeId(1));
  EXPECT_EQ(two.hello.incarnation, 101u);
  EXPECT_EQ(two.hello.process_nonce, 201u);
  EXPECT_EQ(two.hello.version, 1u);
  EXPECT_EQ(two.hello.entry_version, 1u);
  EXPECT_EQ(two.hello.peer_urls, Member(1).peer_urls);
  EXPECT_EQ(two.channel, PeerChannel::kBulk);

  const v1::PeerHandshake answer = MakeAnswer(Member(2), offer, two);
  const HandshakeVerdict one = JudgeAnswer(Member(1), offer, answer, AdmitAll);
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(one.hello.id, raft::NodeId(2));
  EXPECT_EQ(one.hello.incarnation, 102u);
}

TEST(Handshake, RefusesAnotherClusterAndNamesBothIds) {
  PeerIdentity stranger = Member(1);
  stranger.cluster_id = 0xc2;
  const HandshakeVerdict verdict = OfferJudged(stranger);
  EXPECT_EQ(verdict.fault.reason, PeerRefusal::kOtherCluster);
  EXPECT_NE(verdict.fault.detail.find("c2"), std::string::npos);
  EXPECT_NE(verdict.fault.detail.find("c1"), std::string::npos);
  EXPECT_FALSE(verdict.fault.by_peer);
}

TEST(Handshake, RefusesADiallerThatWantedAnotherMember) {
  EXPECT_EQ(OfferJudged(Member(1), 3).fault.reason, PeerRefusal::kWrongMember);
}

TEST(Handshake, TellsAMemberThatDialledItselfFromACopyOfIt) {
  const HandshakeVerdict itself = OfferJudged(Member(2));
  EXPECT_EQ(itself.fault.reason, PeerRefusal::kWrongMember);
  EXPECT_NE(itself.fault.detail.find("itself"), std::string::npos);
  PeerIdentity copy = Member(2);
  copy.process_nonce = 999;
  EXPECT_EQ(OfferJudged(copy).fault.reason, PeerRefusal::kWrongMember);
  EXPECT_NE(OfferJudged(copy).fault.detail.find("copied"), std::string::npos);
}

TEST(Handshake, WhoeverDecidesOnMembershipIsAskedAndGivesAdvice) {
  for (const PeerRefusal refusal :
       {PeerRefusal::kUnknownMember, PeerRefusal::kRemovedMember, PeerRefusal::kWrongIncarnation}) {
    const HandshakeVerdict verdict = OfferJudged(Member(1), 2, [&](const PeerHello& hello) {
      EXPECT_EQ(hello.incarnation, 101u);
      return refusal;
    });
    EXPECT_EQ(verdict.fault.reason, refusal);
    EXPECT_EQ(verdict.fault.peer, raft::NodeId(1));
    EXPECT_NE(verdict.fault.detail.find("add"), std::string::npos) << verdict.fault.detail;
  }
}

TEST(Handshake, RefusesVersionsThatDoNotMeetAndAgreesOnTheHighestOfThoseThatDo) {
  v1::PeerHandshake offer = MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kBulk);
  offer.set_max_version(9);
  EXPECT_EQ(JudgeOffer(Member(2), offer, AdmitAll).hello.version, 1u);
  offer.set_min_version(2);
  EXPECT_EQ(JudgeOffer(Member(2), offer, AdmitAll).fault.reason, PeerRefusal::kNoCommonVersion);
  offer.set_min_version(10);
  EXPECT_EQ(JudgeOffer(Member(2), offer, AdmitAll).fault.reason, PeerRefusal::kMalformed);
}

TEST(Handshake, RefusesAMemberThatCannotReadTheEntriesInUseOnEitherSide) {
  PeerIdentity old = Member(1);
  old.entry_version = 0;
  EXPECT_EQ(OfferJudged(old).fault.reason, PeerRefusal::kFormatTooOld);
  PeerIdentity demanding = Member(1);
  demanding.required_version = 2;
  EXPECT_EQ(OfferJudged(demanding).fault.reason, PeerRefusal::kFormatTooOld);
}

TEST(Handshake, ARefusalReachesTheDiallerWithItsReason) {
  const v1::PeerHandshake offer = MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kUrgent);
  const HandshakeVerdict two =
      JudgeOffer(Member(2), offer, [](const PeerHello&) { return PeerRefusal::kRemovedMember; });
  const HandshakeVerdict one =
      JudgeAnswer(Member(1), offer, MakeAnswer(Member(2), offer, two), AdmitAll);
  EXPECT_EQ(one.fault.reason, PeerRefusal::kRemovedMember);
  EXPECT_TRUE(one.fault.by_peer);
  EXPECT_EQ(one.fault.peer, raft::NodeId(2));
  EXPECT_EQ(one.fault.detail, two.fault.detail);
}

TEST(Handshake, TheDiallerRefusesAnAnswerFromAnotherMemberOrCluster) {
  const v1::PeerHandshake offer = MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kUrgent);
  v1::PeerHandshake answer = MakeAnswer(Member(3), offer, {});
  EXPECT_EQ(JudgeAnswer(Member(1), offer, answer, AdmitAll).fault.reason,
            PeerRefusal::kWrongMember);
  answer = MakeAnswer(Member(2), offer, {});
  answer.set_cluster_id(7);
  EXPECT_EQ(JudgeAnswer(Member(1), offer, answer, AdmitAll).fault.reason,
            PeerRefusal::kOtherCluster);
  answer.set_refusal(static_cast<v1::PeerRefusalReason>(99));
  EXPECT_EQ(JudgeAnswer(Member(1), offer, answer, AdmitAll).fault.reason, PeerRefusal::kMalformed);
}

TEST(Handshake, RefusesAnOfferThatMakesNoSense) {
  const v1::PeerHandshake good = MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kUrgent);
  const auto refused = [&](auto change) {
    v1::PeerHandshake offer = good;
    change(offer);
    return JudgeOffer(Member(2), offer, AdmitAll).fault.reason == PeerRefusal::kMalformed;
  };
  EXPECT_TRUE(refused([](v1::PeerHandshake& o) { o.set_from(0); }));
  EXPECT_TRUE(refused([](v1::PeerHandshake& o) { o.set_to(0); }));
  EXPECT_TRUE(refused([](v1::PeerHandshake& o) { o.set_process_nonce(0); }));
  EXPECT_TRUE(refused([](v1::PeerHandshake& o) { o.set_channel(3); }));
}

TEST(HandshakeBytes, AreTakenWholeFromTheFrontOfWhatArrived) {
  const v1::PeerHandshake offer = MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kUrgent);
  const std::string bytes = EncodeHandshake(offer);
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto parsed = ParseHandshake(std::string_view(bytes).substr(0, length));
    ASSERT_TRUE(parsed.ok()) << length;
    EXPECT_EQ(parsed->bytes, 0u);
  }
  const auto parsed = ParseHandshake(bytes + "more");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->bytes, bytes.size());
  EXPECT_EQ(parsed->message.SerializeAsString(), offer.SerializeAsString());
}

TEST(HandshakeBytes, GarbageIsKnownByItsFirstByteAndNoFlippedBitGoesUnnoticed) {
  EXPECT_FALSE(ParseHandshake("G").ok());
  EXPECT_FALSE(ParseHandshake("GET /version HTTP/1.1\r\n").ok());
  const std::string good =
      EncodeHandshake(MakeOffer(Member(1), raft::NodeId(2), PeerChannel::kUrgent));
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    const auto parsed = ParseHandshake(bytes);
    EXPECT_TRUE(!parsed.ok() || parsed->bytes == 0) << "byte " << at;
  }
}

}  // namespace
}  // namespace keelson::server
