#include "storage/mvcc/mvcc_store.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "rocksdb/write_batch.h"
#include "storage/mvcc/batch.h"
#include "storage/mvcc/jobs.h"
#include "storage/mvcc/mutants.h"
#include "storage/mvcc/rocks_fs.h"
#include "storage/mvcc/store_core.h"
#include "storage/mvcc/view_state.h"

namespace keelson::storage {
namespace {

// Admission control should hold writes back from here on.
constexpr int kManyL0Files = 24;
constexpr int kManyMemtables = 4;

absl::StatusOr<StoreState> ParseState(const RocksDb& db, const std::optional<std::string>& bytes) {
  StoreState state;
  if (!bytes) return state;
  uint32_t format = 0;
  if (DecodeState(*bytes, &state, &format)) return state;
  if (format > kFormatVersion) {
    return absl::FailedPreconditionError(
        db.Describe(absl::StrCat("written in format ", format, ", this program knows up to ",
                                 kFormatVersion, ": start a newer version")));
  }
  return absl::DataLossError(db.Describe("the state record is damaged"));
}

class StoreImpl : public MvccStore {
 public:
  explicit StoreImpl(std::shared_ptr<RocksDb> db) : core_(std::move(db)) {}
  ~StoreImpl() override { KEELSON_CHECK(!core_.batch_open, "batches end before their store"); }

  absl::Status Load() {
    auto bytes = db().Get({}, kMeta, kStateKey);
    if (!bytes.ok()) return bytes.status();
    absl::StatusOr<StoreState> state = ParseState(db(), *bytes);
    if (!state.ok()) return state.status();
    core_.state = *state;
    core_.undo_bytes_at_flush = state->undo_bytes;
    core_.revision_at_flush = state->revision;
    auto configuration = db().Get({}, kMeta, kConfigurationKey);
    if (!configuration.ok()) return configuration.status();
    core_.configuration = configuration->value_or("");
    auto status = core_.counts.Load(db(), core_.state.applied.index.value(), core_.state.revision);
    core_.key_count = core_.counts.total();
    return status;
  }

  raft::EntryId applied() const override { return core_.state.applied; }
  int64_t revision() const override { return core_.state.revision; }
  int64_t compact_revision() const override { return core_.state.compact_revision; }
  int64_t db_size() const override { return static_cast<int64_t>(core_.state.db_size()); }
  int64_t key_count() const override { return core_.key_count; }
  const std::string& configuration() const override { return core_.configuration; }

  absl::StatusOr<raft::EntryId> flushed_applied() const override {
    absl::StatusOr<StoreState> state = FlushedState();
    if (!state.ok()) return state.status();
    return state->applied;
  }

  absl::StatusOr<int64_t> flushed_compact_revision() const override {
    absl::StatusOr<StoreState> state = FlushedState();
    if (!state.ok()) return state.status();
    return state->compact_revision;
  }

  std::unique_ptr<ApplyBatch> NewBatch() override { return std::make_unique<Batch>(&core_); }

  ReadViewPtr View() override {
    if (core_.view == nullptr) {
      KEELSON_CHECK(!core_.handed_over, "a batch that is handed over left a view");
      core_.view = std::make_shared<ViewState>(core_.db, core_.state, core_.counts.Publish());
    }
    return core_.view;
  }

  absl::Status ForEachLease(
      const std::function<void(int64_t, std::string_view)>& visit) const override {
    std::unique_ptr<rocksdb::Iterator> it(db().db().NewIterator(Committed(), db().family(kLeases)));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      int64_t id = 0;
      if (!DecodeLeaseRecordKey(ToView(it->key()), &id)) {
        return absl::DataLossError(db().Describe("a lease record is damaged"));
      }
      visit(id, ToView(it->value()));
    }
    return FromRocks(it->status(), db().Describe("leases"));
  }

  absl::StatusOr<std::optional<std::string>> GetMeta(std::string_view name) const override {
    return db().Get(Committed(), kMeta, std::string(kBlobPrefix).append(name));
  }

  absl::Status ForEachMeta(
      std::string_view name_prefix,
      const std::function<void(std::string_view, std::string_view)>& visit) const override {
    std::unique_ptr<rocksdb::Iterator> it(db().db().NewIterator(Committed(), db().family(kMeta)));
    const std::string prefix = std::string(kBlobPrefix).append(name_prefix);
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      visit(ToView(it->key()).substr(kBlobPrefix.size()), ToView(it->value()));
    }
    return FromRocks(it->status(), db().Describe("meta"));
  }

  uint64_t unflushed_bytes() const override { return core_.unflushed_bytes; }

  uint64_t flush_bytes() const override {
    const StoreState& state = core_.state;
    const uint64_t undo = state.undo_bytes - core_.undo_bytes_at_flush;
    const uint64_t kept = std::min(undo, state.undo_bytes - state.dropped_bytes);
    const uint64_t left_out = undo - kept + core_.superseded_bytes;
    return core_.unflushed_bytes - std::min(core_.unflushed_bytes, left_out);
  }
  absl::StatusOr<std::unique_ptr<BackgroundJob>> StartFlush() override;
  std::unique_ptr<BackgroundJob> StartDropHistory() override;

  std::unique_ptr<BackgroundJob> StartCompaction() override {
    if (!db().env().HasCompactions()) return nullptr;
    return MakeCompactionJob(core_.db);
  }
  void PauseCompactions(bool paused) override { db().env().PauseCompactions(paused); }

  std::unique_ptr<VerifyJob> StartVerify(uint64_t from, uint64_t max_bytes) override {
    return MakeVerifyJob(core_.db, from, max_bytes);
  }

  std::unique_ptr<BackgroundJob> StartCheckpoint(const std::string& dir) override {
    return MakeCheckpointJob(core_.db, dir);
  }

  StallRisk stall_risk() const override {
    StallRisk risk;
    for (rocksdb::ColumnFamilyHandle* family : db().families()) {
      std::string files;
      uint64_t memtables = 0;
      int count = 0;
      const bool known =
          db().db().GetProperty(family, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0",
                                &files) &&
          absl::SimpleAtoi(files, &count);
      if (known) risk.l0_files = std::max(risk.l0_files, count);
      if (db().db().GetIntProperty(family, rocksdb::DB::Properties::kNumImmutableMemTable,
                                   &memtables)) {
        risk.unflushed_memtables = std::max(risk.unflushed_memtables, static_cast<int>(memtables));
      }
    }
    risk.writes_would_stall =
        risk.l0_files >= kManyL0Files || risk.unflushed_memtables >= kManyMemtables;
    return risk;
  }

  uint64_t compacting_bytes() const override { return db().compacting_bytes(); }

  uint64_t next_compaction_bytes() const override {
    uint64_t most = 0;
    for (rocksdb::ColumnFamilyHandle* family : db().families()) {
      rocksdb::ColumnFamilyMetaData files;
      db().db().GetColumnFamilyMetaData(family, &files);
      uint64_t bytes = files.levels.empty() ? 0 : files.levels[0].size;
      for (size_t level = 1; level < files.levels.size(); ++level) {
        if (files.levels[level].size == 0) continue;
        bytes += files.levels[level].size;
        break;
      }
      most = std::max(most, bytes);
    }
    return most;
  }

  uint64_t disk_bytes() const override {
    uint64_t total = 0;
    for (rocksdb::ColumnFamilyHandle* family : db().families()) {
      uint64_t bytes = 0;
      db().db().GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &bytes);
      total += bytes;
    }
    return total;
  }

  uint64_t open_views() const override {
    uint64_t snapshots = 0;
    db().db().GetIntProperty(rocksdb::DB::Properties::kNumSnapshots, &snapshots);
    return snapshots;
  }

  RocksDb& db() const { return *core_.db; }

 private:
  // Reads the state after the last commit, whatever another thread writes.
  rocksdb::ReadOptions Committed() const {
    return core_.handed_over ? core_.view->reader().read_options() : rocksdb::ReadOptions();
  }

  absl::StatusOr<StoreState> FlushedState() const {
    auto bytes = db().GetFlushed(kMeta, kStateKey);
    if (!bytes.ok()) return bytes.status();
    return ParseState(db(), *bytes);
  }

  StoreCore core_;
  int64_t dropped_below_ = -1;       // the bound of the last StartDropHistory
  bool mutant_state_first_ = false;  // kMutantAppliedApart only
};

absl::StatusOr<std::unique_ptr<BackgroundJob>> StoreImpl::StartFlush() {
  KEELSON_CHECK(!core_.batch_open, "a flush takes whole commits");
  if (core_.unflushed_bytes == 0) return std::unique_ptr<BackgroundJob>();
  const uint64_t applied_index = core_.state.applied.index.value();
  rocksdb::WriteBatch batch;
  core_.counts.Save(db(), applied_index, db().retention().droppable_below(), &batch);
  absl::Status status = db().Write(&batch);
  if (!status.ok()) return status;
  db().retention().BeginFlush(core_.state.compact_revision);
  std::vector<rocksdb::ColumnFamilyHandle*> families = db().families();
  if (kMutantAppliedApart && (mutant_state_first_ = !mutant_state_first_)) families.resize(1);
  rocksdb::FlushOptions options;
  options.wait = false;
  options.allow_write_stall = true;
  status = FromRocks(db().db().Flush(options, families), db().Describe("start a flush"));
  if (!status.ok()) return status;
  core_.unflushed_bytes = 0;
  core_.undo_bytes_at_flush = core_.state.undo_bytes;
  core_.revision_at_flush = core_.state.revision;
  core_.superseded_bytes = 0;
  return MakeFlushJob(core_.db, applied_index);
}

std::unique_ptr<BackgroundJob> StoreImpl::StartDropHistory() {
  absl::StatusOr<int64_t> compacted = flushed_compact_revision();
  if (!compacted.ok()) return nullptr;  // the disk's failure shows in the next flush
  if (kMutantDropBeforeFlush) compacted = core_.state.compact_revision;
  const int64_t bound = db().retention().Advance(*compacted);
  if (bound <= dropped_below_) return nullptr;
  dropped_below_ = bound;
  return MakeDropHistoryJob(core_.db, bound);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MvccStore>> MvccStore::Open(const MvccOptions& options) {
  KEELSON_CHECK(!options.dir.empty(), "a store has a directory");
  absl::StatusOr<std::shared_ptr<RocksDb>> db = RocksDb::Open(options, /*read_only=*/false);
  if (!db.ok()) return db.status();
  auto store = std::make_unique<StoreImpl>(*std::move(db));
  absl::Status status = store->Load();
  if (!status.ok()) return status;
  return store;
}

void MvccStore::Retire(std::unique_ptr<MvccStore> store, std::function<void()> released) {
  static_cast<StoreImpl&>(*store).db().OnReleased(std::move(released));
}

absl::StatusOr<StoreSummary> ReadStoreSummary(FileSystem* fs, const std::string& dir) {
  MvccOptions options;
  options.fs = fs;
  options.dir = dir;
  options.manual_background = true;
  options.must_exist = true;
  options.block_cache_bytes = 1 << 20;
  absl::StatusOr<std::shared_ptr<RocksDb>> db = RocksDb::Open(options, /*read_only=*/true);
  if (!db.ok()) return db.status();
  auto bytes = (*db)->Get({}, kMeta, kStateKey);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<StoreState> state = ParseState(**db, *bytes);
  if (!state.ok()) return state.status();
  auto configuration = (*db)->Get({}, kMeta, kConfigurationKey);
  if (!configuration.ok()) return configuration.status();
  CountIndex counts(options.count_bucket_keys);
  if (auto status = counts.Load(**db, state->applied.index.value(), state->revision);
      !status.ok()) {
    return status;
  }
  return StoreSummary{state->applied, state->revision, state->compact_revision,
                      configuration->value_or(""), counts.total()};
}

}  // namespace keelson::storage
