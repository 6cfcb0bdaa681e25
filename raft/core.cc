#include "raft/core.h"

#include <utility>

#include "raft/impl.h"

namespace keelson::raft {

Core::Core(Options options, InitialState state, LogReader* reader)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(state), reader)) {}
Core::~Core() = default;

void Core::Tick() { impl_->Tick(); }
void Core::Step(NodeId from, Message message) { impl_->Step(from, std::move(message)); }
absl::StatusOr<EntryId> Core::Propose(std::shared_ptr<const std::string> payload) {
  return impl_->Propose(std::move(payload));
}
absl::StatusOr<EntryId> Core::Propose(std::string payload) {
  return impl_->Propose(std::make_shared<const std::string>(std::move(payload)));
}
absl::StatusOr<EntryId> Core::ProposeConfChange(absl::Span<const ConfChange> changes) {
  return impl_->ProposeConfChange(changes);
}
void Core::RequestRead(uint64_t context) { impl_->RequestRead(context); }
void Core::Persisted(uint64_t seq) { impl_->Persisted(seq); }
void Core::Applied(Index index) { impl_->Applied(index); }
void Core::PeerUnreachable(NodeId peer) { impl_->PeerUnreachable(peer); }
void Core::ConnectionClosed(NodeId peer) { impl_->ConnectionClosed(peer); }
absl::StatusOr<Message> Core::OfferSnapshot(NodeId peer, SnapshotMeta meta) {
  return impl_->OfferSnapshot(peer, std::move(meta));
}
void Core::SnapshotSent(NodeId peer, bool ok) { impl_->SnapshotSent(peer, ok); }
void Core::SnapshotInstalled(const SnapshotMeta& meta) { impl_->SnapshotInstalled(meta); }
void Core::SnapshotInstallFailed() { impl_->SnapshotInstallFailed(); }
absl::Status Core::TransferLeadership(NodeId target) { return impl_->TransferLeadership(target); }
absl::Status Core::Compact(Index first_kept) { return impl_->Compact(first_kept); }

bool Core::HasReady() const { return impl_->HasReady(); }
Ready Core::TakeReady() { return impl_->TakeReady(); }

NodeId Core::id() const { return impl_->id(); }
Term Core::term() const { return impl_->term(); }
RoleKind Core::role() const { return impl_->role(); }
NodeId Core::leader() const { return impl_->leader(); }
Index Core::commit() const { return impl_->log().commit(); }
Index Core::applied() const { return impl_->applied(); }
Index Core::first_index() const { return impl_->log().first_index(); }
EntryId Core::last() const { return impl_->log().last(); }
const Configuration& Core::configuration() const { return impl_->configs().latest().configuration; }
Index Core::configuration_index() const { return impl_->configs().latest().index; }
const Configuration& Core::committed_configuration() const {
  return impl_->configs().committed().configuration;
}
Index Core::committed_configuration_index() const { return impl_->configs().committed().index; }
bool Core::HasQuorumContact() const { return impl_->HasQuorumContact(); }
StateView Core::View() const { return impl_->View(); }

}  // namespace keelson::raft
