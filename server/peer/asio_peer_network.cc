#include "server/peer/asio_peer_network.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "server/peer/codec.h"

namespace keelson::server {
namespace {

// Guests are members of a configuration that this member has yet to learn; more than a cluster can
// have are somebody's mistake.
constexpr size_t kMaxLinks = 2 * raft::Configuration::kMaxMembers;

}  // namespace

AsioPeerNetwork::AsioPeerNetwork(AsioLoop& loop, PeerIdentity self, Random random,
                                 const PeerTransportOptions& options)
    : loop_(loop),
      self_(std::move(self)),
      random_(std::move(random)),
      options_(options),
      notices_(loop, events_),
      acceptor_(loop, options.dead_after,
                [this](std::unique_ptr<PeerStream> stream) { OnStream(std::move(stream)); }) {
  KEELSON_CHECK(!self_.id.IsNone() && self_.process_nonce != 0, "a member has an identity");
}

AsioPeerNetwork::~AsioPeerNetwork() {
  loop_.Cancel(probe_timer_);
  for (const auto& connection : unknown_) connection->Close();
}

absl::Status AsioPeerNetwork::Listen(const std::vector<std::string>& urls) {
  KEELSON_CHECK(events_.on_message != nullptr, "events are set before anything arrives");
  for (const std::string& url : urls) {
    absl::Status status = acceptor_.Listen(url);
    if (!status.ok()) return status;
  }
  ProbeAll();
  return absl::OkStatus();
}

void AsioPeerNetwork::ProbeAll() {
  for (const auto& [id, links] : links_) links->Probe(loop_.Now());
  probe_timer_ = loop_.After(options_.probe_interval, [this] { ProbeAll(); });
}

void AsioPeerNetwork::SetEvents(Events events) {
  KEELSON_CHECK(events.on_message && events.on_connected && events.on_closed, "all are needed");
  KEELSON_CHECK(events_.on_message == nullptr, "set once");
  events_ = std::move(events);
}

PeerRefusal AsioPeerNetwork::Admit(const PeerHello& hello) const {
  if (events_.admit) {
    const PeerRefusal refusal = events_.admit(hello);
    if (refusal != PeerRefusal::kNone) return refusal;
    const bool room = links_.contains(hello.id) || links_.size() < kMaxLinks;
    return room ? PeerRefusal::kNone : PeerRefusal::kUnknownMember;
  }
  const auto found = links_.find(hello.id);
  const bool member = found != links_.end() && !found->second->guest();
  return member ? PeerRefusal::kNone : PeerRefusal::kUnknownMember;
}

bool AsioPeerNetwork::StillAdmitted(const PeerLinks& links) const {
  return links.guest() && links.HasIncoming() && Admit(links.hello()) == PeerRefusal::kNone;
}

PeerLinks& AsioPeerNetwork::AddLinks(raft::NodeId id, bool guest) {
  auto& links = links_[id];
  links = std::make_unique<PeerLinks>(guest, [this, id](PeerChannel channel) {
    OutgoingConnection::Owner& owner = *this;
    return std::make_shared<OutgoingConnection>(loop_, owner, random_, options_, id, channel);
  });
  return *links;
}

// URLs come from the configuration, which clients write; one that can't be dialled is no bug.
std::vector<PeerUrl> AsioPeerNetwork::UsableUrls(raft::NodeId id,
                                                 const std::vector<std::string>& urls) {
  std::vector<PeerUrl> usable;
  for (const std::string& url : urls) {
    absl::StatusOr<PeerUrl> parsed = ParsePeerUrl(url);
    if (parsed.ok()) {
      usable.push_back(*std::move(parsed));
    } else {
      notices_.Refused(
          {id, false, PeerRefusal::kMalformed, std::string(parsed.status().message())});
    }
  }
  return usable;
}

void AsioPeerNetwork::SetPeers(const std::map<raft::NodeId, std::vector<std::string>>& peers) {
  for (const auto& [id, urls] : peers) {
    if (id == self_.id) continue;
    const auto found = links_.find(id);
    PeerLinks& links = found == links_.end() ? AddLinks(id, false) : *found->second;
    links.BecomeMember();
    links.SetUrls(UsableUrls(id, urls));
  }
  for (auto it = links_.begin(); it != links_.end();) {
    const bool keep = peers.contains(it->first) || StillAdmitted(*it->second);
    if (!keep) notices_.Closed(it->first);
    it = keep ? std::next(it) : links_.erase(it);
  }
}

bool AsioPeerNetwork::Connected(raft::NodeId to, PeerChannel channel) const {
  const auto found = links_.find(to);
  if (found == links_.end()) return false;
  const OutgoingConnection* const connection = found->second->outgoing(channel);
  return connection != nullptr && connection->open();
}

bool AsioPeerNetwork::Send(raft::NodeId to, PeerMessage message) {
  const auto found = links_.find(to);
  if (found == links_.end()) return false;
  OutgoingConnection* const connection = found->second->outgoing(ChannelOf(message));
  return connection != nullptr && connection->Send(std::move(message));
}

void AsioPeerNetwork::Flush() {
  for (const auto& [id, links] : links_) links->Flush();
}

void AsioPeerNetwork::OnStream(std::unique_ptr<PeerStream> stream) {
  if (unknown_.size() >= options_.max_unknown_connections) {
    ++rejects_.overflow;
    return;
  }
  IncomingConnection::Owner& owner = *this;
  auto connection = std::make_shared<IncomingConnection>(loop_, owner, std::move(stream));
  unknown_.insert(connection);
  connection->Start(options_.handshake_timeout);
}

HandshakeVerdict AsioPeerNetwork::OnOffer(const v1::PeerHandshake& offer,
                                          v1::PeerHandshake& answer) {
  HandshakeVerdict verdict;
  if (offer.asks_for_members() && events_.members) {
    answer = AnswerInquiry(self_, events_.members());
    verdict.inquiry = true;
    return verdict;
  }
  verdict = JudgeOffer(self_, offer, [this](const PeerHello& hello) { return Admit(hello); });
  answer = MakeAnswer(self_, offer, verdict);
  if (!verdict.ok()) notices_.Refused(verdict.fault);
  return verdict;
}

void AsioPeerNetwork::OnOpen(IncomingConnection& connection) {
  const std::shared_ptr<IncomingConnection> shared = connection.shared_from_this();
  unknown_.erase(shared);
  const PeerHello hello = connection.hello();
  const auto found = links_.find(hello.id);
  PeerLinks& links = found == links_.end() ? AddLinks(hello.id, true) : *found->second;
  if (links.Adopt(shared)) notices_.Closed(hello.id);
  if (links.guest()) links.SetUrls(UsableUrls(hello.id, hello.peer_urls));
  links.DialNow();
  notices_.FlushClosed(hello.id);
  events_.on_connected(hello);
}

absl::Status AsioPeerNetwork::OnFrame(IncomingConnection& connection, std::string_view frame) {
  const raft::NodeId from = connection.hello().id;
  PeerLinks& links = *links_.at(from);
  links.bytes_received += frame.size();
  ++links.frames_received;
  absl::StatusOr<PeerMessage> message = DecodeFrame(frame);
  if (absl::IsUnimplemented(message.status())) {
    if (const auto probe = DecodeProbe(frame)) links.OnProbe(*probe, loop_.Now());
    return absl::OkStatus();
  }
  if (!message.ok()) return message.status();
  if (const auto* raft = std::get_if<raft::Message>(&*message)) {
    if (raft->from != from || raft->to != self_.id) {
      return absl::DataLossError("a message between other members");
    }
  }
  events_.on_message(from, *std::move(message));
  return absl::OkStatus();
}

void AsioPeerNetwork::OnEnd(IncomingConnection& connection, const absl::Status& why) {
  if (unknown_.contains(connection.shared_from_this())) return EndUnknown(connection, why);
  const raft::NodeId id = connection.hello().id;
  if (absl::IsDataLoss(why)) {
    ++rejects_.bad_frames;
    notices_.Refused({id, false, PeerRefusal::kMalformed,
                      absl::StrCat("closed a connection from member ", absl::Hex(id.value()), ": ",
                                   why.message())});
  }
  const auto found = links_.find(id);
  KEELSON_CHECK(found != links_.end(), "an open connection belongs to its peer's links");
  found->second->Forget(connection);
  notices_.Closed(id);
  if (found->second->guest() && !found->second->HasIncoming()) links_.erase(found);
}

void AsioPeerNetwork::EndUnknown(IncomingConnection& connection, const absl::Status& why) {
  unknown_.erase(connection.shared_from_this());
  if (absl::IsCancelled(why)) {
    ++rejects_.inquiries;
  } else if (absl::IsPermissionDenied(why)) {
    ++rejects_.refused;
  } else if (absl::IsDataLoss(why)) {
    ++rejects_.garbage;
  } else {
    ++rejects_.silent;
  }
}

v1::PeerHandshake AsioPeerNetwork::OfferTo(raft::NodeId peer, PeerChannel channel) {
  return MakeOffer(self_, peer, channel);
}

HandshakeVerdict AsioPeerNetwork::OnAnswer(const v1::PeerHandshake& offer,
                                           const v1::PeerHandshake& answer) {
  HandshakeVerdict verdict =
      JudgeAnswer(self_, offer, answer, [this](const PeerHello& hello) { return Admit(hello); });
  if (!verdict.ok()) notices_.Refused(verdict.fault);
  return verdict;
}

void AsioPeerNetwork::OnOpen(OutgoingConnection& connection, const PeerHello& hello) {
  notices_.FlushClosed(connection.peer());
  events_.on_connected(hello);
}

void AsioPeerNetwork::OnBroken(OutgoingConnection& connection, bool was_open) {
  // One failed dial of three says it all.
  if (was_open || connection.channel() == PeerChannel::kUrgent) notices_.Closed(connection.peer());
}

std::map<raft::NodeId, AsioPeerNetwork::PeerStats> AsioPeerNetwork::Stats() const {
  std::map<raft::NodeId, PeerStats> all;
  for (const auto& [id, links] : links_) {
    PeerStats& stats = all[id];
    stats.guest = links->guest();
    stats.connected = true;
    stats.bytes_received = links->bytes_received;
    stats.frames_received = links->frames_received;
    stats.round_trips = links->round_trips();
    for (const PeerChannel channel :
         {PeerChannel::kUrgent, PeerChannel::kBulk, PeerChannel::kSnapshot}) {
      const OutgoingConnection* const connection = links->outgoing(channel);
      const bool open = connection != nullptr && connection->open();
      if (channel != PeerChannel::kSnapshot) stats.connected = stats.connected && open;
      if (connection == nullptr) continue;
      stats.bytes_sent += connection->stats().bytes_sent;
      stats.frames_sent += connection->stats().frames_sent;
      stats.frames_dropped += connection->stats().frames_dropped;
      if (channel == PeerChannel::kUrgent) {
        stats.urgent_dropped = connection->stats().frames_dropped;
      }
      stats.failed_dials += connection->stats().failed_dials;
    }
  }
  return all;
}

}  // namespace keelson::server
