#include "storage/mvcc/rocks_db.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "rocksdb/cache.h"
#include "rocksdb/file_system.h"
#include "rocksdb/write_batch.h"
#include "storage/mvcc/manifest_tail.h"
#include "storage/mvcc/rocks_fs.h"

namespace keelson::storage {
namespace {

constexpr const char* kNames[kFamilies] = {"default", "latest", "undo", "leases", "lease_keys"};
constexpr int kCacheShardBits = 2;

}  // namespace

RocksDb::RocksDb(const MvccOptions& options, std::shared_ptr<RocksEnv> env)
    : options_(options),
      env_(std::move(env)),
      retention_(std::make_shared<Retention>()),
      cache_(rocksdb::NewLRUCache(options.block_cache_bytes, kCacheShardBits)) {}

RocksDb::~RocksDb() {
  for (rocksdb::ColumnFamilyHandle* family : families_) {
    if (family != nullptr) db_->DestroyColumnFamilyHandle(family);
  }
  db_.reset();
  std::function<void()> released;
  {
    const std::lock_guard lock(mutex_);
    released = std::move(released_);
  }
  if (released) released();
}

absl::StatusOr<std::shared_ptr<RocksDb>> RocksDb::Open(const MvccOptions& options, bool read_only) {
  std::shared_ptr<rocksdb::FileSystem> fs;
  if (options.fs != nullptr) fs = MakeRocksFileSystem(options.fs);
  auto env = std::make_shared<RocksEnv>(std::move(fs), options.manual_background);
  std::shared_ptr<RocksDb> result(new RocksDb(options, std::move(env)));
  absl::Status status = result->OpenDatabase(read_only);
  if (!status.ok()) return status;
  return result;
}

absl::Status RocksDb::OpenDatabase(bool read_only) {
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (int i = 0; i < kFamilies; ++i) {
    descriptors.emplace_back(kNames[i], FamilyOptions(static_cast<Family>(i)));
  }
  if (!read_only) {
    if (absl::Status status = CutTornManifest(); !status.ok()) return status;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  rocksdb::DBOptions db_options = DatabaseOptions();
  const rocksdb::Status status =
      read_only ? rocksdb::DB::OpenForReadOnly(db_options, options_.dir, descriptors, &handles, &db)
                : rocksdb::DB::Open(db_options, options_.dir, descriptors, &handles, &db);
  if (status.IsInvalidArgument() && options_.must_exist) {
    return absl::NotFoundError(absl::StrCat("no store in ", options_.dir, ": ", status.ToString()));
  }
  if (!status.ok()) return FromRocks(status, Describe("open"));
  db_.reset(db);
  if (!options_.manual_background) {
    // Compactions give way to everything else on a small machine.
    env_->LowerThreadPoolCPUPriority(rocksdb::Env::LOW, rocksdb::CpuPriority::kLow)
        .PermitUncheckedError();
    env_->LowerThreadPoolIOPriority(rocksdb::Env::LOW);
  }
  KEELSON_CHECK(handles.size() == kFamilies, "every column family has a handle");
  for (int i = 0; i < kFamilies; ++i) families_[i] = handles[i];
  return read_only ? absl::OkStatus() : SyncParent();
}

// See manifest_tail.h. What can't be read here RocksDB is left to complain of.
absl::Status RocksDb::CutTornManifest() {
  std::string name;
  if (!rocksdb::ReadFileToString(env_.get(), options_.dir + "/CURRENT", &name).ok()) {
    return absl::OkStatus();
  }
  while (name.ends_with('\n')) name.pop_back();
  const std::string path = absl::StrCat(options_.dir, "/", name);
  std::string manifest;
  if (!rocksdb::ReadFileToString(env_.get(), path, &manifest).ok()) return absl::OkStatus();
  const std::optional<size_t> sound = TornManifestTail(manifest);
  if (!sound) return absl::OkStatus();
  manifest.resize(*sound);
  // Of a name that RocksDB removes if this is cut off.
  const std::string copy = options_.dir + "/000000.dbtmp";
  rocksdb::Status status = rocksdb::WriteStringToFile(env_.get(), manifest, copy, true);
  if (status.ok()) status = env_->RenameFile(copy, path);
  if (!status.ok()) return FromRocks(status, Describe("cut a torn manifest"));
  return SyncDirectory(options_.dir);
}

absl::Status RocksDb::SyncDirectory(const std::string& dir) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  rocksdb::IOStatus status =
      env_->GetFileSystem()->NewDirectory(dir, {}, &directory, /*dbg=*/nullptr);
  if (status.ok()) status = directory->Fsync({}, /*dbg=*/nullptr);
  return FromRocks(status, Describe("sync the directory " + dir));
}

// RocksDB syncs the names in its directory, not the name of the directory.
absl::Status RocksDb::SyncParent() {
  const size_t slash = options_.dir.find_last_of('/');
  std::string parent = slash == std::string::npos ? "." : options_.dir.substr(0, slash);
  return SyncDirectory(parent.empty() ? "/" : parent);
}

std::vector<rocksdb::ColumnFamilyHandle*> RocksDb::families() const {
  return {families_.begin(), families_.end()};
}

absl::StatusOr<std::optional<std::string>> RocksDb::Get(const rocksdb::ReadOptions& read,
                                                        Family family, std::string_view key) const {
  std::string value;
  const rocksdb::Status status = db_->Get(read, families_[family], ToSlice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return FromRocks(status, Describe("read"));
  return value;
}

absl::StatusOr<std::optional<std::string>> RocksDb::GetFlushed(Family family,
                                                               std::string_view key) const {
  rocksdb::ReadOptions read;
  read.read_tier = rocksdb::kPersistedTier;
  return Get(read, family, key);
}

absl::Status RocksDb::Write(rocksdb::WriteBatch* batch) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  write.no_slowdown = true;  // an error rather than a loop that stands still
  return FromRocks(db_->Write(write, batch), Describe("write"));
}

void RocksDb::OnReleased(std::function<void()> released) {
  const std::lock_guard lock(mutex_);
  KEELSON_CHECK(!released_, "a database is released once");
  released_ = std::move(released);
}

std::string RocksDb::Describe(std::string_view what) const {
  return absl::StrCat("store ", options_.dir, ": ", std::string(what));
}

}  // namespace keelson::storage
