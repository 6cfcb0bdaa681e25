// The rival: versions under key + descending revision, and an index from revision to key for
// watchers. As lean as it can be: keys of one length need no escaping, no leases, no counts, no
// events are made. What it answers is the same: the previous value of a put, old revisions,
// changes with previous values.
#include <algorithm>

#include "base/check.h"
#include "bench/mvcc/layout.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"

namespace keelson::bench {
namespace {

void AppendBigEndian(uint64_t value, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

uint64_t ReadBigEndian(const char* bytes) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

std::string VersionKey(const std::string& key, int64_t revision) {
  std::string result = key;
  AppendBigEndian(~static_cast<uint64_t>(revision), &result);
  return result;
}

int64_t RevisionOf(const rocksdb::Slice& version_key) {
  return static_cast<int64_t>(~ReadBigEndian(version_key.data() + kKeyBytes));
}

// create revision, version, value
struct Record {
  uint64_t create = 0;
  uint64_t version = 0;
};

class LayoutB : public Layout {
 public:
  explicit LayoutB(const std::string& dir) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    options.atomic_flush = true;
    options.max_background_jobs = 2;
    options.allow_concurrent_memtable_write = false;
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(32 << 20, 2);
    table.block_size = 8 << 10;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.whole_key_filtering = false;
    rocksdb::ColumnFamilyOptions versions;
    versions.write_buffer_size = uint64_t{1} << 30;
    versions.compression = rocksdb::kLZ4Compression;
    versions.level_compaction_dynamic_level_bytes = true;
    versions.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kKeyBytes));
    versions.memtable_prefix_bloom_size_ratio = 1.0 / 1024;
    versions.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::ColumnFamilyOptions index = versions;
    index.prefix_extractor = nullptr;
    index.memtable_prefix_bloom_size_ratio = 0;
    index.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
    std::vector<rocksdb::ColumnFamilyDescriptor> families = {
        {"default", {}}, {"versions", versions}, {"index", index}};
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    const auto status = rocksdb::DB::Open(options, dir, families, &handles, &db);
    KEELSON_CHECK(status.ok(), "the benchmark's directory is writable");
    db_.reset(db);
    meta_ = handles[0];
    versions_ = handles[1];
    index_ = handles[2];
  }

  ~LayoutB() override {
    for (auto* family : {meta_, versions_, index_}) db_->DestroyColumnFamilyHandle(family);
  }

  void Put(const std::vector<uint64_t>& keys, const std::string& value) override {
    rocksdb::WriteBatch batch;
    std::unique_ptr<rocksdb::Iterator> it(NewPointIterator());
    for (uint64_t number : keys) {
      const std::string key = KeyOf(number);
      Record record;
      std::string previous;
      it->Seek(VersionKey(key, revision_));
      if (it->Valid() && it->key().starts_with(key)) {
        std::memcpy(&record, it->value().data(), sizeof(record));
        previous.assign(it->value().data() + sizeof(record), it->value().size() - sizeof(record));
      }
      ++revision_;
      if (record.version++ == 0) record.create = static_cast<uint64_t>(revision_);
      std::string bytes(reinterpret_cast<const char*>(&record), sizeof(record));
      bytes += value;
      batch.Put(versions_, VersionKey(key, revision_), bytes);
      batch.Put(index_, IndexKey(revision_), key);
      sink_ += previous.size();
    }
    batch.Put(meta_, "applied", IndexKey(revision_));
    rocksdb::WriteOptions write;
    write.disableWAL = true;
    unflushed_ += batch.GetDataSize();
    KEELSON_CHECK(db_->Write(write, &batch).ok(), "writes succeed");
    if (unflushed_ > (32 << 20)) Flush();
  }

  bool Get(uint64_t number) override {
    const std::string key = KeyOf(number);
    std::unique_ptr<rocksdb::Iterator> it(NewPointIterator());
    it->Seek(VersionKey(key, revision_));
    if (!it->Valid() || !it->key().starts_with(key)) return false;
    const std::string value = it->value().ToString();
    sink_ += value.size();
    return true;
  }

  uint64_t Range(uint64_t first, uint64_t count, int64_t revision) override {
    constexpr int kNextsBeforeSeek = 4;
    if (revision == 0) revision = revision_;
    const std::string end = KeyOf(first + count);
    const rocksdb::Slice bound(end);
    rocksdb::ReadOptions read;
    read.total_order_seek = true;
    read.iterate_upper_bound = &bound;
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(read, versions_));
    uint64_t bytes = 0;
    it->Seek(KeyOf(first));
    while (it->Valid()) {
      const std::string key(it->key().data(), kKeyBytes);
      if (RevisionOf(it->key()) > revision) it->Seek(VersionKey(key, revision));
      if (!it->Valid()) break;
      if (!it->key().starts_with(key)) continue;
      const std::string value = it->value().ToString();
      bytes += value.size() - sizeof(Record);
      int nexts = 0;
      while (it->Valid() && it->key().starts_with(key) && ++nexts <= kNextsBeforeSeek) it->Next();
      if (it->Valid() && it->key().starts_with(key)) it->Seek(VersionKey(key, 0));
    }
    return bytes;
  }

  uint64_t CatchUp(int64_t revision) override {
    std::unique_ptr<rocksdb::Iterator> index(db_->NewIterator({}, index_));
    std::unique_ptr<rocksdb::Iterator> it(NewPointIterator());
    uint64_t changes = 0;
    for (index->Seek(IndexKey(revision)); index->Valid(); index->Next(), ++changes) {
      const std::string key = index->value().ToString();
      it->Seek(VersionKey(key, static_cast<int64_t>(ReadBigEndian(index->key().data()))));
      KEELSON_CHECK(it->Valid() && it->key().starts_with(key), "the index leads to a version");
      const std::string now = it->value().ToString();
      it->Next();
      std::string previous;
      if (it->Valid() && it->key().starts_with(key)) previous = it->value().ToString();
      sink_ += now.size() + previous.size();
    }
    return changes;
  }

  // Deletes each version that a revision up to `revision` superseded, as the index finds them.
  void Compact(int64_t revision) override {
    constexpr uint32_t kDeletesPerWrite = 1000;
    rocksdb::WriteOptions write;
    write.disableWAL = true;
    const std::string end = IndexKey(revision + 1);
    const rocksdb::Slice bound(end);
    rocksdb::ReadOptions read;
    read.iterate_upper_bound = &bound;
    std::unique_ptr<rocksdb::Iterator> index(db_->NewIterator(read, index_));
    std::unique_ptr<rocksdb::Iterator> it(NewPointIterator());
    rocksdb::WriteBatch batch;
    for (index->SeekToFirst(); index->Valid(); index->Next()) {
      const std::string key = index->value().ToString();
      it->Seek(VersionKey(key, static_cast<int64_t>(ReadBigEndian(index->key().data())) - 1));
      if (it->Valid() && it->key().starts_with(key)) batch.Delete(versions_, it->key());
      if (batch.Count() < kDeletesPerWrite) continue;
      KEELSON_CHECK(db_->Write(write, &batch).ok(), "writes succeed");
      batch.Clear();
    }
    batch.DeleteRange(index_, IndexKey(0), end);
    KEELSON_CHECK(db_->Write(write, &batch).ok(), "writes succeed");
    Flush();
  }

  void Flush() override {
    unflushed_ = 0;
    KEELSON_CHECK(db_->Flush({}, {meta_, versions_, index_}).ok(), "flushes succeed");
  }

  int64_t revision() const override { return revision_; }
  uint64_t disk_bytes() const override {
    uint64_t total = 0;
    for (auto* family : {meta_, versions_, index_}) {
      uint64_t bytes = 0;
      db_->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
      total += bytes;
    }
    return total;
  }

 private:
  static std::string IndexKey(int64_t revision) {
    std::string key;
    AppendBigEndian(static_cast<uint64_t>(revision), &key);
    return key;
  }

  rocksdb::Iterator* NewPointIterator() {
    rocksdb::ReadOptions read;
    read.prefix_same_as_start = true;
    return db_->NewIterator(read, versions_);
  }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  rocksdb::ColumnFamilyHandle* versions_ = nullptr;
  rocksdb::ColumnFamilyHandle* index_ = nullptr;
  int64_t revision_ = 1;
  uint64_t unflushed_ = 0;
  uint64_t sink_ = 0;
};

}  // namespace

std::unique_ptr<Layout> MakeLayoutB(const std::string& dir) {
  return std::make_unique<LayoutB>(dir);
}

}  // namespace keelson::bench
