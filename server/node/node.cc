#include "server/node/node.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "proto/etcd/rpc.pb.h"
#include "proto/keelson/entry.pb.h"
#include "raft/refusal.h"
#include "server/apply/errors.h"
#include "server/apply/request_errors.h"
#include "server/node/mutants.h"
#include "server/node/node_impl.h"

namespace keelson::server {
namespace {

// What members say of themselves must get through under load; there is little of it.
bool IsOfClients(WriteKind kind) {
  return kind != WriteKind::kAlarm && kind != WriteKind::kMemberAttributes &&
         kind != WriteKind::kClusterVersion;
}

}  // namespace

Node::Impl::Impl(const NodeOptions& o, NodeSeams s, Events e)
    : options(o),
      seams(std::move(s)),
      events(std::move(e)),
      slow_log(seams.logger, options.slow_apply) {}

Node::Impl::~Impl() = default;

void Node::Impl::Start(PeerNetwork* peer_network) {
  KEELSON_CHECK(!started_, "a node starts once");
  network = peer_network;
  started_ = true;
  leaderless_since_ = seams.loop->Now();
  compactor_.emplace(options.auto_compaction, seams.loop->Now());
  PeerNetwork::Events network_events;
  network_events.on_message = [this](raft::NodeId from, PeerMessage message) {
    OnMessage(from, std::move(message));
  };
  network_events.on_connected = [](const PeerHello&) {};
  network_events.on_closed = [this](raft::NodeId peer) { OnClosed(peer); };
  network_events.admit = [this](const PeerHello& peer) { return Admit(peer); };
  network_events.members = [this] { return KnownMembers(); };
  network_events.on_refused = [this](const PeerFault& fault) { OnRefused(fault); };
  if (network != nullptr) network->SetEvents(std::move(network_events));
  tick_timer_ = seams.loop->After(options.heartbeat, [this] { Tick(); });
  OnFactsChanged();
  TellReadyIfDue();
  EndTurn();
}

void Node::Impl::TellReadyIfDue() {
  if (told_ready_ || machine->applied() < ready_at_) return;
  caught_up_ = true;
  // Clients find a member by what the cluster tells of it.
  if (machine->facts().FindMember(identity.member.value()) == nullptr) return Publish();
  told_ready_ = true;
  if (events.on_ready) events.on_ready();
}

void Node::Impl::Stop(const absl::Status& status) {
  if (stopped_) return;
  stopped_ = true;
  seams.loop->Cancel(tick_timer_);
  proposals->FailAll(status);
  reads->FailAll(status);
  revision_waits.FailAll(status);
  leader_moves->FailAll(status);
  leases->FailAll(status);
  membership->FailAll(status);
  watches->EndAll(status);
}

// The bytes of a LogEntry: the ids, then the request as field `kind`, as it came.
std::shared_ptr<const std::string> Node::Impl::EncodeEntry(uint64_t sequence, WriteKind kind,
                                                           std::string_view request,
                                                           const RequestId* name) const {
  using google::protobuf::io::CodedOutputStream;
  v1::ProposalId id;
  id.set_member(identity.member.value());
  id.set_boot(boot_id);
  id.set_sequence(sequence);
  auto payload = std::make_shared<std::string>();
  payload->reserve(request.size() + 48 + (name == nullptr ? 0 : name->text.size() + 32));
  google::protobuf::io::StringOutputStream stream(payload.get());
  CodedOutputStream out(&stream);
  constexpr uint32_t kLengthDelimited = 2;
  out.WriteTag(v1::LogEntry::kIdFieldNumber << 3 | kLengthDelimited);
  out.WriteVarint32(static_cast<uint32_t>(id.ByteSizeLong()));
  id.SerializeWithCachedSizes(&out);
  if (name != nullptr) {
    v1::RequestId named;
    named.set_id(name->text);
    named.set_position(name->position);
    named.set_digest(name->digest);
    out.WriteTag(v1::LogEntry::kRequestIdFieldNumber << 3 | kLengthDelimited);
    out.WriteVarint32(static_cast<uint32_t>(named.ByteSizeLong()));
    named.SerializeWithCachedSizes(&out);
  }
  out.WriteTag(static_cast<uint32_t>(kind) << 3 | kLengthDelimited);
  out.WriteVarint32(static_cast<uint32_t>(request.size()));
  out.WriteRaw(request.data(), static_cast<int>(request.size()));
  out.Trim();
  return payload;
}

void Node::Impl::Write(WriteKind kind, std::string_view request, WriteDone done,
                       const RequestId* id) {
  absl::Status refusal;
  if (stopped_) {
    refusal = errors::Stopped();
  } else if (request.size() > options.max_request_bytes) {
    refusal = errors::RequestTooLarge();
  } else if (id != nullptr && machine->facts().version() < kRequestIdVersion) {
    refusal = errors::NoRequestIdsYet();
  } else if (IsOfClients(kind) && (proposals->size() >= options.max_pending_writes ||
                                   machine->backlog() > options.max_apply_backlog)) {
    refusal = errors::TooManyRequests();
  }
  if (!refusal.ok()) {
    ApplyResult result;
    result.status = refusal;
    return done(std::move(result));
  }
  const uint64_t sequence = proposals->NextSequence();
  proposals->Add(sequence, EncodeEntry(sequence, kind, request, id), std::move(done),
                 seams.loop->Now());
}

void Node::Impl::ChangeMember(MemberChange change, MembershipDesk::Done done) {
  if (stopped_) return done(errors::Stopped(), raft::NodeId());
  membership->Ask(std::move(change), std::move(done));
}

absl::StatusOr<raft::EntryId> Node::Impl::ProposeHere(const Proposals::Payload& payload) {
  if (machine->backlog() > options.max_apply_backlog) {
    return raft::RefusedStatus(raft::Refusal::kTooManyUncommitted, "the apply queue is full");
  }
  return core->Propose(payload);
}

Proposals::Attempt Node::Impl::SendProposal(uint64_t sequence, const Proposals::Payload& payload) {
  Proposals::Attempt attempt;
  if (core->IsLeader()) {
    const auto proposed = ProposeHere(payload);
    if (proposed.ok()) {
      attempt.sent = Proposals::Sent::kAppended;
      attempt.id = *proposed;
      return attempt;
    }
    const auto refusal = raft::RefusalOf(proposed.status());
    if (refusal == raft::Refusal::kTooManyUncommitted) {
      attempt.sent = Proposals::Sent::kRefused;
      attempt.refusal = errors::TooManyRequests();
    } else if (refusal == raft::Refusal::kTooLarge) {
      attempt.sent = Proposals::Sent::kRefused;
      attempt.refusal = errors::RequestTooLarge();
    }
    return attempt;
  }
  const raft::NodeId leader = core->leader();
  if (leader.IsNone() || network == nullptr) return attempt;
  // Older versions don't look at the term, and may append it in another one.
  const bool looked_at = machine->facts().version() >= kForwardTermVersion;
  if (looked_at) attempt.term = core->term();
  if (network->Send(leader, ForwardProposal{sequence, payload, attempt.term})) {
    peers_wait_ = true;
    attempt.sent = Proposals::Sent::kForwarded;
    attempt.leader = leader;
  }
  return attempt;
}

bool Node::Impl::ProposeExpiry(const std::vector<int64_t>& ids) {
  if (!core->IsLeader()) return false;
  v1::LeaseExpire expire;
  for (const int64_t id : ids) expire.add_id(id);
  const auto payload = EncodeEntry(0, WriteKind::kLeaseExpire, expire.SerializeAsString());
  return ProposeHere(payload).ok();
}

bool Node::Impl::ProposeCheckpoints(const std::vector<LeaseCheckpoint>& checkpoints) {
  if (!core->IsLeader()) return false;
  v1::LeaseCheckpoint message;
  for (const LeaseCheckpoint& checkpoint : checkpoints) {
    auto* lease = message.add_lease();
    lease->set_id(checkpoint.id);
    lease->set_remaining_ttl(checkpoint.remaining);
    ++(checkpoint.remaining > 0 ? counters_.leases_checkpointed : counters_.checkpoints_cleared);
  }
  const auto payload = EncodeEntry(0, WriteKind::kLeaseCheckpoint, message.SerializeAsString());
  return ProposeHere(payload).ok();
}

// Tells the cluster this member's name and client URLs, once there is a leader and as long as they
// are not what the cluster knows.
void Node::Impl::Publish() {
  if (published_ || !caught_up_ || core->leader().IsNone()) return;
  published_ = true;
  // Told at every start: who waits for a member waits for this line.
  const auto tell = [this] {
    seams.logger->Info("server/node", "published local member to cluster through raft",
                       {{"name", options.name}});
  };
  const MemberFacts* known = machine->facts().FindMember(identity.member.value());
  if (known != nullptr && known->name == options.name &&
      known->client_urls == options.client_urls && known->version == options.entry_version) {
    return tell();
  }
  v1::MemberAttributes said;
  said.set_member(identity.member.value());
  said.set_name(options.name);
  for (const std::string& url : options.client_urls) said.add_client_urls(url);
  said.set_version(options.entry_version);
  Write(WriteKind::kMemberAttributes, said.SerializeAsString(),
        [this, tell](const ApplyResult& result) {
          published_ = result.status.ok();
          if (published_) tell();
        });
  seams.loop->Post([] {});  // the turn's proposals may have gone already
}

// At every start and whenever it rises: some tools wait for this line.
void Node::Impl::TellVersion() {
  const uint32_t version = machine->facts().version();
  if (version == told_version_) return;
  told_version_ = version;
  seams.logger->Info("server/node", "enabled capabilities for version",
                     {{"cluster-version", ClusterApiVersion(version)}});
}

// The leader raises it to what all members read. Who has said nothing yet reads the first version.
void Node::Impl::RaiseClusterVersion() {
  if (raising_version_) return;
  const ClusterFacts& facts = machine->facts();
  uint32_t lowest = options.entry_version;
  for (const auto& [id, info] : core->configuration().members) {
    const MemberFacts* known = facts.FindMember(id.value());
    lowest = std::min(lowest, known == nullptr ? kFirstEntryVersion : known->version);
  }
  if (lowest <= facts.version()) return;
  raising_version_ = true;
  v1::ClusterVersion version;
  version.set_version(lowest);
  Write(WriteKind::kClusterVersion, version.SerializeAsString(), [this](const ApplyResult& result) {
    raising_version_ = false;
    if (!result.status.ok()) return;
    seams.logger->Info("server/node", "updated cluster version",
                       {{"entry-version", uint64_t{machine->facts().version()}},
                        {"cluster-version", ClusterApiVersion(machine->facts().version())}});
  });
}

void Node::Impl::CompactIfDue() {
  const auto due =
      compactor_->Tick(seams.loop->Now(), machine->store().revision(), core->IsLeader());
  if (!due) return;
  seams.logger->Info("server/node", "starting auto compaction", {{"revision", *due}});
  etcdserverpb::CompactionRequest request;
  request.set_revision(*due);
  Write(WriteKind::kCompact, request.SerializeAsString(), [this, due](const ApplyResult& result) {
    // Somebody else has compacted further: as good.
    const bool compacted = result.status.ok() || result.status == errors::Compacted();
    compactor_->Done(seams.loop->Now(), compacted);
    if (compacted) {
      seams.logger->Info("server/node", "completed auto compaction", {{"revision", *due}});
    } else {
      seams.logger->Warn("server/node", "failed auto compaction",
                         {{"revision", *due}, {"error", ToStd(result.status.message())}});
    }
  });
  seams.loop->Post([] {});  // the turn's proposals may have gone already
}

void Node::Impl::OnFactsChanged() {
  const uint32_t version = std::max(machine->facts().version(), kFirstEntryVersion);
  if (network != nullptr) network->SetRequiredEntryVersion(version);
  LeaveServiceIfCorrupt();
}

void Node::Impl::FillHeader(etcdserverpb::ResponseHeader* header, bool revision) const {
  header->set_cluster_id(identity.cluster_id);
  header->set_member_id(identity.member.value());
  header->set_raft_term(core->term().value());
  if (revision) header->set_revision(machine->store().revision());
}

NodeStatus Node::Impl::Status() const {
  NodeStatus status;
  status.cluster_id = identity.cluster_id;
  status.member = identity.member;
  status.leader = core->leader();
  status.term = core->term();
  status.last = core->last().index;
  status.commit = core->commit();
  status.applied = machine->applied();
  status.is_leader = core->IsLeader();
  status.is_learner = core->configuration().IsLearner(identity.member);
  status.leader_changes = leader_changes_;
  status.proposals_failed = proposals->failed_total();
  status.proposals_pending = proposals->size();
  if (const auto since = journal->writing_since()) {
    status.log_write_for = seams.loop->Now() - *since;
  }
  return status;
}

NodeCounters Node::Impl::Counters() const {
  NodeCounters counters = counters_;
  counters.snapshots_sent = snapshot_sender->sent_total();
  counters.slow_reads = reads->slow_total();
  counters.failed_reads = reads->failed_total();
  counters.state_walks = state_check->walks();
  counters.leases_expired = lease_table->expired();
  counters.log_bytes = wal->stats().bytes;
  return counters;
}

// The public face: each call goes to the part that owns the state.

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;

absl::StatusOr<std::unique_ptr<Node>> Node::Open(const NodeOptions& options, NodeSeams seams,
                                                 Events events) {
  auto impl = std::make_unique<Impl>(options, std::move(seams), std::move(events));
  if (auto status = impl->Open(); !status.ok()) return status;
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

const Identity& Node::identity() const { return impl_->identity; }
uint64_t Node::boot_id() const { return impl_->boot_id; }
void Node::Start(PeerNetwork* network) { impl_->Start(network); }
void Node::EndTurn() { impl_->EndTurn(); }
void Node::FlushPeers() { impl_->FlushPeers(); }
void Node::Stop(const absl::Status& status) { impl_->Stop(status); }
void Node::Write(WriteKind kind, std::string_view request, WriteDone done) {
  impl_->Write(kind, request, std::move(done));
}
void Node::WriteNamed(WriteKind kind, std::string_view request, const RequestId& id,
                      WriteDone done) {
  impl_->Write(kind, request, std::move(done), &id);
}
std::optional<ApplyResult> Node::RecordedAnswer(WriteKind kind, const RequestId& id) const {
  const Machine& machine = *impl_->machine;
  return server::RecordedAnswer(static_cast<uint32_t>(kind), id, machine.request_position(),
                                machine.store());
}
uint64_t Node::request_position() const { return impl_->machine->request_position(); }
void Node::ChangeMember(MemberChange change, MembershipDesk::Done done) {
  impl_->ChangeMember(std::move(change), std::move(done));
}
void Node::WhenReadable(Reads::Done done) {
  impl_->reads->Add(std::move(done), impl_->seams.loop->Now());
}
std::optional<uint64_t> Node::FreshnessAnchor() {
  return impl_->freshness->Anchor(impl_->machine->applied());
}
std::optional<uint64_t> Node::QuorumHeard() const { return impl_->freshness->QuorumHeard(); }
uint64_t Node::WhenRevision(int64_t revision, RevisionWaits::Done done) {
  return impl_->revision_waits.Add(kMutantMinRevisionPassed ? 0 : revision, std::move(done));
}
void Node::CancelWait(uint64_t id) { impl_->revision_waits.Cancel(id); }
storage::ReadViewPtr Node::View() { return impl_->machine->store().View(); }
LeaseDesk& Node::leases() { return *impl_->leases; }
LeaseTable& Node::lease_table() { return *impl_->lease_table; }
WatchHub& Node::watches() { return *impl_->watches; }
const ClusterFacts& Node::facts() const { return impl_->machine->facts(); }
const raft::Configuration& Node::configuration() const { return impl_->core->configuration(); }
NodeStatus Node::status() const { return impl_->Status(); }
NodeCounters Node::counters() const { return impl_->Counters(); }
const NodeTimes& Node::times() const { return impl_->times; }
SlowLog& Node::slow_log() { return impl_->slow_log; }
storage::MvccStore& Node::store() { return impl_->machine->store(); }
const NodeOptions& Node::options() const { return impl_->options; }
Runner& Node::runner() { return *impl_->seams.runner; }
Loop& Node::loop() { return *impl_->seams.loop; }
const Random& Node::random() const { return impl_->seams.random; }
bool Node::HasLeader() const { return !impl_->core->leader().IsNone(); }
void Node::FillHeader(etcdserverpb::ResponseHeader* header, bool revision) const {
  impl_->FillHeader(header, revision);
}
bool Node::HasSpaceFor(int64_t cost) { return impl_->HasSpaceFor(cost); }
bool Node::RefusesGrowth() const { return impl_->RefusesGrowth(); }
bool Node::OutOfService() const { return impl_->OutOfService(); }
void Node::MakeCheckpoint(
    std::function<void(absl::StatusOr<std::shared_ptr<const storage::Checkpoint>>)> done) {
  impl_->MakeCheckpoint(std::move(done));
}
void Node::MoveLeader(raft::NodeId target, LeaderMoves::Done done) {
  impl_->leader_moves->Add(target, std::move(done), impl_->seams.loop->Now());
}
absl::Status Node::TransferLeadership(raft::NodeId target) {
  return impl_->core->TransferLeadership(target);
}
absl::Status Node::ChangeMembership(absl::Span<const raft::ConfChange> changes) {
  return impl_->core->ProposeConfChange(changes).status();
}
const raft::Core& Node::core() const { return *impl_->core; }

}  // namespace keelson::server
