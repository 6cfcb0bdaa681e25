// The reads of a batch: the committed state and the batch's own changes, merged.
#include <utility>

#include "base/check.h"
#include "storage/mvcc/batch.h"
#include "storage/mvcc/read_view.h"
#include "storage/mvcc/rocks_fs.h"

namespace keelson::storage {

absl::Status Batch::CheckRevision(int64_t at) const {
  if (at <= 0) return absl::OkStatus();
  if (at > revision()) return FutureRevisionError();
  if (at < state_.compact_revision) return CompactedError();
  return absl::OkStatus();
}

absl::StatusOr<KeyValuePtr> Batch::Get(std::string_view key, int64_t at) {
  absl::Status status = CheckRevision(at);
  if (!status.ok()) return status;
  absl::StatusOr<VersionPtr> version = Current(key);
  if (version.ok() && at > 0) {
    version = FindVersion(*this, key, *std::move(version), {at, INT64_MAX});
  }
  if (!version.ok()) return version.status();
  return *version == nullptr ? nullptr : (*version)->kv;
}

template <typename Visit>
absl::Status Batch::Walk(const KeyRange& range, Visit visit) {
  if (range.empty()) return absl::OkStatus();
  rocksdb::Slice end;
  if (range.end) end = ToSlice(*range.end);
  auto it = reader_.Iterate(kLatest, range.end ? &end : nullptr, false);
  it->Seek(ToSlice(range.begin));
  auto own = overlay_.lower_bound(range.begin);
  const auto own_valid = [&] { return own != overlay_.end() && range.Contains(own->first); };
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more && (it->Valid() || own_valid())) {
    if (absl::Status status = Charge(1); !status.ok()) return status;
    const int order = !own_valid()   ? 1
                      : !it->Valid() ? -1
                                     : std::string_view(own->first).compare(ToView(it->key()));
    if (order <= 0) {
      if (VersionPtr version = IfItCounts(own->second.version)) more = visit(own->first, version);
      if (order == 0) it->Next();
      ++own;
      continue;
    }
    auto version = std::make_shared<Version>();
    if (!DecodeVersion(ToView(it->value()), ToView(it->key()), version.get())) {
      return reader_.Damaged("a record in latest is damaged");
    }
    work_ += BytesWork(it->value().size());
    if (VersionPtr counts = IfItCounts(std::move(version))) more = visit(ToView(it->key()), counts);
    it->Next();
  }
  if (!more.ok()) return more.status();
  return FromRocks(it->status(), core_->db->Describe("range"));
}

absl::StatusOr<std::vector<KeyValuePtr>> Batch::Range(const KeyRange& range, int64_t at,
                                                      uint64_t limit) {
  absl::Status status = CheckRevision(at);
  if (!status.ok()) return status;
  std::vector<KeyValuePtr> result;
  status = Walk(range, [&](std::string_view key, VersionPtr version) -> absl::StatusOr<bool> {
    if (at > 0) {
      absl::StatusOr<VersionPtr> old = FindVersion(*this, key, std::move(version), {at, INT64_MAX});
      if (!old.ok()) return old.status();
      version = *std::move(old);
    }
    if (version != nullptr && !version->deleted()) result.push_back(version->kv);
    return limit == 0 || result.size() < limit;
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<std::vector<KeyValuePtr>> Batch::DeleteRange(const KeyRange& range) {
  std::vector<KeyValuePtr> removed;
  std::vector<VersionPtr> found;
  absl::Status status = Walk(range, [&](std::string_view, VersionPtr version) {
    if (!version->deleted()) found.push_back(std::move(version));
    return absl::StatusOr<bool>(true);
  });
  if (!status.ok()) return status;
  for (VersionPtr& version : found) {
    const std::string& key = version->kv->key;
    overlay_.try_emplace(key, Entry{version, false});
    absl::StatusOr<KeyValuePtr> kv = Delete(key);
    if (!kv.ok()) return kv.status();
    KEELSON_CHECK(*kv != nullptr, "what the range found exists");
    removed.push_back(*std::move(kv));
  }
  return removed;
}

absl::StatusOr<int64_t> Batch::Count(const KeyRange& range, int64_t at) {
  if (at > 0) {
    absl::StatusOr<std::vector<KeyValuePtr>> found = Range(range, at, 0);
    if (!found.ok()) return found.status();
    return static_cast<int64_t>(found->size());
  }
  absl::Status status = Charge(kCountWork + pending_.size() / 8);
  if (!status.ok()) return status;
  absl::StatusOr<int64_t> count = CountKeys(*core_->db, {}, *core_->counts.Publish(), range);
  if (!count.ok()) return count;
  for (const PendingChange& pending : pending_) {
    const Change& change = pending.change;
    if (!range.Contains(change.now->key)) continue;
    *count += (change.deleted ? 0 : 1) - (change.prev != nullptr ? 1 : 0);
  }
  KEELSON_CHECK(*count >= 0, "a count is not negative");
  return count;
}

absl::Status Batch::VisitAttachments(rocksdb::Iterator* it, std::string_view prefix,
                                     LeaseKeyMap* keys) {
  for (it->Seek(ToSlice(prefix)); it->Valid() && it->key().starts_with(ToSlice(prefix));
       it->Next()) {
    if (absl::Status charged = Charge(1); !charged.ok()) return charged;
    keys->emplace(ToView(it->key()).substr(prefix.size()), true);
  }
  return absl::OkStatus();
}

// Of very many leases that end together most have no keys or few: they share an iterator. What it
// has charged where it gave up is taken back: members must agree on what is too much.
absl::Status Batch::StoredLeaseKeys(int64_t id, std::string_view prefix, LeaseKeyMap* keys) {
  const uint64_t work_before = work_;
  if (lease_keys_ == nullptr) lease_keys_ = reader_.IterateShort(kLeaseKeys);
  absl::Status status = VisitAttachments(lease_keys_.get(), prefix, keys);
  if (!status.ok()) return status;
  if (!lease_keys_->status().IsIncomplete()) {
    return FromRocks(lease_keys_->status(), core_->db->Describe("lease keys"));
  }
  work_ = work_before;
  keys->clear();
  // Without an end it would pass over what deleted keys of later leases left behind.
  const std::string end = LeaseRecordKey(static_cast<int64_t>(static_cast<uint64_t>(id) + 1));
  const rocksdb::Slice upper = ToSlice(end);
  auto it = reader_.Iterate(kLeaseKeys, id == -1 ? nullptr : &upper, false);
  status = VisitAttachments(it.get(), prefix, keys);
  if (!status.ok()) return status;
  return FromRocks(it->status(), core_->db->Describe("lease keys"));
}

absl::StatusOr<std::vector<std::string>> Batch::LeaseKeys(int64_t id) {
  const std::string prefix = LeaseRecordKey(id);
  LeaseKeyMap keys;
  if (absl::Status status = StoredLeaseKeys(id, prefix, &keys); !status.ok()) return status;
  const RawOverlay::Map& own = attachments_.map();
  for (auto at = own.lower_bound(prefix); at != own.end() && at->first.starts_with(prefix); ++at) {
    keys[at->first.substr(prefix.size())] = at->second.has_value();
  }
  std::vector<std::string> result;
  for (const auto& [key, attached] : keys) {
    if (attached) result.push_back(key);
  }
  return result;
}

}  // namespace keelson::storage
