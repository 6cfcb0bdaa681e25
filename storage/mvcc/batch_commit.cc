// Turns a batch into one WriteBatch and makes it the store's state.
#include <utility>

#include "base/check.h"
#include "storage/mvcc/batch.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

constexpr int64_t kBalanceKeysPerCommit = 64;
constexpr int64_t kBalanceKeysPerNewKey = 4;
constexpr size_t kBytesPerChangeGuess = 256;

}  // namespace

absl::Status Batch::Prepare(raft::EntryId applied, std::optional<std::string> configuration) {
  KEELSON_CHECK(!request_open_ && !prepared_, "requests end before the commit");
  KEELSON_CHECK(applied.index >= state_.applied.index, "the applied index only grows");
  state_.applied = applied;
  rocksdb::WriteBatch out(64 + pending_.size() * kBytesPerChangeGuess);
  EncodeChanges(&out);
  EncodeRaw(kLeases, leases_, &out);
  EncodeRaw(kLeaseKeys, attachments_, &out);
  EncodeRaw(kMeta, meta_, &out);
  rocksdb::ColumnFamilyHandle* meta = core_->db->family(kMeta);
  if (configuration) out.Put(meta, ToSlice(kConfigurationKey), *configuration);
  out.Put(meta, ToSlice(kStateKey), EncodeState(state_));
  prepared_ = true;
  absl::Status status = core_->db->Write(&out);
  if (!status.ok()) return status;
  written_bytes_ = out.GetDataSize();
  configuration_ = std::move(configuration);
  NoteChanges();
  return core_->counts.Balance(
      *core_->db,
      kBalanceKeysPerCommit + kBalanceKeysPerNewKey * static_cast<int64_t>(result_.changes.size()));
}

CommitResult Batch::Publish() {
  KEELSON_CHECK(prepared_, "what is published was written");
  prepared_ = false;
  core_->handed_over = false;
  core_->unflushed_bytes += written_bytes_;
  core_->superseded_bytes += superseded_bytes_;
  if (configuration_) core_->configuration = *std::move(configuration_);
  core_->state = state_;
  core_->key_count = core_->counts.total();
  core_->view = nullptr;
  return std::move(result_);
}

void Batch::EncodeChanges(rocksdb::WriteBatch* out) {
  std::string key;
  std::string value;
  rocksdb::ColumnFamilyHandle* latest = core_->db->family(kLatest);
  for (const auto& [name, entry] : overlay_) {
    if (!entry.changed) continue;
    value.clear();
    EncodeVersion(*entry.version, &value);
    out->Put(latest, name, value);
  }
  rocksdb::ColumnFamilyHandle* undo = core_->db->family(kUndo);
  for (const PendingChange& pending : pending_) {
    key.clear();
    value.clear();
    AppendUndoKey(pending.change.rev, &key);
    EncodeUndo(pending.change.deleted, pending.bytes_before, pending.change.now->key,
               pending.previous.get(), &value);
    out->Put(undo, key, value);
    NoteSuperseded(pending);
  }
}

// A version that is unflushed in "latest" and hidden from now on is not flushed at all.
void Batch::NoteSuperseded(const PendingChange& pending) {
  if (pending.previous == nullptr || pending.previous->deleted()) return;
  const int64_t main = pending.previous->mod.main;
  if (main <= core_->revision_at_flush || main > base_revision_) return;
  superseded_bytes_ += pending.previous->kv->key.size() + pending.previous->kv->value.size();
}

void Batch::EncodeRaw(Family family, const RawOverlay& overlay, rocksdb::WriteBatch* out) const {
  rocksdb::ColumnFamilyHandle* handle = core_->db->family(family);
  for (const auto& [key, value] : overlay.map()) {
    if (value) {
      out->Put(handle, key, *value);
    } else {
      out->Delete(handle, key);
    }
  }
}

void Batch::NoteChanges() {
  result_.revision = state_.revision;
  result_.changes.reserve(pending_.size());
  for (PendingChange& pending : pending_) {
    Change& change = pending.change;
    const int delta = (change.deleted ? 0 : 1) - (change.prev != nullptr ? 1 : 0);
    if (delta != 0) core_->counts.Add(change.now->key, delta, change.rev.main);
    result_.changes.push_back(std::move(change));
  }
  for (const auto& [key, entry] : overlay_) {
    if (entry.changed) core_->recent.Note(key, entry.version);
  }
  pending_.clear();
  overlay_.clear();
}

}  // namespace keelson::storage
