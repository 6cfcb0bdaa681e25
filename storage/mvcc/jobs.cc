#include "storage/mvcc/jobs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rocksdb/convenience.h"
#include "rocksdb/utilities/checkpoint.h"
#include "storage/mvcc/codec.h"
#include "storage/mvcc/mutants.h"
#include "storage/mvcc/rocks_fs.h"

namespace keelson::storage {
namespace {

class FlushJob : public BackgroundJob {
 public:
  FlushJob(std::shared_ptr<RocksDb> db, uint64_t applied_index)
      : db_(std::move(db)), applied_index_(applied_index) {}
  const char* name() const override { return "flush"; }

  absl::Status Run() override {
    db_->env().RunFlushes();
    auto bytes = db_->GetFlushed(kMeta, kStateKey);
    if (!bytes.ok()) return bytes.status();
    StoreState state;
    uint32_t format = 0;
    const bool known = *bytes && DecodeState(**bytes, &state, &format);
    if (known && state.applied.index.value() >= applied_index_) return absl::OkStatus();
    // RocksDB keeps the reason to itself until the next write; a write of nothing asks for it.
    rocksdb::WriteOptions write;
    write.disableWAL = true;
    rocksdb::WriteBatch nothing;
    absl::Status reason = FromRocks(db_->db().Write(write, &nothing), db_->Describe("flush"));
    if (!reason.ok()) return reason;
    return absl::DataLossError(db_->Describe("flush ended without the state it was to write"));
  }

 private:
  const std::shared_ptr<RocksDb> db_;
  const uint64_t applied_index_;
};

class DropHistoryJob : public BackgroundJob {
 public:
  DropHistoryJob(std::shared_ptr<RocksDb> db, int64_t bound) : db_(std::move(db)), bound_(bound) {}
  const char* name() const override { return "drop history"; }

  absl::Status Run() override {
    const std::string end = UndoKey({std::max<int64_t>(bound_, 0), 0});
    const rocksdb::Slice end_slice = ToSlice(end);
    const rocksdb::RangePtr range(nullptr, &end_slice);
    absl::Status status =
        FromRocks(rocksdb::DeleteFilesInRanges(&db_->db(), db_->family(kUndo), &range, 1, false),
                  db_->Describe("drop history"));
    if (!status.ok()) return status;
    DropLeftovers(UndoKey({std::max<int64_t>(bound_, 0) + 1, 0}));
    return RewriteTombstones();
  }

 private:
  // DeleteFilesInRanges passes over files in level 0, and over those with changes of the bound's
  // own revision. Compacting such costs little: the filter skips from their first key to the bound,
  // and keeps of these changes only that they were made.
  void DropLeftovers(const std::string& above) {
    rocksdb::ColumnFamilyMetaData files;
    db_->db().GetColumnFamilyMetaData(db_->family(kUndo), &files);
    for (const rocksdb::LevelMetaData& level : files.levels) {
      std::vector<std::string> dead;
      for (const rocksdb::SstFileMetaData& file : level.files) {
        if (file.largestkey < above && !file.being_compacted) dead.push_back(file.name);
      }
      if (!dead.empty()) Compact(kUndo, dead, level.level);
    }
  }

  // Files worth rewriting: a quarter of the records at least are tombstones, the oldest covered.
  static constexpr uint64_t kTombstoneShare = 4;

  absl::Status RewriteTombstones() {
    rocksdb::TablePropertiesCollection tables;
    absl::Status status = FromRocks(
        db_->db().GetPropertiesOfAllTables(db_->family(kLatest), &tables), db_->Describe("drop"));
    if (!status.ok()) return status;
    rocksdb::ColumnFamilyMetaData files;
    db_->db().GetColumnFamilyMetaData(db_->family(kLatest), &files);
    for (const rocksdb::LevelMetaData& level : files.levels) {
      for (const rocksdb::SstFileMetaData& file : level.files) {
        auto table = tables.find(absl::StrCat(file.db_path, file.name));
        if (table == tables.end() || file.being_compacted) continue;
        const TombstoneCount count = ReadTombstoneCount(*table->second);
        if (count.tombstones * kTombstoneShare < table->second->num_entries ||
            count.tombstones == 0 || count.oldest > bound_) {
          continue;
        }
        Compact(kLatest, {file.name}, level.level);
      }
    }
    return absl::OkStatus();
  }

  // A file that RocksDB compacts or has compacted meanwhile went through the filter already, so
  // a refusal means nothing; a failing disk shows in the next flush.
  void Compact(Family family, const std::vector<std::string>& files, int level) {
    rocksdb::CompactionOptions options;
    options.compression = rocksdb::kLZ4Compression;
    options.output_file_size_limit = db_->options().file_bytes;
    options.max_subcompactions = 1;
    const int bottom = db_->db().NumberLevels(db_->family(family)) - 1;
    db_->db()
        .CompactFiles(options, db_->family(family), files, level == 0 ? bottom : level)
        .PermitUncheckedError();
  }

  const std::shared_ptr<RocksDb> db_;
  const int64_t bound_;
};

class CompactionJob : public BackgroundJob {
 public:
  explicit CompactionJob(std::shared_ptr<RocksDb> db) : db_(std::move(db)) {}
  const char* name() const override { return "compaction"; }
  absl::Status Run() override {
    db_->env().RunOneCompaction();
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<RocksDb> db_;
};

class CheckpointJob : public BackgroundJob {
 public:
  CheckpointJob(std::shared_ptr<RocksDb> db, std::string dir)
      : db_(std::move(db)), dir_(std::move(dir)) {}
  const char* name() const override { return "checkpoint"; }

  // Never flushes by itself: what is flushed is a complete state with its own index.
  absl::Status Run() override {
    rocksdb::Checkpoint* raw = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(&db_->db(), &raw);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
    if (status.ok()) status = checkpoint->CreateCheckpoint(dir_, UINT64_MAX);
    return FromRocks(status, db_->Describe(absl::StrCat("checkpoint into ", dir_)));
  }

 private:
  const std::shared_ptr<RocksDb> db_;
  const std::string dir_;
};

}  // namespace

std::unique_ptr<BackgroundJob> MakeFlushJob(std::shared_ptr<RocksDb> db, uint64_t applied_index) {
  return std::make_unique<FlushJob>(std::move(db), applied_index);
}

std::unique_ptr<BackgroundJob> MakeDropHistoryJob(std::shared_ptr<RocksDb> db, int64_t bound) {
  return std::make_unique<DropHistoryJob>(std::move(db), bound);
}

std::unique_ptr<BackgroundJob> MakeCompactionJob(std::shared_ptr<RocksDb> db) {
  return std::make_unique<CompactionJob>(std::move(db));
}

std::unique_ptr<BackgroundJob> MakeCheckpointJob(std::shared_ptr<RocksDb> db, std::string dir) {
  return std::make_unique<CheckpointJob>(std::move(db), std::move(dir));
}

}  // namespace keelson::storage
