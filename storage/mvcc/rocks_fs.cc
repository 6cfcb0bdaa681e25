#include "storage/mvcc/rocks_fs.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace keelson::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus ReadInto(const File& file, uint64_t offset, size_t size, Slice* result, char* scratch) {
  absl::StatusOr<size_t> got = file.ReadAt(offset, size, scratch);
  if (!got.ok()) return ToRocks(got.status());
  *result = Slice(scratch, *got);
  return IOStatus::OK();
}

class SequentialFile : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    IOStatus status = ReadInto(*file_, offset_, n, result, scratch);
    if (status.ok()) offset_ += result->size();
    return status;
  }

  IOStatus Skip(uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }

 private:
  const std::unique_ptr<File> file_;
  uint64_t offset_ = 0;
};

class RandomAccessFile : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    return ReadInto(*file_, offset, n, result, scratch);
  }

 private:
  const std::unique_ptr<File> file_;
};

class WritableFile : public rocksdb::FSWritableFile {
 public:
  WritableFile(std::unique_ptr<File> file, uint64_t offset)
      : file_(std::move(file)), offset_(offset) {}

  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    absl::Status status = file_->WriteAt(offset_, std::string_view(data.data(), data.size()));
    if (status.ok()) offset_ += data.size();
    return ToRocks(status);
  }

  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    absl::Status status = file_->Truncate(size);
    if (status.ok()) offset_ = size;
    return ToRocks(status);
  }

  IOStatus Close(const IOOptions&, IODebugContext*) override {
    file_ = nullptr;
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return ToRocks(file_->DataSync()); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return ToRocks(file_->Sync()); }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return offset_; }

 private:
  std::unique_ptr<File> file_;
  uint64_t offset_;
};

class Directory : public rocksdb::FSDirectory {
 public:
  Directory(FileSystem* fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return ToRocks(fs_->SyncDirectory(path_));
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  FileSystem* const fs_;
  const std::string path_;
};

class HeldLock : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::unique_ptr<storage::FileLock> lock) : lock_(std::move(lock)) {}

 private:
  std::unique_ptr<storage::FileLock> lock_;
};

class RocksFs : public rocksdb::FileSystem {
 public:
  explicit RocksFs(storage::FileSystem* fs) : fs_(fs) {}
  const char* Name() const override { return "KeelsonFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kReadOnly);
    if (!file.ok()) return ToRocks(file.status());
    *result = std::make_unique<SequentialFile>(*std::move(file));
    return IOStatus::OK();
  }

  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kReadOnly);
    if (!file.ok()) return ToRocks(file.status());
    *result = std::make_unique<RandomAccessFile>(*std::move(file));
    return IOStatus::OK();
  }

  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kCreateOrTruncate);
    if (!file.ok()) return ToRocks(file.status());
    *result = std::make_unique<WritableFile>(*std::move(file), 0);
    return IOStatus::OK();
  }

  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kCreateOrOpen);
    if (!file.ok()) return ToRocks(file.status());
    absl::StatusOr<uint64_t> size = (*file)->Size();
    if (!size.ok()) return ToRocks(size.status());
    *result = std::make_unique<WritableFile>(*std::move(file), *size);
    return IOStatus::OK();
  }

  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    *result = std::make_unique<Directory>(fs_, path);
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    absl::StatusOr<bool> exists = fs_->Exists(path);
    if (!exists.ok()) return ToRocks(exists.status());
    return *exists ? IOStatus::OK() : IOStatus::NotFound(path);
  }

  IOStatus GetChildren(const std::string& path, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    absl::StatusOr<std::vector<std::string>> names = fs_->List(path);
    if (!names.ok()) return ToRocks(names.status());
    *result = *std::move(names);
    return IOStatus::OK();
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToRocks(fs_->Remove(path));
  }

  IOStatus CreateDir(const std::string& path, const IOOptions& options,
                     IODebugContext* debug) override {
    if (FileExists(path, options, debug).ok()) return IOStatus::IOError("exists", path);
    return ToRocks(fs_->CreateDirectories(path));
  }

  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToRocks(fs_->CreateDirectories(path));
  }

  IOStatus DeleteDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ToRocks(fs_->RemoveAll(path));
  }

  IOStatus GetFileSize(const std::string& path, const IOOptions&, uint64_t* size,
                       IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kReadOnly);
    if (!file.ok()) return ToRocks(file.status());
    absl::StatusOr<uint64_t> got = (*file)->Size();
    if (!got.ok()) return ToRocks(got.status());
    *size = *got;
    return IOStatus::OK();
  }

  // Nothing of ours depends on it, and a constant keeps runs alike.
  IOStatus GetFileModificationTime(const std::string&, const IOOptions&, uint64_t* time,
                                   IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return ToRocks(fs_->Rename(from, to));
  }

  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                    IODebugContext*) override {
    return ToRocks(fs_->Link(from, to));
  }

  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    absl::StatusOr<std::unique_ptr<storage::FileLock>> held = fs_->Lock(path);
    if (!held.ok()) return ToRocks(held.status());
    *lock = new HeldLock(*std::move(held));
    return IOStatus::OK();
  }

  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete static_cast<HeldLock*>(lock);
    return IOStatus::OK();
  }

  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("no test directory");
  }

  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    *result = path;
    return IOStatus::OK();
  }

  IOStatus GetFreeSpace(const std::string& path, const IOOptions&, uint64_t* bytes,
                        IODebugContext*) override {
    absl::StatusOr<uint64_t> free = fs_->FreeBytes(path);
    if (!free.ok()) return ToRocks(free.status());
    *bytes = *free;
    return IOStatus::OK();
  }

  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    *is_directory = fs_->List(path).ok();
    return IOStatus::OK();
  }

 private:
  storage::FileSystem* const fs_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> MakeRocksFileSystem(FileSystem* fs) {
  return std::make_shared<RocksFs>(fs);
}

IOStatus ToRocks(const absl::Status& status) {
  const std::string text(status.message());
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return IOStatus::OK();
    case absl::StatusCode::kNotFound:
      return IOStatus::PathNotFound(text);
    case absl::StatusCode::kResourceExhausted:
      return IOStatus::NoSpace(text);
    default:
      return IOStatus::IOError(text);
  }
}

absl::Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(std::string(what), ": ", status.ToString());
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  if (status.IsBusy() || status.IsIncomplete()) return absl::UnavailableError(text);
  if (status.IsPathNotFound()) return absl::NotFoundError(text);
  return absl::DataLossError(text);
}

}  // namespace keelson::storage
