#include "storage/fs/faulty_fs.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/fs/errno_status.h"

namespace keelson::storage {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max() / 2;

}  // namespace

class FaultyFile : public File {
 public:
  FaultyFile(FaultyFileSystem* fs, FaultyNamespace::InodePtr inode, std::string path,
             uint64_t generation, bool writable, SyncMethod method)
      : fs_(fs),
        inode_(std::move(inode)),
        path_(std::move(path)),
        generation_(generation),
        writable_(writable),
        method_(method) {}

  ~FaultyFile() override {
    std::lock_guard lock(fs_->mutex_);
    if (generation_ != fs_->generation_) return;
    --inode_->handles;
    fs_->Released(inode_);
  }

  absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size, char* out) const override {
    std::lock_guard lock(fs_->mutex_);
    if (absl::Status status = CheckAlive(); !status.ok()) return status;
    absl::Status status = fs_->Admit(DiskOp::kRead, absl::StrCat("read at ", offset), path_);
    if (!status.ok()) return status;
    return inode_->Read(offset, size, out);
  }

  absl::Status WriteAt(uint64_t offset, std::span<const std::string_view> parts) override {
    std::lock_guard lock(fs_->mutex_);
    if (absl::Status status = CheckWritable(); !status.ok()) return status;
    absl::Status status = fs_->WriteLocked(*inode_, path_, offset, parts);
    if (status.ok() && method_ == SyncMethod::kDsync) status = fs_->SyncLocked(*inode_, path_);
    return status;
  }

  absl::Status Allocate(uint64_t size) override {
    std::lock_guard lock(fs_->mutex_);
    if (absl::Status status = CheckWritable(); !status.ok()) return status;
    return fs_->ResizeLocked(*inode_, path_, size);
  }

  absl::Status Truncate(uint64_t size) override { return Allocate(size); }

  absl::Status DataSync() override {
    return method_ == SyncMethod::kDsync ? absl::OkStatus() : Sync();
  }

  absl::Status Sync() override {
    std::lock_guard lock(fs_->mutex_);
    if (absl::Status status = CheckAlive(); !status.ok()) return status;
    return fs_->SyncLocked(*inode_, path_);
  }

  absl::StatusOr<uint64_t> Size() const override {
    std::lock_guard lock(fs_->mutex_);
    if (absl::Status status = CheckAlive(); !status.ok()) return status;
    return inode_->size();
  }

  const std::string& path() const override { return path_; }

 private:
  absl::Status CheckAlive() const {
    if (generation_ == fs_->generation_) return absl::OkStatus();
    ++fs_->counters_.stale_handle_uses;
    return absl::FailedPreconditionError(
        absl::StrCat("'", path_, "' was opened by a process that has ended"));
  }

  absl::Status CheckWritable() const {
    if (!writable_) return ErrnoStatus(EBADF, "write", path_);
    return CheckAlive();
  }

  FaultyFileSystem* const fs_;
  const FaultyNamespace::InodePtr inode_;
  const std::string path_;
  const uint64_t generation_;
  const bool writable_;
  const SyncMethod method_;
};

class FaultyLock : public FileLock {
 public:
  FaultyLock(FaultyFileSystem* fs, std::string path, uint64_t generation)
      : fs_(fs), path_(std::move(path)), generation_(generation) {}
  ~FaultyLock() override {
    std::lock_guard lock(fs_->mutex_);
    if (generation_ == fs_->generation_) std::erase(fs_->locked_paths_, path_);
  }

 private:
  FaultyFileSystem* const fs_;
  const std::string path_;
  const uint64_t generation_;
};

FaultyFileSystem::FaultyFileSystem(RandomFunction random)
    : random_(std::move(random)), capacity_(kUnlimited) {
  KEELSON_CHECK(random_ != nullptr, "a faulty disk needs a source of random numbers");
}

FaultyFileSystem::~FaultyFileSystem() = default;

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Open(const std::string& path, OpenMode mode,
                                                             SyncMethod method) {
  std::lock_guard lock(mutex_);
  return OpenLocked(path, mode, method);
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenLocked(const std::string& path,
                                                                   OpenMode mode,
                                                                   SyncMethod method) {
  if (power_cut_) return PowerIsCut(path);
  std::string_view name;
  InodePtr parent = names_.FindParent(path, &name);
  if (parent == nullptr || name.empty()) return ErrnoStatus(ENOENT, "open", path);
  InodePtr inode = names_.Find(path);
  if (inode != nullptr && inode->is_directory) return ErrnoStatus(EISDIR, "open", path);
  if (inode != nullptr && mode == OpenMode::kCreate) return ErrnoStatus(EEXIST, "open", path);
  if (inode == nullptr) {
    if (mode == OpenMode::kReadOnly || mode == OpenMode::kReadWrite) {
      return ErrnoStatus(ENOENT, "open", path);
    }
    absl::Status status = Admit(DiskOp::kName, "create", path);
    if (!status.ok()) return status;
    inode = std::make_shared<FaultyInode>(false);
    names_.Put(parent, name, inode);
  } else if (mode == OpenMode::kCreateOrTruncate) {
    absl::Status status = ResizeLocked(*inode, path, 0);
    if (!status.ok()) return status;
  }
  ++inode->handles;
  return std::make_unique<FaultyFile>(this, inode, path, generation_, mode != OpenMode::kReadOnly,
                                      method);
}

absl::Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  absl::Status status = Admit(DiskOp::kName, absl::StrCat("rename to '", to, "'"), from);
  if (!status.ok()) return status;
  std::string_view from_name;
  std::string_view to_name;
  InodePtr from_dir = names_.FindParent(from, &from_name);
  InodePtr to_dir = names_.FindParent(to, &to_name);
  InodePtr inode = names_.Find(from);
  if (inode == nullptr || from_dir == nullptr || to_dir == nullptr || to_name.empty()) {
    return ErrnoStatus(ENOENT, absl::StrCat("rename to '", to, "'"), from);
  }
  InodePtr replaced = names_.Find(to);
  if (replaced == inode) return absl::OkStatus();
  if (replaced != nullptr) {
    if (inode->is_directory && !replaced->is_directory) return ErrnoStatus(ENOTDIR, "rename", to);
    if (!inode->is_directory && replaced->is_directory) return ErrnoStatus(EISDIR, "rename", to);
    if (!replaced->live_entries.empty()) return ErrnoStatus(ENOTEMPTY, "rename", to);
  }
  names_.Rename(from_dir, from_name, to_dir, to_name);
  if (replaced != nullptr) Released(replaced);
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  absl::Status status = Admit(DiskOp::kName, "remove", path);
  if (!status.ok()) return status;
  InodePtr inode = names_.Find(path);
  std::string_view name;
  InodePtr parent = names_.FindParent(path, &name);
  if (inode == nullptr || parent == nullptr || name.empty()) {
    return ErrnoStatus(ENOENT, "remove", path);
  }
  if (!inode->live_entries.empty()) return ErrnoStatus(ENOTEMPTY, "remove", path);
  names_.Erase(parent, name);
  Released(inode);
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::RemoveAll(const std::string& path) {
  std::lock_guard lock(mutex_);
  absl::Status status = Admit(DiskOp::kName, "recursive remove", path);
  if (!status.ok()) return status;
  std::string_view name;
  InodePtr parent = names_.FindParent(path, &name);
  if (parent == nullptr || name.empty() || names_.Find(path) == nullptr) return absl::OkStatus();
  RemoveTree(parent, name);
  return absl::OkStatus();
}

void FaultyFileSystem::RemoveTree(const InodePtr& dir, std::string_view name) {
  auto entry = dir->live_entries.find(name);
  KEELSON_CHECK(entry != dir->live_entries.end(), "a tree is removed by its name");
  InodePtr inode = entry->second;
  while (!inode->live_entries.empty()) {
    std::string child = inode->live_entries.begin()->first;
    RemoveTree(inode, child);
  }
  names_.Erase(dir, name);
  Released(inode);
}

absl::Status FaultyFileSystem::Link(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  const std::string what = absl::StrCat("link as '", to, "'");
  absl::Status status = Admit(DiskOp::kName, what, from);
  if (!status.ok()) return status;
  InodePtr inode = names_.Find(from);
  std::string_view name;
  InodePtr dir = names_.FindParent(to, &name);
  if (inode == nullptr || dir == nullptr || name.empty()) return ErrnoStatus(ENOENT, what, from);
  if (inode->is_directory) return ErrnoStatus(EPERM, what, from);
  if (names_.Find(to) != nullptr) return ErrnoStatus(EEXIST, what, from);
  names_.Put(dir, name, inode);
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::CreateDirectories(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (power_cut_) return PowerIsCut(path);
  for (size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    std::string prefix = path.substr(0, end);
    InodePtr inode = names_.Find(prefix);
    if (inode != nullptr && inode->is_directory) continue;
    if (inode != nullptr) return ErrnoStatus(ENOTDIR, "mkdir", path);
    absl::Status status = Admit(DiskOp::kName, "mkdir", prefix);
    if (!status.ok()) return status;
    std::string_view name;
    InodePtr parent = names_.FindParent(prefix, &name);
    KEELSON_CHECK(parent != nullptr && !name.empty(), "parents are made first");
    names_.Put(parent, name, std::make_shared<FaultyInode>(true));
  }
  return absl::OkStatus();
}

absl::StatusOr<FaultyFileSystem::InodePtr> FaultyFileSystem::FindDirectory(
    std::string_view what, const std::string& path) const {
  InodePtr inode = names_.Find(path);
  if (inode == nullptr) return ErrnoStatus(ENOENT, what, path);
  if (!inode->is_directory) return ErrnoStatus(ENOTDIR, what, path);
  return inode;
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& path) {
  std::lock_guard lock(mutex_);
  absl::Status status = Admit(DiskOp::kSyncDirectory, "fsync", path);
  if (!status.ok()) return status;
  absl::StatusOr<InodePtr> dir = FindDirectory("fsync", path);
  if (!dir.ok()) return dir.status();
  if (syncs_lie_) {
    ++counters_.lied_syncs;
  } else {
    names_.Sync(*dir);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (power_cut_) return PowerIsCut(path);
  absl::StatusOr<InodePtr> dir = FindDirectory("list", path);
  if (!dir.ok()) return dir.status();
  std::vector<std::string> names;
  for (const auto& [name, inode] : (*dir)->live_entries) names.push_back(name);
  return names;
}

absl::StatusOr<bool> FaultyFileSystem::Exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (power_cut_) return PowerIsCut(path);
  return names_.Find(path) != nullptr;
}

absl::StatusOr<uint64_t> FaultyFileSystem::FreeBytes(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (power_cut_) return PowerIsCut(path);
  return Free();
}

absl::StatusOr<uint64_t> FaultyFileSystem::TotalBytes(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (power_cut_) return PowerIsCut(path);
  return capacity_;
}

absl::StatusOr<std::unique_ptr<FileLock>> FaultyFileSystem::Lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (std::count(locked_paths_.begin(), locked_paths_.end(), path) > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path, "' is locked by another process; stop it, or use another data directory"));
  }
  if (names_.Find(path) == nullptr) {
    std::string_view name;
    InodePtr dir = names_.FindParent(path, &name);
    if (dir == nullptr || name.empty()) return ErrnoStatus(ENOENT, "lock", path);
    absl::Status status = Admit(DiskOp::kName, "create", path);
    if (!status.ok()) return status;
    names_.Put(dir, name, std::make_shared<FaultyInode>(false));
  } else if (power_cut_) {
    return PowerIsCut(path);
  }
  locked_paths_.push_back(path);
  return std::make_unique<FaultyLock>(this, path, generation_);
}

}  // namespace keelson::storage
