#include "storage/mvcc/count_index.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "rocksdb/write_batch.h"
#include "storage/mvcc/codec.h"
#include "storage/mvcc/rocks_fs.h"

namespace keelson::storage {
namespace {

size_t FindBucket(const std::vector<std::string>& begins, std::string_view key) {
  auto after = std::upper_bound(begins.begin(), begins.end(), key);
  KEELSON_CHECK(after != begins.begin(), "the first bucket begins before every key");
  return static_cast<size_t>(after - begins.begin()) - 1;
}

std::string Pair(uint64_t a, uint64_t b) {
  std::string out;
  AppendVarint(a, &out);
  AppendVarint(b, &out);
  return out;
}

// Calls visit(key, deleted) for each record of `range` until it returns false.
template <typename Visit>
absl::Status ScanHeads(const RocksDb& db, rocksdb::ReadOptions read, const KeyRange& range,
                       Visit visit) {
  rocksdb::Slice end;
  if (range.end) {
    end = ToSlice(*range.end);
    read.iterate_upper_bound = &end;
  }
  std::unique_ptr<rocksdb::Iterator> it(db.db().NewIterator(read, db.family(kLatest)));
  for (it->Seek(ToSlice(range.begin)); it->Valid(); it->Next()) {
    VersionHead head;
    if (!DecodeVersionHead(ToView(it->value()), &head)) {
      return absl::DataLossError(db.Describe("a record in latest is damaged"));
    }
    if (!visit(ToView(it->key()), head.deleted)) break;
  }
  return FromRocks(it->status(), db.Describe("scan"));
}

}  // namespace

CountTable::Plan CountTable::PlanCount(const KeyRange& range) const {
  Plan plan;
  if (range.empty()) return plan;
  const size_t first = FindBucket(*begins, range.begin);
  const size_t last = range.end ? FindBucket(*begins, *range.end) : counts.size() - 1;
  const bool from_start = (*begins)[first] == range.begin;
  const bool to_end = !range.end;
  if (first == last && !(from_start && to_end)) {
    plan.to_read.push_back(range);
    return plan;
  }
  const size_t whole_from = from_start ? first : first + 1;
  const size_t whole_to = to_end ? last + 1 : last;
  if (!from_start) plan.to_read.push_back({range.begin, (*begins)[first + 1]});
  for (size_t i = whole_from; i < whole_to; ++i) plan.known += counts[i];
  if (!to_end && (*begins)[last] != *range.end) {
    plan.to_read.push_back({(*begins)[last], range.end});
  }
  return plan;
}

absl::StatusOr<int64_t> CountByReading(const RocksDb& db, const rocksdb::ReadOptions& read,
                                       const KeyRange& range) {
  int64_t count = 0;
  absl::Status status = ScanHeads(db, read, range, [&](std::string_view, bool deleted) {
    count += deleted ? 0 : 1;
    return true;
  });
  if (!status.ok()) return status;
  return count;
}

absl::StatusOr<int64_t> CountKeys(const RocksDb& db, const rocksdb::ReadOptions& read,
                                  const CountTable& table, const KeyRange& range) {
  const CountTable::Plan plan = table.PlanCount(range);
  int64_t count = plan.known;
  for (const KeyRange& part : plan.to_read) {
    absl::StatusOr<int64_t> read_count = CountByReading(db, read, part);
    if (!read_count.ok()) return read_count.status();
    count += *read_count;
  }
  return count;
}

CountIndex::CountIndex(int64_t bucket_keys) : bucket_keys_(bucket_keys) {
  KEELSON_CHECK(bucket_keys >= 2, "a bucket that is split leaves a key on each side");
  Clear();
}

void CountIndex::Clear() {
  begins_ = std::make_shared<std::vector<std::string>>(1);
  buckets_.assign(1, {});
  vanished_.clear();
  total_ = 0;
  split_ = nullptr;
  published_ = nullptr;
}

size_t CountIndex::BucketOf(std::string_view key) const { return FindBucket(*begins_, key); }

std::vector<std::string>& CountIndex::MutableBegins() {
  published_ = nullptr;
  if (begins_.use_count() > 1) begins_ = std::make_shared<std::vector<std::string>>(*begins_);
  return *begins_;
}

absl::Status CountIndex::Load(const RocksDb& db, uint64_t applied_index, int64_t revision) {
  Clear();
  auto header = db.Get({}, kMeta, kCountHeaderKey);
  if (!header.ok()) return header.status();
  uint64_t saved_at = 0, saved_buckets = 0;
  std::string_view bytes;
  if (*header) bytes = **header;
  const bool known = *header && TakeVarint(&bytes, &saved_at) && TakeVarint(&bytes, &saved_buckets);
  if (!known && applied_index == 0) return absl::OkStatus();
  absl::Status status = LoadBuckets(db, revision);
  if (!status.ok()) return status;
  const bool complete = buckets_.size() == saved_buckets && begins_->front().empty();
  if (known && saved_at == applied_index && complete) return absl::OkStatus();
  return Rebuild(db);
}

absl::Status CountIndex::LoadBuckets(const RocksDb& db, int64_t revision) {
  std::vector<std::string>& begins = MutableBegins();
  begins.clear();
  buckets_.clear();
  std::unique_ptr<rocksdb::Iterator> it(db.db().NewIterator({}, db.family(kMeta)));
  for (it->Seek(ToSlice(kCountBucketPrefix)); it->Valid(); it->Next()) {
    std::string_view key = ToView(it->key());
    if (key.substr(0, kCountBucketPrefix.size()) != kCountBucketPrefix) break;
    std::string_view value = ToView(it->value());
    uint64_t count = 0;
    if (!TakeVarint(&value, &count) || !value.empty()) {
      return absl::DataLossError(db.Describe("a count record is damaged"));
    }
    begins.emplace_back(key.substr(kCountBucketPrefix.size()));
    // There may be tombstones of up to now.
    buckets_.push_back({static_cast<int64_t>(count), 0, revision, false});
    total_ += static_cast<int64_t>(count);
  }
  if (begins.empty()) Clear();
  return FromRocks(it->status(), db.Describe("read counts"));
}

absl::Status CountIndex::Rebuild(const RocksDb& db) {
  for (const std::string& begin : *begins_) vanished_.insert(begin);
  const std::set<std::string> old = std::move(vanished_);
  Clear();
  vanished_ = old;
  ++rebuilds_;
  return ScanHeads(db, {}, KeyRange::All(), [&](std::string_view key, bool deleted) {
    Bucket* last = &buckets_.back();
    if (last->keys + last->tombstones >= bucket_keys_ / 2) {
      begins_->emplace_back(key);
      last = &buckets_.emplace_back();
    }
    ++(deleted ? last->tombstones : last->keys);
    total_ += deleted ? 0 : 1;
    return true;
  });
}

void CountIndex::Save(const RocksDb& db, uint64_t applied_index, int64_t droppable_below,
                      rocksdb::WriteBatch* batch) {
  JoinSmall(droppable_below);
  rocksdb::ColumnFamilyHandle* meta = db.family(kMeta);
  for (const std::string& begin : vanished_) {
    batch->Delete(meta, std::string(kCountBucketPrefix).append(begin));
  }
  vanished_.clear();
  for (size_t i = 0; i < buckets_.size(); ++i) {
    Bucket& bucket = buckets_[i];
    KEELSON_CHECK(bucket.keys >= 0, "no bucket holds fewer than no keys");
    if (!bucket.dirty) continue;
    std::string value;
    AppendVarint(static_cast<uint64_t>(bucket.keys), &value);
    batch->Put(meta, std::string(kCountBucketPrefix).append((*begins_)[i]), value);
    bucket.dirty = false;
  }
  batch->Put(meta, ToSlice(kCountHeaderKey), Pair(applied_index, buckets_.size()));
}

void CountIndex::Add(std::string_view key, int delta, int64_t revision) {
  KEELSON_CHECK(delta == 1 || delta == -1, "a key comes or goes");
  const size_t at = BucketOf(key);
  Bucket& bucket = buckets_[at];
  bucket.keys += delta;
  bucket.dirty = true;
  total_ += delta;
  published_ = nullptr;
  KEELSON_CHECK(bucket.keys >= 0, "a key goes from the bucket that it came into");
  if (delta < 0) {
    ++bucket.tombstones;
    bucket.last_delete = revision;
  }
  if (split_ == nullptr && bucket.keys + bucket.tombstones > bucket_keys_) {
    split_ = std::make_unique<Split>();
    split_->begin = split_->cursor = (*begins_)[at];
    split_->wanted = (bucket.keys + bucket.tombstones) / 2;
  } else if (split_ != nullptr && key < split_->cursor && (*begins_)[at] == split_->begin) {
    split_->keys += delta;
  }
}

// Joins neighbours that are small: below a quarter together, so that it takes many more keys
// before the result is split again.
void CountIndex::JoinSmall(int64_t droppable_below) {
  bool any = false;
  for (Bucket& bucket : buckets_) {
    if (bucket.last_delete > droppable_below) continue;
    bucket.tombstones = 0;
    any = any || bucket.keys <= bucket_keys_ / 4;
  }
  if (!any || buckets_.size() == 1) return;
  std::vector<std::string>& begins = MutableBegins();
  size_t kept = 0;
  for (size_t i = 1; i < buckets_.size(); ++i) {
    Bucket& last = buckets_[kept];
    const Bucket& next = buckets_[i];
    const bool clean = std::max(last.last_delete, next.last_delete) <= droppable_below;
    if (clean && last.keys + next.keys <= bucket_keys_ / 4) {
      vanished_.insert(begins[i]);
      last.keys += next.keys;
      last.dirty = true;
      split_ = nullptr;  // its bucket may be another one now
      continue;
    }
    if (++kept == i) continue;
    buckets_[kept] = next;
    begins[kept] = std::move(begins[i]);
  }
  buckets_.resize(kept + 1);
  begins.resize(kept + 1);
}

// The records before `key` are those that the split has counted.
void CountIndex::SplitAt(std::string_view key) {
  const size_t at = BucketOf(key);
  std::vector<std::string>& begins = MutableBegins();
  Bucket& left = buckets_[at];
  KEELSON_CHECK(begins[at] < key, "a split leaves room on both sides");
  KEELSON_CHECK(0 <= split_->keys && split_->keys <= left.keys, "a part is not the whole");
  Bucket right = left;
  right.keys -= split_->keys;
  left.keys = split_->keys;
  left.tombstones = std::max<int64_t>(split_->records - split_->keys, 0);
  right.tombstones = std::max<int64_t>(right.tombstones - left.tombstones, 0);
  left.dirty = right.dirty = true;
  vanished_.erase(std::string(key));
  const auto after = static_cast<std::ptrdiff_t>(at) + 1;
  begins.emplace(begins.begin() + after, key);
  buckets_.insert(buckets_.begin() + after, right);
}

absl::Status CountIndex::Balance(const RocksDb& db, int64_t max_keys) {
  if (split_ == nullptr) return absl::OkStatus();
  const size_t at = BucketOf(split_->begin);
  KeyRange rest = KeyRange::From(split_->cursor);
  if (at + 1 < buckets_.size()) rest.end = (*begins_)[at + 1];
  int64_t read = 0;
  bool enough = false;
  std::string stopped_at;
  absl::Status status = ScanHeads(db, {}, rest, [&](std::string_view key, bool deleted) {
    enough = split_->records >= split_->wanted && key > split_->begin;
    if (enough || read == max_keys) {
      stopped_at = std::string(key);
      return false;
    }
    split_->keys += deleted ? 0 : 1;
    ++split_->records;
    ++read;
    return true;
  });
  if (!status.ok()) return status;
  if (enough) {
    SplitAt(stopped_at);
    split_ = nullptr;
  } else if (!stopped_at.empty()) {
    split_->cursor = std::move(stopped_at);
  } else {
    // Fewer records than thought: tombstones are gone, or were made twice for one key.
    buckets_[at].tombstones = std::max<int64_t>(split_->records - split_->keys, 0);
    split_ = nullptr;
  }
  return absl::OkStatus();
}

std::shared_ptr<const CountTable> CountIndex::Publish() {
  if (published_ == nullptr) {
    auto table = std::make_shared<CountTable>();
    table->begins = begins_;
    table->counts.reserve(buckets_.size());
    for (const Bucket& bucket : buckets_) table->counts.push_back(bucket.keys);
    published_ = std::move(table);
  }
  return published_;
}

}  // namespace keelson::storage
