// One open RocksDB database with our column families and options.
//
// Shared by the store, its views and its jobs; closed when the last of them lets go. Any thread may
// read; writes and flushes come from the loop thread only.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "storage/mvcc/mvcc_store.h"
#include "storage/mvcc/retention.h"
#include "storage/mvcc/rocks_env.h"

namespace keelson::storage {

enum Family { kMeta = 0, kLatest, kUndo, kLeases, kLeaseKeys, kFamilies };

inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }
inline rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }

class RocksDb {
 public:
  static absl::StatusOr<std::shared_ptr<RocksDb>> Open(const MvccOptions& options, bool read_only);
  ~RocksDb();
  RocksDb(const RocksDb&) = delete;
  RocksDb& operator=(const RocksDb&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) const { return families_[family]; }
  std::vector<rocksdb::ColumnFamilyHandle*> families() const;
  Retention& retention() { return *retention_; }
  RocksEnv& env() { return *env_; }
  const MvccOptions& options() const { return options_; }

  // nullopt where there is no such key. DataLoss.
  absl::StatusOr<std::optional<std::string>> Get(const rocksdb::ReadOptions& read, Family family,
                                                 std::string_view key) const;
  // From the files alone: what a crash now would leave.
  absl::StatusOr<std::optional<std::string>> GetFlushed(Family family, std::string_view key) const;

  absl::Status Write(rocksdb::WriteBatch* batch);

  // Runs after the database was closed, on the thread that let go last.
  void OnReleased(std::function<void()> released);

  uint64_t compacting_bytes() const { return *compacting_bytes_; }

  // How the error of a failed operation names this database.
  std::string Describe(std::string_view what) const;

 private:
  RocksDb(const MvccOptions& options, std::shared_ptr<RocksEnv> env);
  absl::Status OpenDatabase(bool read_only);
  absl::Status CutTornManifest();
  absl::Status SyncDirectory(const std::string& dir);
  absl::Status SyncParent();
  rocksdb::DBOptions DatabaseOptions() const;
  rocksdb::ColumnFamilyOptions FamilyOptions(Family family) const;

  const MvccOptions options_;
  const std::shared_ptr<RocksEnv> env_;
  const std::shared_ptr<Retention> retention_;
  const std::shared_ptr<std::atomic<uint64_t>> compacting_bytes_ =
      std::make_shared<std::atomic<uint64_t>>(0);
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilies> families_{};
  std::mutex mutex_;
  std::function<void()> released_;  // under mutex_
};

}  // namespace keelson::storage
