#include "storage/fs/fs.h"

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::storage {

std::string JoinPath(std::string_view dir, std::string_view name) {
  if (dir.empty()) return std::string(name);
  std::string path(dir);
  if (path.back() != '/') path.push_back('/');
  return path.append(name);
}

std::string ParentDirectory(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  while (slash > 1 && path[slash - 1] == '/') --slash;
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

absl::Status CreateDirectoriesDurably(FileSystem& fs, const std::string& path) {
  KEELSON_CHECK(!path.empty(), "a directory needs a name");
  absl::StatusOr<bool> exists = fs.Exists(path);
  if (!exists.ok()) return exists.status();
  std::string parent = ParentDirectory(path);
  if (parent == path) return absl::OkStatus();
  if (!*exists) {
    absl::Status made = CreateDirectoriesDurably(fs, parent);
    if (!made.ok()) return made;
    made = fs.CreateDirectories(path);
    if (!made.ok()) return made;
  }
  // Also where it exists: an earlier run may have ended between the two steps.
  return fs.SyncDirectory(parent);
}

absl::Status WriteFileDurably(FileSystem& fs, const std::string& path, std::string_view data) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  {
    absl::StatusOr<std::unique_ptr<File>> file = fs.Open(temporary, OpenMode::kCreateOrTruncate);
    if (!file.ok()) return file.status();
    absl::Status status = (*file)->WriteAt(0, data);
    if (!status.ok()) return status;
    status = (*file)->Sync();
    if (!status.ok()) return status;
  }
  absl::Status status = fs.Rename(temporary, path);
  if (!status.ok()) return status;
  return fs.SyncDirectory(ParentDirectory(path));
}

absl::StatusOr<std::string> ReadFile(FileSystem& fs, const std::string& path, size_t limit) {
  absl::StatusOr<std::unique_ptr<File>> file = fs.Open(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  if (*size > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("'", path, "' has ", *size, " bytes, more than the ", limit, " allowed"));
  }
  std::string data(*size, '\0');
  absl::StatusOr<size_t> got = (*file)->ReadAt(0, data.size(), data.data());
  if (!got.ok()) return got.status();
  data.resize(*got);
  return data;
}

}  // namespace keelson::storage
