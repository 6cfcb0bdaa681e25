#include "tests/peer/messages.h"

#include <sstream>

namespace keelson::server {
namespace {

constexpr uint64_t kBig = 0xfedcba9876543210;  // needs all 64 bits

raft::ReadNonce Nonce() { return {raft::Term(9), kBig, 77}; }
raft::FreshnessStamp Stamp() { return {kBig - 1, kBig - 2}; }
raft::FreshnessEcho Echo() { return {Stamp(), raft::Index(55)}; }
raft::EntryId Id(uint64_t term, uint64_t index) { return {raft::Term(term), raft::Index(index)}; }

raft::Configuration SomeConfiguration() {
  raft::Configuration configuration;
  configuration.voters = {raft::NodeId(1), raft::NodeId(2)};
  configuration.learners = {raft::NodeId(kBig)};
  for (const raft::NodeId id : {raft::NodeId(1), raft::NodeId(2), raft::NodeId(kBig)}) {
    configuration.members[id] = {id.value() + 1, "name", {"http://a:1"}, {"http://b:2", ""}};
  }
  configuration.removed = {raft::NodeId(5)};
  return configuration;
}

class Dumper {
 public:
  explicit Dumper(std::ostream& out) : out_(out) {}

  void operator()(const raft::Message& m) {
    Say("raft", m.from, m.to, m.term, m.incarnation);
    std::visit(*this, m.body);
  }
  void operator()(const raft::VoteRequest& m) { Say("vote?", m.pre, m.transfer, m.last); }
  void operator()(const raft::VoteResponse& m) { Say("vote!", m.pre, m.granted); }
  void operator()(const raft::AppendRequest& m) {
    Say("append?", m.prev, m.commit);
    Say(m.read, m.echo);
    for (const raft::Entry& e : m.entries) {
      Say(e.id(), static_cast<int>(e.type), e.checksum, e.payload == nullptr, e.bytes());
    }
  }
  void operator()(const raft::AppendResponse& m) {
    Say("append!", m.accepted, m.match, m.rejected, m.hint);
    Say(m.read, m.stamp);
  }
  void operator()(const raft::Heartbeat& m) { Say("beat?", m.commit, m.read, m.echo); }
  void operator()(const raft::HeartbeatResponse& m) { Say("beat!", m.read, m.match, m.stamp); }
  void operator()(const raft::ReadIndexRequest& m) { Say("read?", m.nonce); }
  void operator()(const raft::ReadIndexResponse& m) { Say("read!", m.nonce, m.index); }
  void operator()(const raft::TimeoutNow&) { Say("timeout now"); }
  void operator()(const raft::SnapshotOffer& m) {
    Say("offer", m.meta.last, m.meta.configuration_index);
    const raft::Configuration& c = m.meta.configuration;
    for (const auto& [id, info] : c.members) {
      Say(id, c.IsVoter(id), c.IsLearner(id), info.incarnation, info.name);
      for (const std::string& url : info.peer_urls) Say(url);
      for (const std::string& url : info.client_urls) Say(url);
    }
    for (const raft::NodeId id : c.removed) Say("removed", id);
  }
  void operator()(const ForwardProposal& m) {
    Say("proposal", m.sequence, m.payload == nullptr ? "" : *m.payload, m.term);
  }
  void operator()(const ForwardRefused& m) {
    Say("refused", m.sequence, static_cast<int>(m.reason), m.term);
  }
  void operator()(const LeaseQuestion& m) {
    Say("lease?", m.sequence, static_cast<int>(m.kind), m.lease);
  }
  void operator()(const LeaseAnswer& m) {
    Say("lease!", m.sequence, static_cast<int>(m.outcome), m.ttl_seconds, m.granted_ttl_seconds);
  }
  void operator()(const MemberQuestion& m) {
    Say("member?", m.sequence, static_cast<int>(m.change.kind), m.change.member);
    for (const std::string& url : m.change.peer_urls) Say(url);
  }
  void operator()(const MemberAnswer& m) {
    Say("member!", m.sequence, static_cast<int>(m.outcome), m.member, m.entry);
  }
  void operator()(const StateQuestion& m) {
    Say("state?", m.sequence, m.applied, m.revision, static_cast<int>(m.piece.kind),
        m.piece.revision, m.piece.first_revision, m.piece.begin, m.piece.end.value_or("-"));
  }
  void operator()(const StateAnswer& m) {
    Say("state!", m.sequence, static_cast<int>(m.outcome), m.hash);
  }
  void operator()(const SnapshotChunk& m) {
    Say("chunk", m.stream, m.snapshot, m.term, m.manifest, m.file, m.offset, m.last, m.data);
  }
  void operator()(const SnapshotChunkAck& m) {
    Say("ack", m.stream, m.received_bytes, static_cast<int>(m.state), m.reason);
  }

 private:
  template <typename... Parts>
  void Say(const Parts&... parts) {
    (Print(parts), ...);
    out_ << "\n";
  }
  template <typename T>
  void Print(const T& part) {
    out_ << part << " ";
  }
  void Print(const raft::ReadNonce& n) {
    out_ << "nonce " << n.term << " " << n.boot_id << " " << n.counter << " ";
  }
  void Print(const raft::FreshnessStamp& s) {
    out_ << "stamp " << s.stamp << " " << s.process_nonce << " ";
  }
  void Print(const raft::FreshnessEcho& e) {
    Print(e.stamp);
    out_ << "echo " << e.commit << " ";
  }

  std::ostream& out_;
};

}  // namespace

raft::Message MakeRaftMessage(raft::MessageBody body) {
  return {raft::NodeId(kBig), raft::NodeId(3), raft::Term(12), kBig - 5, std::move(body)};
}

raft::Message MakeAppend(int count, size_t payload_bytes) {
  raft::AppendRequest append{Id(7, 100), {}, raft::Index(99), Nonce(), Echo()};
  for (int i = 0; i < count; ++i) {
    std::string payload(payload_bytes, static_cast<char>('a' + i % 26));
    append.entries.push_back(raft::MakeEntry(Id(8 + i / 10, 101 + i), raft::EntryType::kNormal,
                                             std::make_shared<const std::string>(payload)));
  }
  raft::Message message = MakeRaftMessage(std::move(append));
  message.term = raft::Term(8 + count);
  return message;
}

std::vector<PeerMessage> OneOfEveryKind() {
  std::vector<PeerMessage> all;
  all.push_back(MakeRaftMessage(raft::VoteRequest{true, true, Id(4, kBig)}));
  all.push_back(MakeRaftMessage(raft::VoteResponse{true, true}));
  all.push_back(MakeAppend(0, 0));
  all.push_back(MakeAppend(3, 10));
  all.push_back(MakeAppend(25, 3000));
  all.push_back(MakeRaftMessage(
      raft::AppendRequest{Id(0, 0),
                          {raft::MakeEntry(Id(1, 1), raft::EntryType::kNoop, nullptr),
                           raft::MakeEntry(Id(1, 2), raft::EntryType::kConfig,
                                           std::make_shared<const std::string>("c"))},
                          raft::Index(0),
                          {},
                          {}}));
  all.push_back(MakeRaftMessage(
      raft::AppendResponse{true, raft::Index(kBig), raft::Index(0), {}, Nonce(), Stamp()}));
  all.push_back(MakeRaftMessage(
      raft::AppendResponse{false, raft::Index(0), raft::Index(7), Id(3, 6), {}, {}}));
  all.push_back(MakeRaftMessage(raft::Heartbeat{raft::Index(8), Nonce(), Echo()}));
  all.push_back(MakeRaftMessage(raft::HeartbeatResponse{Nonce(), raft::Index(8), Stamp()}));
  all.push_back(MakeRaftMessage(raft::ReadIndexRequest{Nonce()}));
  all.push_back(MakeRaftMessage(raft::ReadIndexResponse{Nonce(), raft::Index(3)}));
  all.push_back(MakeRaftMessage(raft::TimeoutNow{}));
  all.push_back(
      MakeRaftMessage(raft::SnapshotOffer{{Id(6, 60), SomeConfiguration(), raft::Index(50)}}));
  all.push_back(ForwardProposal{kBig, std::make_shared<const std::string>(5000, 'p')});
  all.push_back(ForwardProposal{1, nullptr, raft::Term(kBig)});
  all.push_back(ForwardRefused{kBig, ForwardRefused::Reason::kTransferring, raft::Term(7)});
  all.push_back(LeaseQuestion{4, LeaseQuestion::Kind::kTimeToLive, -9});
  all.push_back(LeaseAnswer{4, LeaseAnswer::Outcome::kNotLeader, -1, 60});
  all.push_back(MemberQuestion{
      kBig, {MemberChange::Kind::kUpdate, raft::NodeId(kBig), {"http://a:1", "http://b:2"}}});
  all.push_back(MemberAnswer{4, MemberOutcome::kBegun, raft::NodeId(kBig), Id(6, 60)});
  all.push_back(MemberAnswer{5, MemberOutcome::kTooManyMembers, {}, {}});
  all.push_back(StateQuestion{
      kBig, raft::Index(kBig), 8, {StatePiece::Kind::kPairs, 7, 0, "a", std::string("b\0", 2)}});
  all.push_back(StateQuestion{
      2, raft::Index(1), INT64_MAX, {StatePiece::Kind::kChanges, INT64_MAX, 3, "", std::nullopt}});
  all.push_back(StateAnswer{kBig, StateAnswer::Outcome::kHashed, UINT32_MAX});
  all.push_back(StateAnswer{3, StateAnswer::Outcome::kCannot, 0});
  all.push_back(SnapshotChunk{kBig, Id(6, 60), raft::Term(7), "manifest", 0, 0, "", false});
  all.push_back(
      SnapshotChunk{kBig, Id(6, 60), raft::Term(7), "", 3, kBig, std::string(9999, 'd'), true});
  all.push_back(SnapshotChunkAck{kBig, 123456, SnapshotChunkAck::State::kRefused, "no room"});
  return all;
}

std::string Dump(const PeerMessage& message) {
  std::ostringstream out;
  std::visit(Dumper(out), message);
  return out.str();
}

}  // namespace keelson::server
