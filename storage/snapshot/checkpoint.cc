#include "storage/snapshot/checkpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/snapshot/file_checksum.h"
#include "storage/snapshot/install.h"

namespace keelson::storage {
namespace {

class CheckpointJobImpl : public CheckpointJob {
 public:
  CheckpointJobImpl(std::unique_ptr<BackgroundJob> links, FileSystem* fs, std::string parent,
                    std::string dir)
      : links_(std::move(links)), fs_(fs), parent_(std::move(parent)), dir_(std::move(dir)) {}
  const char* name() const override { return "checkpoint"; }

  absl::Status Run() override {
    absl::Status status = fs_->CreateDirectories(parent_);
    if (status.ok()) status = links_->Run();
    if (status.ok()) status = Describe();
    if (!status.ok()) fs_->RemoveAll(dir_).IgnoreError();
    return status;
  }

  std::shared_ptr<const Checkpoint> checkpoint() const override { return checkpoint_; }

 private:
  // The identity comes from the files themselves, never from what the store remembers.
  absl::Status Describe() {
    absl::StatusOr<StoreSummary> summary = ReadStoreSummary(fs_, dir_);
    if (!summary.ok()) return summary.status();
    SnapshotManifest manifest;
    manifest.id = summary->applied;
    manifest.revision = summary->revision;
    manifest.configuration = summary->configuration;
    absl::StatusOr<std::vector<std::string>> names = fs_->List(dir_);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      absl::StatusOr<FileSum> sum = SumFile(fs_, JoinPath(dir_, name));
      if (!sum.ok()) return sum.status();
      manifest.files.push_back({name, sum->size, sum->crc32c});
    }
    if (manifest.files.empty()) return absl::DataLossError(absl::StrCat(dir_, " is empty"));
    checkpoint_ = std::make_shared<Checkpoint>(fs_, dir_, std::move(manifest), summary->keys);
    return absl::OkStatus();
  }

  const std::unique_ptr<BackgroundJob> links_;
  FileSystem* const fs_;
  const std::string parent_;
  const std::string dir_;
  std::shared_ptr<const Checkpoint> checkpoint_;
};

}  // namespace

Checkpoint::Checkpoint(FileSystem* fs, std::string dir, SnapshotManifest manifest, int64_t keys)
    : fs_(fs), dir_(std::move(dir)), manifest_(std::move(manifest)), keys_(keys) {
  KEELSON_CHECK(fs != nullptr, "a checkpoint lies on a disk");
}

// What can't be removed now is removed by OpenCurrent.
Checkpoint::~Checkpoint() { fs_->RemoveAll(dir_).IgnoreError(); }

absl::StatusOr<Checkpoint::Chunk> Checkpoint::Read(SnapshotPosition at, size_t max_bytes) const {
  KEELSON_CHECK(max_bytes > 0, "a chunk has room");
  const size_t files = manifest_.files.size();
  const bool at_end = at.file == files && at.offset == 0;
  if (!at_end && (at.file >= files || at.offset > manifest_.files[at.file].size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot ", dir_, " has no byte ", at.offset, " in file ", at.file));
  }
  Chunk chunk{at, "", at};
  if (at_end) return chunk;
  const SnapshotFile& info = manifest_.files[at.file];
  const std::string path = JoinPath(dir_, info.name);
  chunk.bytes.resize(std::min<uint64_t>(max_bytes, info.size - at.offset));
  absl::StatusOr<std::unique_ptr<File>> file = fs_->Open(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  absl::StatusOr<size_t> got = (*file)->ReadAt(at.offset, chunk.bytes.size(), chunk.bytes.data());
  if (!got.ok()) return got.status();
  if (*got != chunk.bytes.size()) {
    return absl::DataLossError(absl::StrCat(path, " is shorter than when it was linked"));
  }
  chunk.next.offset += *got;
  if (chunk.next.offset == info.size) chunk.next = {at.file + 1, 0};
  return chunk;
}

std::unique_ptr<CheckpointJob> StartCheckpoint(MvccStore& store, FileSystem* fs,
                                               const std::string& root, uint64_t number) {
  const std::string parent = OutgoingDir(root);
  std::string dir = JoinPath(parent, absl::StrCat(number));
  std::unique_ptr<BackgroundJob> links = store.StartCheckpoint(dir);
  return std::make_unique<CheckpointJobImpl>(std::move(links), fs, parent, std::move(dir));
}

}  // namespace keelson::storage
