#include "storage/mvcc/batch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "storage/mvcc/mutants.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

uint64_t LiveBytes(std::string_view key, const KeyValue& kv) {
  return kRecordOverheadBytes + key.size() + kv.value.size();
}

constexpr char kTooMuchWorkText[] = "the request is too large for one step";

bool IsLive(const VersionPtr& version) { return version != nullptr && !version->deleted(); }

}  // namespace

bool IsTooMuchWork(const absl::Status& status) {
  return absl::IsAborted(status) && status.message() == kTooMuchWorkText;
}

Batch::Batch(StoreCore* core)
    : core_(core),
      reader_(core->db.get(), nullptr),
      base_revision_(core->state.revision),
      state_(core->state) {
  KEELSON_CHECK(!core->batch_open, "one batch at a time");
  core->batch_open = true;
}

Batch::~Batch() {
  core_->batch_open = false;
  // What was written but not published is there for good: the store must not show it any more.
  if (!prepared_) core_->handed_over = false;
}

void Batch::HandOver() {
  KEELSON_CHECK(work_ == 0 && !request_open_, "a batch changes hands before its first request");
  if (core_->view == nullptr) {
    core_->view = std::make_shared<ViewState>(core_->db, core_->state, core_->counts.Publish());
  }
  core_->handed_over = true;
}

absl::Status Batch::Charge(uint64_t units) {
  work_ += units;
  if (work_ <= limit_) return absl::OkStatus();
  return absl::AbortedError(kTooMuchWorkText);
}

void Batch::BeginRequest() {
  KEELSON_CHECK(!request_open_, "requests do not nest");
  request_open_ = true;
  sub_ = 0;
  state_before_request_ = state_;
}

void Batch::KeepRequest() {
  request_open_ = false;
  sub_ = 0;
  log_.clear();
  leases_.Keep();
  attachments_.Keep();
  meta_.Keep();
}

int64_t Batch::EndRequest() {
  KEELSON_CHECK(request_open_, "a request ends once");
  state_.revision = revision();
  KeepRequest();
  return state_.revision;
}

void Batch::AbortRequest() {
  KEELSON_CHECK(request_open_, "a request ends once");
  KEELSON_CHECK(log_.size() == static_cast<size_t>(sub_), "each change notes what it overwrote");
  for (; !log_.empty(); log_.pop_back(), pending_.pop_back()) {
    const auto at = overlay_.find(pending_.back().change.now->key);
    KEELSON_CHECK(at != overlay_.end(), "a change has an entry");
    at->second = std::move(log_.back());
  }
  leases_.RollBack();
  attachments_.RollBack();
  meta_.RollBack();
  state_ = state_before_request_;
  KeepRequest();
}

VersionPtr Batch::IfItCounts(VersionPtr version) const {
  const bool gone =
      version != nullptr && version->deleted() && version->mod.main <= state_.compact_revision;
  return gone ? nullptr : version;
}

absl::StatusOr<Batch::Overlay::iterator> Batch::Load(std::string_view key) {
  const auto it = overlay_.lower_bound(key);
  if (it != overlay_.end() && it->first == key) return it;
  absl::StatusOr<VersionPtr> version = core_->recent.Find(key);
  const bool cold = *version == nullptr;
  if (absl::Status status = Charge(cold ? kColdReadWork : 1); !status.ok()) return status;
  if (cold) version = reader_.ReadLatest(key);
  if (!version.ok()) return version.status();
  if (cold && IsLive(*version)) work_ += BytesWork((*version)->kv->value.size());
  return overlay_.try_emplace(it, std::string(key), Entry{*std::move(version), false});
}

absl::StatusOr<VersionPtr> Batch::Current(std::string_view key) {
  const auto at = Load(key);
  if (!at.ok()) return at.status();
  return IfItCounts((*at)->second.version);
}

absl::StatusOr<VersionPtr> Batch::ReadUndo(Revision superseded_by, std::string_view key) {
  if (absl::Status status = Charge(kColdReadWork); !status.ok()) return status;
  if (superseded_by.main <= base_revision_) return reader_.ReadUndo(superseded_by, key);
  auto it = std::lower_bound(
      pending_.begin(), pending_.end(), superseded_by,
      [](const PendingChange& pending, Revision rev) { return pending.change.rev < rev; });
  KEELSON_CHECK(it != pending_.end() && it->change.rev == superseded_by,
                "each change of the batch is pending");
  KEELSON_CHECK(it->change.now->key == key, "a chain stays with its key");
  return it->previous;
}

void Batch::Install(Overlay::iterator at, std::shared_ptr<Version> version, VersionPtr previous) {
  KEELSON_CHECK(request_open_, "changes belong to a request");
  const std::string& key = at->first;
  ChainPosition position = PushVersion(previous.get(), version->mod, state_.compact_revision);
  version->depth = position.depth;
  version->jumps = std::move(position.jumps);

  PendingChange pending;
  pending.bytes_before = state_.undo_bytes;
  pending.change.rev = version->mod;
  pending.change.deleted = version->deleted();
  state_.undo_bytes += kRecordOverheadBytes + key.size();
  if (IsLive(previous)) {
    pending.change.prev = previous->kv;
    state_.undo_bytes += previous->kv->value.size();
    state_.live_bytes -= LiveBytes(key, *previous->kv);
  }
  if (version->deleted()) {
    auto now = std::make_shared<KeyValue>();
    now->key = key;
    now->mod_revision = version->mod.main;
    pending.change.now = std::move(now);
  } else {
    pending.change.now = version->kv;
    state_.live_bytes += LiveBytes(key, *version->kv);
  }
  MoveAttachment(key, IsLive(previous) ? previous->kv->lease : 0,
                 version->deleted() ? 0 : version->kv->lease);
  pending.previous = std::move(previous);
  pending_.push_back(std::move(pending));
  ++sub_;
  work_ += kChangeWork;

  log_.push_back(std::exchange(at->second, Entry{std::move(version), true}));
}

void Batch::MoveAttachment(std::string_view key, int64_t from, int64_t to) {
  if (from == to) return;
  if (from != 0) attachments_.Set(LeaseAttachmentKey(from, key), std::nullopt);
  if (to != 0) attachments_.Set(LeaseAttachmentKey(to, key), std::string());
}

absl::StatusOr<PutResult> Batch::Put(std::string_view key, std::string_view value, int64_t lease) {
  KEELSON_CHECK(!key.empty(), "a key is not empty");
  const auto at = Load(key);
  if (!at.ok()) return at.status();
  VersionPtr previous = IfItCounts((*at)->second.version);
  auto version = std::make_shared<Version>();
  version->mod = {state_.revision + 1, sub_};
  auto kv = std::make_shared<KeyValue>();
  kv->key = std::string(key);
  kv->value = std::string(value);
  if (kMutantFlushLosesByte && core_->unflushed_bytes == 0 && core_->revision_at_flush > 0) {
    kv->value.resize(kv->value.size() - std::min<size_t>(kv->value.size(), 1));
  }
  kv->lease = lease;
  kv->mod_revision = version->mod.main;
  const bool existed = IsLive(previous);
  kv->create_revision = existed ? previous->kv->create_revision : kv->mod_revision;
  kv->version = existed ? previous->kv->version + 1 : 1;
  version->kv = kv;
  PutResult result{existed ? previous->kv : nullptr, std::move(kv)};
  Install(*at, std::move(version), std::move(previous));
  return result;
}

absl::StatusOr<KeyValuePtr> Batch::Delete(std::string_view key) {
  const auto at = Load(key);
  if (!at.ok()) return at.status();
  VersionPtr previous = IfItCounts((*at)->second.version);
  if (!IsLive(previous)) return KeyValuePtr();
  KeyValuePtr removed = previous->kv;
  auto version = std::make_shared<Version>();
  version->mod = {state_.revision + 1, sub_};
  Install(*at, std::move(version), std::move(previous));
  return removed;
}

absl::Status Batch::SetCompactRevision(int64_t revision) {
  KEELSON_CHECK(revision > state_.compact_revision, "the compaction revision only grows");
  KEELSON_CHECK(sub_ == 0 && revision <= state_.revision, "only the past is compacted");
  // The first record above it knows the bytes of all records before it. Revision 1 changed nothing.
  const Revision first{std::max<int64_t>(revision + 1, 2), 0};
  uint64_t dropped = state_.undo_bytes;
  if (first.main <= base_revision_) {
    auto bytes = core_->db->Get({}, kUndo, UndoKey(first));
    if (!bytes.ok()) return bytes.status();
    UndoHead head;
    if (!*bytes || !DecodeUndoHead(**bytes, &head)) {
      return reader_.Damaged("the first record above a compaction is missing or damaged");
    }
    dropped = head.bytes_before;
  } else if (first.main <= state_.revision) {
    auto it = std::lower_bound(
        pending_.begin(), pending_.end(), first,
        [](const PendingChange& pending, Revision rev) { return pending.change.rev < rev; });
    KEELSON_CHECK(it != pending_.end(), "each revision of the batch changed something");
    dropped = it->bytes_before;
  }
  KEELSON_CHECK(dropped >= state_.dropped_bytes, "what is dropped stays dropped");
  state_.compact_revision = revision;
  state_.dropped_bytes = dropped;
  return absl::OkStatus();
}

void Batch::SkipRevisions(int64_t revisions) {
  KEELSON_CHECK(!request_open_ && revisions > 0, "revisions are skipped between requests");
  state_.revision += revisions;
  state_.compact_revision = state_.revision;
  state_.dropped_bytes = state_.undo_bytes;
}

void Batch::PutLease(int64_t id, std::string_view record) {
  leases_.Set(LeaseRecordKey(id), std::string(record));
}

void Batch::DeleteLease(int64_t id) { leases_.Set(LeaseRecordKey(id), std::nullopt); }

absl::StatusOr<std::optional<std::string>> Batch::GetLease(int64_t id) {
  return GetRaw(leases_, kLeases, LeaseRecordKey(id));
}

void Batch::PutMeta(std::string_view name, std::string_view value) {
  meta_.Set(std::string(kBlobPrefix).append(name), std::string(value));
}

void Batch::DeleteMeta(std::string_view name) {
  meta_.Set(std::string(kBlobPrefix).append(name), std::nullopt);
}

absl::StatusOr<std::optional<std::string>> Batch::GetMeta(std::string_view name) {
  return GetRaw(meta_, kMeta, std::string(kBlobPrefix).append(name));
}

absl::StatusOr<std::optional<std::string>> Batch::GetRaw(const RawOverlay& overlay, Family family,
                                                         std::string_view key) const {
  if (const RawOverlay::Value* value = overlay.Find(key)) return *value;
  return core_->db->Get({}, family, key);
}

}  // namespace keelson::storage
