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
  counts_.assign(1, 0);
  dirty_.assign(1, 1);
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

absl::Status CountIndex::Load(const RocksDb& db, uint64_t applied_index) {
  Clear();
  auto header = db.Get({}, kMeta, kCountHeaderKey);
  if (!header.ok()) return header.status();
  uint64_t saved_at = 0, saved_buckets = 0;
  std::string_view bytes;
  if (*header) bytes = **header;
  const bool known = *header && TakeVarint(&bytes, &saved_at) && TakeVarint(&bytes, &saved_buckets);
  if (!known && applied_index == 0) return absl::OkStatus();
  absl::Status status = LoadBuckets(db);
  if (!status.ok()) return status;
  const bool complete = counts_.size() == saved_buckets && begins_->front().empty();
  if (known && saved_at == applied_index && complete) return absl::OkStatus();
  return Rebuild(db);
}

absl::Status CountIndex::LoadBuckets(const RocksDb& db) {
  std::vector<std::string>& begins = MutableBegins();
  begins.clear();
  counts_.clear();
  dirty_.clear();
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
    counts_.push_back(static_cast<int64_t>(count));
    dirty_.push_back(0);
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
    if (deleted) return true;
    if (counts_.back() >= bucket_keys_ / 2) {
      begins_->emplace_back(key);
      counts_.push_back(0);
      dirty_.push_back(1);
    }
    ++counts_.back();
    ++total_;
    return true;
  });
}

void CountIndex::Save(const RocksDb& db, uint64_t applied_index, rocksdb::WriteBatch* batch) {
  rocksdb::ColumnFamilyHandle* meta = db.family(kMeta);
  for (const std::string& begin : vanished_) {
    batch->Delete(meta, std::string(kCountBucketPrefix).append(begin));
  }
  vanished_.clear();
  for (size_t i = 0; i < counts_.size(); ++i) {
    KEELSON_CHECK(counts_[i] >= 0, "no bucket holds fewer than no keys");
    if (!dirty_[i]) continue;
    std::string value;
    AppendVarint(static_cast<uint64_t>(counts_[i]), &value);
    batch->Put(meta, std::string(kCountBucketPrefix).append((*begins_)[i]), value);
    dirty_[i] = 0;
  }
  batch->Put(meta, ToSlice(kCountHeaderKey), Pair(applied_index, counts_.size()));
}

void CountIndex::Add(std::string_view key, int delta) {
  KEELSON_CHECK(delta == 1 || delta == -1, "a key comes or goes");
  const size_t bucket = BucketOf(key);
  counts_[bucket] += delta;
  total_ += delta;
  dirty_[bucket] = 1;
  published_ = nullptr;
  KEELSON_CHECK(counts_[bucket] >= 0, "a key goes from the bucket that it came into");
  if (split_ != nullptr && (*begins_)[bucket] == split_->begin && key < split_->cursor) {
    split_->counted += delta;
  }
  if (delta < 0) {
    MaybeJoin(bucket);
  } else if (split_ == nullptr && counts_[bucket] > bucket_keys_) {
    split_ = std::make_unique<Split>();
    split_->begin = split_->cursor = (*begins_)[bucket];
    split_->wanted = counts_[bucket] / 2;
  }
}

// Joins a bucket with the one before it where both are small: below a quarter, so that it takes
// many more keys before the result is split again.
void CountIndex::MaybeJoin(size_t bucket) {
  if (bucket == 0 || counts_[bucket - 1] + counts_[bucket] > bucket_keys_ / 4) return;
  std::vector<std::string>& begins = MutableBegins();
  if (split_ != nullptr &&
      (split_->begin == begins[bucket] || split_->begin == begins[bucket - 1])) {
    split_ = nullptr;
  }
  vanished_.insert(begins[bucket]);
  counts_[bucket - 1] += counts_[bucket];
  dirty_[bucket - 1] = 1;
  const auto at = static_cast<std::ptrdiff_t>(bucket);
  begins.erase(begins.begin() + at);
  counts_.erase(counts_.begin() + at);
  dirty_.erase(dirty_.begin() + at);
}

void CountIndex::SplitAt(std::string_view key, int64_t keys_before) {
  const size_t bucket = BucketOf(key);
  std::vector<std::string>& begins = MutableBegins();
  KEELSON_CHECK(begins[bucket] < key, "a split leaves room on both sides");
  KEELSON_CHECK(0 <= keys_before && keys_before <= counts_[bucket], "a part is not the whole");
  const auto after = static_cast<std::ptrdiff_t>(bucket) + 1;
  const int64_t rest = counts_[bucket] - keys_before;
  counts_[bucket] = keys_before;
  dirty_[bucket] = 1;
  vanished_.erase(std::string(key));
  begins.emplace(begins.begin() + after, key);
  counts_.insert(counts_.begin() + after, rest);
  dirty_.insert(dirty_.begin() + after, 1);
}

absl::Status CountIndex::Balance(const RocksDb& db, int64_t max_keys) {
  if (split_ == nullptr) return absl::OkStatus();
  const size_t bucket = BucketOf(split_->begin);
  KeyRange rest = KeyRange::From(split_->cursor);
  if (bucket + 1 < counts_.size()) rest.end = (*begins_)[bucket + 1];
  int64_t read = 0;
  std::string split_key;
  std::string cursor;
  absl::Status status = ScanHeads(db, {}, rest, [&](std::string_view key, bool deleted) {
    const bool enough = split_->counted >= split_->wanted && key > split_->begin;
    if (enough && !deleted) split_key = std::string(key);
    if (read == max_keys || !split_key.empty()) {
      cursor = std::string(key);
      return false;
    }
    split_->counted += deleted ? 0 : 1;
    ++read;
    return true;
  });
  if (!status.ok()) return status;
  if (!split_key.empty()) {
    SplitAt(split_key, split_->counted);
    split_ = nullptr;
  } else if (cursor.empty()) {
    split_ = nullptr;  // too many keys went meanwhile; a later Add starts anew
  } else {
    split_->cursor = std::move(cursor);
  }
  return absl::OkStatus();
}

std::shared_ptr<const CountTable> CountIndex::Publish() {
  if (published_ == nullptr) {
    auto table = std::make_shared<CountTable>();
    table->begins = begins_;
    table->counts = counts_;
    published_ = std::move(table);
  }
  return published_;
}

}  // namespace keelson::storage
