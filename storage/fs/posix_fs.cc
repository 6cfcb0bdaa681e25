#include "storage/fs/posix_fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/fs/errno_status.h"

namespace keelson::storage {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;
constexpr uint64_t kPageBytes = 4096;

template <typename Call>
auto RetryInterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }

 private:
  int fd_;
};

// The window of `parts` that one pwritev takes, moved forward by what the kernel accepted.
class GatherCursor {
 public:
  explicit GatherCursor(std::span<const std::string_view> parts) : parts_(parts) { SkipEmpty(); }

  bool done() const { return parts_.empty(); }

  // Takes as many parts as fit. Where that isn't all, the window ends on a page of the file, so
  // that a process that dies between two windows leaves whole pages.
  int Fill(uint64_t offset, std::array<iovec, IOV_MAX>& window) const {
    int used = 0;
    size_t skip = skip_;
    uint64_t end = offset;
    for (size_t i = 0; i < parts_.size() && used < IOV_MAX; ++i) {
      window[used].iov_base = const_cast<char*>(parts_[i].data()) + skip;
      window[used].iov_len = parts_[i].size() - skip;
      end += window[used].iov_len;
      skip = 0;
      ++used;
    }
    if (static_cast<size_t>(used) == parts_.size()) return used;
    uint64_t excess = end % kPageBytes;
    if (excess >= end - offset) return used;
    while (excess >= window[used - 1].iov_len) excess -= window[--used].iov_len;
    window[used - 1].iov_len -= excess;
    return used;
  }

  void Advance(size_t bytes) {
    while (bytes > 0) {
      KEELSON_CHECK(!parts_.empty(), "the kernel can't write more than it was given");
      size_t step = std::min(bytes, parts_.front().size() - skip_);
      skip_ += step;
      bytes -= step;
      SkipEmpty();
    }
  }

 private:
  void SkipEmpty() {
    while (!parts_.empty() && skip_ == parts_.front().size()) {
      parts_ = parts_.subspan(1);
      skip_ = 0;
    }
  }

  std::span<const std::string_view> parts_;
  size_t skip_ = 0;
};

class PosixFile : public File {
 public:
  PosixFile(Descriptor fd, std::string path, SyncMethod method)
      : fd_(std::move(fd)), path_(std::move(path)), method_(method) {}

  absl::StatusOr<size_t> ReadAt(uint64_t offset, size_t size, char* out) const override {
    size_t got = 0;
    while (got < size) {
      ssize_t n = RetryInterrupted([&] {
        return pread(fd_.get(), out + got, size - got, static_cast<off_t>(offset + got));
      });
      if (n < 0) return Error(errno, "read", offset + got);
      if (n == 0) break;
      got += static_cast<size_t>(n);
    }
    return got;
  }

  absl::Status WriteAt(uint64_t offset, std::span<const std::string_view> parts) override {
    std::array<iovec, IOV_MAX> window;
    GatherCursor cursor(parts);
    while (!cursor.done()) {
      int count = cursor.Fill(offset, window);
      ssize_t n = RetryInterrupted(
          [&] { return pwritev(fd_.get(), window.data(), count, static_cast<off_t>(offset)); });
      if (n < 0) return Error(errno, "write", offset);
      cursor.Advance(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return absl::OkStatus();
  }

  absl::Status Allocate(uint64_t size) override {
    if (size > 0) {
      off_t length = static_cast<off_t>(size);
      int error = 0;
      if (RetryInterrupted([&] { return fallocate(fd_.get(), 0, 0, length); }) != 0) error = errno;
      if (error == EOPNOTSUPP) error = posix_fallocate(fd_.get(), 0, length);
      if (error != 0)
        return ErrnoStatus(error, absl::StrCat("allocation of ", size, " bytes"), path_);
    }
    return Truncate(size);
  }

  absl::Status Truncate(uint64_t size) override {
    int result = RetryInterrupted([&] { return ftruncate(fd_.get(), static_cast<off_t>(size)); });
    return result == 0 ? absl::OkStatus() : Error(errno, "truncation", size);
  }

  absl::Status DataSync() override {
    if (method_ == SyncMethod::kDsync) return absl::OkStatus();
    return fdatasync(fd_.get()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "fdatasync", path_);
  }

  absl::Status Sync() override {
    return fsync(fd_.get()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "fsync", path_);
  }

  absl::StatusOr<uint64_t> Size() const override {
    struct stat info;
    if (fstat(fd_.get(), &info) != 0) return ErrnoStatus(errno, "fstat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

  const std::string& path() const override { return path_; }

 private:
  absl::Status Error(int error, const char* what, uint64_t offset) const {
    return ErrnoStatus(error, absl::StrCat(what, " at ", offset), path_);
  }

  Descriptor fd_;
  std::string path_;
  SyncMethod method_;
};

class PosixLock : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // closing it ends the lock
};

int FlagsOf(OpenMode mode, SyncMethod method) {
  int flags = O_CLOEXEC | (method == SyncMethod::kDsync ? O_DSYNC : 0);
  switch (mode) {
    case OpenMode::kReadOnly:
      return flags | O_RDONLY;
    case OpenMode::kReadWrite:
      return flags | O_RDWR;
    case OpenMode::kCreate:
      return flags | O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kCreateOrOpen:
      return flags | O_RDWR | O_CREAT;
    case OpenMode::kCreateOrTruncate:
      return flags | O_RDWR | O_CREAT | O_TRUNC;
  }
  KEELSON_CHECK(false, "every open mode has its flags");
}

Descriptor OpenDescriptor(const std::string& path, int flags) {
  return Descriptor(RetryInterrupted([&] { return open(path.c_str(), flags, kFileMode); }));
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode,
                                                            SyncMethod method) {
  Descriptor fd = OpenDescriptor(path, FlagsOf(mode, method));
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, "fstat", path);
  if (S_ISDIR(info.st_mode)) return ErrnoStatus(EISDIR, "open", path);
  return std::make_unique<PosixFile>(std::move(fd), path, method);
}

absl::Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  int error = errno;
  return ErrnoStatus(error, absl::StrCat("rename to '", to, "'"), from);
}

absl::Status PosixFileSystem::Remove(const std::string& path) {
  return remove(path.c_str()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "remove", path);
}

absl::Status PosixFileSystem::RemoveAll(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? ErrnoStatus(error.value(), "recursive remove", path) : absl::OkStatus();
}

absl::Status PosixFileSystem::Link(const std::string& from, const std::string& to) {
  if (link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  int error = errno;
  return ErrnoStatus(error, absl::StrCat("link as '", to, "'"), from);
}

absl::Status PosixFileSystem::CreateDirectories(const std::string& path) {
  if (mkdir(path.c_str(), kDirectoryMode) == 0) return absl::OkStatus();
  if (errno == ENOENT) {
    std::string parent = ParentDirectory(path);
    if (parent == path) return ErrnoStatus(ENOENT, "mkdir", path);
    absl::Status made = CreateDirectories(parent);
    if (!made.ok()) return made;
    if (mkdir(path.c_str(), kDirectoryMode) == 0) return absl::OkStatus();
  }
  int error = errno;
  struct stat info;
  if (error == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::OkStatus();
  }
  return ErrnoStatus(error, "mkdir", path);
}

absl::Status PosixFileSystem::SyncDirectory(const std::string& path) {
  Descriptor fd = OpenDescriptor(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  return fsync(fd.get()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "fsync", path);
}

absl::StatusOr<std::vector<std::string>> PosixFileSystem::List(const std::string& path) {
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) return ErrnoStatus(errno, "list", path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(dir)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  int error = errno;
  closedir(dir);
  if (error != 0) return ErrnoStatus(error, "list", path);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<bool> PosixFileSystem::Exists(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return ErrnoStatus(errno, "stat", path);
}

absl::StatusOr<uint64_t> PosixFileSystem::FreeBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) return ErrnoStatus(errno, "statvfs", path);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

absl::StatusOr<uint64_t> PosixFileSystem::TotalBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) return ErrnoStatus(errno, "statvfs", path);
  return static_cast<uint64_t>(info.f_blocks) * info.f_frsize;
}

absl::StatusOr<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  Descriptor fd = OpenDescriptor(path, O_RDWR | O_CREAT | O_CLOEXEC);
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  if (RetryInterrupted([&] { return flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "flock", path);
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path, "' is locked by another process; stop it, or use another data directory"));
  }
  return std::make_unique<PosixLock>(std::move(fd));
}

}  // namespace keelson::storage
