#include "tests/raft/harness/member.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/config_codec.h"
#include "raft/invariants.h"

namespace keelson::raft::testing {

const Entry* Image::Find(Index index) const {
  if (index <= base.index || index > last().index) return nullptr;
  return &entries[index - base.index - 1];
}

void Image::Write(const PersistBatch& batch) {
  if (!batch.entries.empty()) {
    const Index first = batch.entries.front().index;
    KEELSON_CHECK(first > base.index && first <= last().index.Next(), "a gap in the written log");
    entries.resize(first - base.index - 1);
    entries.insert(entries.end(), batch.entries.begin(), batch.entries.end());
  }
  if (batch.hard_state.has_value()) hard = *batch.hard_state;
  KEELSON_CHECK(hard.commit <= last().index, "the written commit is beyond the written log");
}

InitialState Image::Recover() const {
  InitialState initial{.hard_state = hard,
                       .base = base,
                       .configuration = state.configuration,
                       .configuration_index = state.configuration_index,
                       .applied = state.last.index,
                       .tail = entries,
                       .last = last()};
  return initial;
}

Image Bootstrap(Configuration configuration) {
  Image image;
  image.state.configuration = std::move(configuration);
  return image;
}

Configuration MakeConfiguration(const std::vector<uint64_t>& voters,
                                const std::vector<uint64_t>& learners) {
  Configuration configuration;
  for (uint64_t id : voters) {
    configuration.voters.insert(NodeId(id));
    configuration.members[NodeId(id)] = {};
  }
  for (uint64_t id : learners) {
    configuration.learners.insert(NodeId(id));
    configuration.members[NodeId(id)] = {};
  }
  return configuration;
}

Member::Member(Options options, Image image, Hooks hooks)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      written_(image),
      synced_(image),
      state_(image.state),
      flushed_(image.state) {
  core_ = std::make_unique<Core>(options_, image.Recover(), this);
}

Image Member::LogNow() const {
  Image now = written_;
  for (const Outstanding& outstanding : disk_) now.Write(outstanding.batch);
  return now;
}

void Member::Check(const StateView& before) {
  const StateView after = core_->View();
  const absl::Status checks[] = {CheckState(after), CheckTransition(before, after)};
  for (const absl::Status& status : checks) {
    if (status.ok()) continue;
    if (hooks_.broken) {
      hooks_.broken(std::string(status.message()));
    } else {
      ADD_FAILURE() << status;
    }
  }
  if (after.role == RoleKind::kLeader && before.role != RoleKind::kLeader && hooks_.became_leader) {
    hooks_.became_leader(*this);
  }
}

void Member::Do(absl::FunctionRef<void(Core&)> input) {
  const StateView before = core_->View();
  input(*core_);
  Check(before);
}

Ready Member::Turn() {
  const StateView before = core_->View();
  Ready ready = core_->TakeReady();
  Check(before);
  outbox_.insert(outbox_.end(), ready.messages.begin(), ready.messages.end());
  if (ready.persist.has_value()) {
    disk_.push_back(Outstanding{*ready.persist, ready.messages_after_persist});
  } else {
    KEELSON_CHECK(ready.messages_after_persist.empty(),
                  "messages wait for a batch that isn't there");
  }
  if (ready.install_snapshot.has_value()) installing_ = ready.install_snapshot;
  if (hooks_.ready) hooks_.ready(*this, ready);
  to_apply_.insert(to_apply_.end(), ready.committed.begin(), ready.committed.end());
  if (!defer_apply) ApplyQueued();
  return ready;
}

void Member::ApplyQueued() {
  if (to_apply_.empty()) return;
  for (const Entry& entry : to_apply_) Apply(entry);
  to_apply_.clear();
  Do([&](Core& core) { core.Applied(state_.last.index); });
}

void Member::Apply(const Entry& entry) {
  KEELSON_CHECK(entry.index == state_.last.index.Next(), "apply out of order");
  KEELSON_CHECK(entry.checksum == ContentChecksum(entry), "an entry changed on its way");
  const Entry* const durable = written_.Find(entry.index);
  KEELSON_CHECK(durable != nullptr && durable->id() == entry.id(), "applied before it is durable");
  state_.last = entry.id();
  if (entry.type == EntryType::kConfig) {
    state_.configuration = *DecodeConfiguration(entry.bytes());
    state_.configuration_index = entry.index;
  }
  if (entry.type == EntryType::kNormal) applied_payloads.emplace_back(entry.bytes());
  if (hooks_.applied) hooks_.applied(*this, entry);
}

bool Member::Persist(size_t count) {
  uint64_t seq = 0;
  for (; count > 0 && !disk_.empty(); --count) {
    Outstanding done = std::move(disk_.front());
    disk_.pop_front();
    written_.Write(done.batch);
    if (done.batch.must_sync) synced_ = written_;
    seq = done.batch.seq;
    outbox_.insert(outbox_.end(), done.messages.begin(), done.messages.end());
  }
  if (seq == 0) return false;
  Do([&](Core& core) { core.Persisted(seq); });
  return true;
}

std::vector<Message> Member::TakeOutbox() { return std::exchange(outbox_, {}); }

bool Member::Install() {
  if (!installing_.has_value() || !disk_.empty()) return false;
  const SnapshotMeta meta = *std::exchange(installing_, std::nullopt);
  to_apply_.clear();
  written_.base = meta.last;
  written_.entries.clear();
  written_.hard.commit = meta.last.index;
  written_.state = meta;
  synced_ = written_;
  state_ = flushed_ = meta;
  Do([&](Core& core) { core.SnapshotInstalled(meta); });
  return true;
}

void Member::Compact(Index first_kept) {
  KEELSON_CHECK(first_kept <= flushed_.last.index.Next(), "the flushed state needs the log");
  absl::Status done;
  Do([&](Core& core) { done = core.Compact(first_kept); });
  if (!done.ok()) return;  // only when the reader is busy
  for (Image* image : {&written_, &synced_}) {
    const Entry* const last_dropped = image->Find(first_kept.Prev());
    if (last_dropped == nullptr) continue;
    const EntryId base = last_dropped->id();
    image->entries.erase(
        image->entries.begin(),
        image->entries.begin() + static_cast<ptrdiff_t>(base.index - image->base.index));
    image->base = base;
  }
}

Image Member::Crash(size_t completed, bool power_loss) const {
  Image image = power_loss ? synced_ : written_;
  for (size_t i = 0; i < std::min(completed, disk_.size()); ++i) {
    // Over a loss of power a batch counts only together with those before it, as one sync would.
    if (i == 0) image = written_;
    image.Write(disk_[i].batch);
  }
  image.state = flushed_;
  return image;
}

absl::StatusOr<std::vector<Entry>> Member::Read(Index lo, Index hi, size_t max_bytes) {
  if (reader_busy) return absl::UnavailableError("busy");
  if (lo <= written_.base.index) return absl::OutOfRangeError("compacted");
  std::vector<Entry> entries;
  size_t bytes = 0;
  for (Index i = lo; i < hi; i = i.Next()) {
    const Entry* const entry = written_.Find(i);
    KEELSON_CHECK(entry != nullptr, "the core reads what is not durable");
    bytes += EntryCost(*entry);
    if (bytes > max_bytes && !entries.empty()) break;
    entries.push_back(*entry);
  }
  return entries;
}

absl::StatusOr<Term> Member::TermAt(Index index) {
  if (reader_busy) return absl::UnavailableError("busy");
  if (index == written_.base.index) return written_.base.term;
  const Entry* const entry = written_.Find(index);
  if (entry == nullptr) return absl::OutOfRangeError("compacted");
  return entry->term;
}

}  // namespace keelson::raft::testing
