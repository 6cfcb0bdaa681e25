// Disaster recovery: the last member with the data goes on alone.
//
// Everything in its log is kept, also what it does not know to be committed: that may have been
// acknowledged. One entry more makes it the only voter, under a term that nobody has seen. The
// others count as removed, so that none of them, should it come back, is taken for a member.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "raft/config_codec.h"
#include "server/node/node_impl.h"

namespace keelson::server {
namespace {

absl::StatusOr<raft::Configuration> LatestConfiguration(const raft::InitialState& state) {
  raft::Configuration latest = state.configuration;
  for (const raft::Entry& entry : state.tail) {
    if (entry.type != raft::EntryType::kConfig) continue;
    auto decoded = raft::DecodeConfiguration(entry.bytes());
    if (!decoded.ok()) return decoded.status();
    latest = *std::move(decoded);
  }
  return latest;
}

raft::Configuration Alone(const raft::Configuration& before, const Identity& self,
                          const std::vector<std::string>& peer_urls) {
  raft::Configuration alone;
  alone.voters = {self.member};
  alone.removed = before.removed;
  for (const auto& [id, info] : before.members) alone.removed.insert(id);
  alone.removed.erase(self.member);
  while (alone.removed.size() > raft::Configuration::kMaxRemoved) {
    alone.removed.erase(alone.removed.begin());
  }
  raft::MemberInfo& info = alone.members[self.member];
  const auto known = before.members.find(self.member);
  if (known != before.members.end()) info = known->second;
  info.incarnation = self.incarnation;
  info.name = self.name;
  info.peer_urls = peer_urls;
  return alone;
}

}  // namespace

// Blocks, as all of Open.
absl::Status Node::Impl::BecomeOnlyMember(storage::WalRecovery* found) {
  const auto state = RecoverState(*found);
  if (!state.ok()) return state.status();
  const auto before = LatestConfiguration(*state);
  if (!before.ok()) return before.status();
  const raft::Configuration alone =
      Alone(*before, identity, options.initial_cluster.at(options.name));
  if (alone == *before) return absl::OkStatus();
  raft::PersistBatch batch;
  batch.seq = 1;
  batch.must_sync = true;
  const raft::EntryId id{std::max(found->hard_state.term, found->last.term).Next(),
                         found->last.index.Next()};
  batch.hard_state = raft::HardState{id.term, raft::NodeId(), id.index};
  batch.entries.push_back(
      raft::MakeEntry(id, raft::EntryType::kConfig,
                      std::make_shared<const std::string>(raft::EncodeConfiguration(alone))));
  wal->Append(std::move(batch));
  auto job = wal->TakeWrite();
  KEELSON_CHECK(job != nullptr, "an entry is something to write");
  (void)job->Run();
  if (auto status = wal->WriteDone(std::move(job)); !status.ok()) return status;
  seams.logger->Warn("server/node",
                     "--force-new-cluster: this member goes on alone; leave the flag out from the "
                     "next start on, and add new members",
                     {{"before", raft::Describe(*before)}});
  // The core numbers its batches from 1 again.
  wal = nullptr;
  *found = {};
  return OpenLog(found);
}

}  // namespace keelson::server
