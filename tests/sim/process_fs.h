// The disk as one process sees it: with the end of the process the view ends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/fs/fs.h"

namespace keelson::sim {

// Destroying a process's objects runs code that a killed process never runs: RocksDB, for one,
// removes files when it is closed. After Cut nothing of that reaches the disk.
class ProcessFs final : public storage::FileSystem {
 public:
  using File = storage::File;

  explicit ProcessFs(storage::FileSystem& disk) : disk_(disk) {}
  void Cut() { cut_ = true; }
  // Calls `hook` after each time that a file has become `path` by a new name.
  void OnRenamed(const std::string& path, std::function<void()> hook) {
    path_ = path;
    on_renamed_ = std::move(hook);
  }

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, storage::OpenMode mode,
                                             storage::SyncMethod method) override {
    if (cut_) return Gone();
    return disk_.Open(path, mode, method);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (cut_) return Gone();
    absl::Status status = disk_.Rename(from, to);
    if (to == path_ && on_renamed_) on_renamed_();
    return status;
  }
  absl::Status Remove(const std::string& path) override {
    return cut_ ? Gone() : disk_.Remove(path);
  }
  absl::Status RemoveAll(const std::string& path) override {
    return cut_ ? Gone() : disk_.RemoveAll(path);
  }
  absl::Status Link(const std::string& from, const std::string& to) override {
    return cut_ ? Gone() : disk_.Link(from, to);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return cut_ ? Gone() : disk_.CreateDirectories(path);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    return cut_ ? Gone() : disk_.SyncDirectory(path);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    if (cut_) return Gone();
    return disk_.List(path);
  }
  absl::StatusOr<bool> Exists(const std::string& path) override {
    if (cut_) return Gone();
    return disk_.Exists(path);
  }
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override {
    if (cut_) return Gone();
    return disk_.FreeBytes(path);
  }
  absl::StatusOr<uint64_t> TotalBytes(const std::string& path) override {
    if (cut_) return Gone();
    return disk_.TotalBytes(path);
  }
  absl::StatusOr<std::unique_ptr<storage::FileLock>> Lock(const std::string& path) override {
    if (cut_) return Gone();
    return disk_.Lock(path);
  }

 private:
  static absl::Status Gone() { return absl::AbortedError("the process is dead (simulated)"); }

  storage::FileSystem& disk_;
  bool cut_ = false;
  std::string path_;
  std::function<void()> on_renamed_;
};

}  // namespace keelson::sim
