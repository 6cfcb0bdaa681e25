// A file that appears under its name once it is whole and on the disk.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keelson::kvctl {

// Writes NAME.part, which Commit makes NAME. Dropped before that, it removes the part. Errors name
// the file.
class SaveFile {
 public:
  static absl::StatusOr<std::unique_ptr<SaveFile>> Create(const std::string& name);
  ~SaveFile();
  SaveFile(const SaveFile&) = delete;
  SaveFile& operator=(const SaveFile&) = delete;

  absl::Status Append(std::string_view bytes);
  // Syncs, renames (an older file of that name is replaced) and syncs the directory.
  absl::Status Commit();

 private:
  SaveFile(std::string name, std::string part, int fd);
  absl::Status Failed(const char* what) const;

  const std::string name_;
  const std::string part_;
  int fd_;
  bool committed_ = false;
};

}  // namespace keelson::kvctl
