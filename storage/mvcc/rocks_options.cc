// The RocksDB options, apart from the code that opens it. Reasons stand beside what is unusual.
#include <atomic>
#include <map>
#include <memory>
#include <mutex>

#include "rocksdb/cache.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/listener.h"
#include "rocksdb/rate_limiter.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "storage/mvcc/mutants.h"
#include "storage/mvcc/rocks_db.h"

namespace keelson::storage {
namespace {

// Memtables are switched by StartFlush alone, long before they reach this size.
constexpr uint64_t kNeverFullMemtable = uint64_t{1} << 30;
constexpr double kLatestBloomShare = 1.0 / 1024;  // of it: 1 MB of bloom filter per memtable

class SilentLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// After a background error the store is closed and opened again; nothing heals in the background.
// Counts the bytes that running compactions read.
class Listener : public rocksdb::EventListener {
 public:
  explicit Listener(std::shared_ptr<std::atomic<uint64_t>> compacting_bytes)
      : compacting_bytes_(std::move(compacting_bytes)) {}

  void OnCompactionBegin(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override {
    uint64_t total = 0;
    for (const std::string& file : job.input_files) {
      uint64_t bytes = 0;
      if (db->GetEnv()->GetFileSize(file, &bytes).ok()) total += bytes;
    }
    const std::lock_guard lock(mutex_);
    jobs_[job.job_id] = total;
    *compacting_bytes_ += total;
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) override {
    const std::lock_guard lock(mutex_);
    const auto it = jobs_.find(job.job_id);
    if (it == jobs_.end()) return;
    *compacting_bytes_ -= it->second;
    jobs_.erase(it);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::shared_ptr<std::atomic<uint64_t>> compacting_bytes_;
  std::mutex mutex_;
  std::map<int, uint64_t> jobs_;  // under mutex_
};

rocksdb::BlockBasedTableOptions TableOptions(Family family, uint64_t block_bytes,
                                             std::shared_ptr<rocksdb::Cache> cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = std::move(cache);
  table.block_size = block_bytes;
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  if (family == kLatest) {
    // Partitions: at 100 GB the filters alone would not fit into the cache.
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = true;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  }
  // Looked up by names that mostly are not there.
  if (family == kMeta) table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  return table;
}

}  // namespace

rocksdb::DBOptions RocksDb::DatabaseOptions() const {
  rocksdb::DBOptions db;
  db.env = env_.get();
  db.create_if_missing = !options_.must_exist;
  db.create_missing_column_families = true;
  db.atomic_flush = !kMutantAppliedApart;
  db.avoid_flush_during_shutdown = true;  // closing leaves what a crash would leave
  db.max_background_jobs = 2;
  db.max_open_files = 1000;  // opening a store touches a bounded number of files
  db.max_file_opening_threads = 1;
  db.skip_stats_update_on_db_open = true;
  db.skip_checking_sst_file_sizes_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.enable_thread_tracking = false;
  db.max_bgerror_resume_count = 0;
  db.info_log = std::make_shared<SilentLogger>();
  db.listeners = {std::make_shared<Listener>(compacting_bytes_)};
  db.allow_concurrent_memtable_write = false;  // one writer; lets memtable insert hints work
  db.enable_write_thread_adaptive_yield = false;
  db.allow_fallocate = false;
  db.max_manifest_file_size = 4 << 20;
  if (!options_.manual_background) {
    db.bytes_per_sync = 1 << 20;  // spread write-back: a burst would sit before the WAL's sync
    if (options_.background_bytes_per_second != 0) {
      db.rate_limiter.reset(rocksdb::NewGenericRateLimiter(
          static_cast<int64_t>(options_.background_bytes_per_second)));
    }
  }
  return db;
}

rocksdb::ColumnFamilyOptions RocksDb::FamilyOptions(Family family) const {
  rocksdb::ColumnFamilyOptions cf;
  cf.write_buffer_size = kNeverFullMemtable;
  cf.arena_block_size = family == kLatest || family == kUndo ? 1 << 20 : 64 << 10;
  cf.max_write_buffer_number = 64;
  cf.compression = rocksdb::kLZ4Compression;
  cf.target_file_size_base = options_.file_bytes;
  cf.max_bytes_for_level_base = options_.file_bytes * 4;
  cf.level_compaction_dynamic_level_bytes = true;
  cf.level0_file_num_compaction_trigger = options_.compact_at_l0_files;
  // RocksDB never holds a write back; admission control asks stall_risk() before there is one.
  cf.level0_slowdown_writes_trigger = 1 << 20;
  cf.level0_stop_writes_trigger = 1 << 20;
  cf.soft_pending_compaction_bytes_limit = 0;
  cf.hard_pending_compaction_bytes_limit = 0;
  if (family == kLatest) {
    cf.memtable_prefix_bloom_size_ratio = kLatestBloomShare;
    cf.memtable_whole_key_filtering = true;
    // A batch comes sorted: each insert starts where the one before it ended.
    cf.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
    cf.compaction_filter_factory = MakeLatestFilter(retention_);
    cf.table_properties_collector_factories = {MakeTombstoneCounter()};
  }
  if (family == kUndo) {
    // Keys only ever grow: each insert starts where the last one ended.
    cf.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
    cf.compaction_filter_factory = MakeUndoFilter(retention_);
  }
  cf.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(TableOptions(family, options_.block_bytes, cache_)));
  return cf;
}

}  // namespace keelson::storage
