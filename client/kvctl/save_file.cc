#include "client/kvctl/save_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keelson::kvctl {

absl::StatusOr<std::unique_ptr<SaveFile>> SaveFile::Create(const std::string& name) {
  std::string part = name + ".part";
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::FailedPreconditionError(absl::StrCat(part, ": ", std::strerror(errno)));
  return std::unique_ptr<SaveFile>(new SaveFile(name, std::move(part), fd));
}

SaveFile::SaveFile(std::string name, std::string part, int fd)
    : name_(std::move(name)), part_(std::move(part)), fd_(fd) {}

SaveFile::~SaveFile() {
  close(fd_);
  if (!committed_) unlink(part_.c_str());
}

absl::Status SaveFile::Failed(const char* what) const {
  return absl::FailedPreconditionError(
      absl::StrCat("can't ", what, " ", part_, ": ", std::strerror(errno)));
}

absl::Status SaveFile::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status SaveFile::Commit() {
  if (fsync(fd_) != 0) return Failed("sync");
  if (rename(part_.c_str(), name_.c_str()) != 0) return Failed("rename");
  committed_ = true;
  const size_t slash = name_.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : name_.substr(0, slash + 1);
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("find the directory of");
  const bool synced = fsync(fd) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  return synced ? absl::OkStatus() : Failed("sync the directory of");
}

}  // namespace keelson::kvctl
