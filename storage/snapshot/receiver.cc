#include "storage/snapshot/receiver.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "storage/snapshot/file_checksum.h"
#include "storage/snapshot/install.h"

namespace keelson::storage {
namespace {

// Besides the snapshot itself there must be room for what the store writes meanwhile.
constexpr uint64_t kSpareBytes = 8 << 20;

}  // namespace

SnapshotReceiver::SnapshotReceiver(FileSystem* fs, std::string root, SnapshotManifest manifest)
    : fs_(fs), root_(std::move(root)), manifest_(std::move(manifest)) {}

SnapshotReceiver::~SnapshotReceiver() = default;

absl::StatusOr<std::unique_ptr<SnapshotReceiver>> SnapshotReceiver::Begin(
    FileSystem* fs, const std::string& root, SnapshotManifest manifest) {
  std::unique_ptr<SnapshotReceiver> receiver(new SnapshotReceiver(fs, root, std::move(manifest)));
  absl::Status status = receiver->Prepare();
  if (!status.ok()) return status;
  return receiver;
}

std::string SnapshotReceiver::PathOf(const SnapshotFile& file) const {
  return JoinPath(IncomingDir(root_), file.name);
}

absl::Status SnapshotReceiver::Prepare() {
  const std::string dir = IncomingDir(root_);
  const std::string manifest_path = JoinPath(dir, kManifestName);
  const std::string encoded = EncodeManifest(manifest_);
  absl::StatusOr<std::string> staged = ReadFile(*fs_, manifest_path, kMaxManifestBytes);
  if (!staged.ok() && !absl::IsNotFound(staged.status())) return staged.status();
  if (staged.ok() && *staged == encoded) return Resume();
  absl::Status status = fs_->RemoveAll(dir);
  if (!status.ok()) return status;
  absl::StatusOr<uint64_t> free = fs_->FreeBytes(root_);
  if (!free.ok()) return free.status();
  if (*free < manifest_.total_bytes() + kSpareBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("a snapshot of ", manifest_.total_bytes(),
                                                     " bytes does not fit into ", root_, " with ",
                                                     *free, " bytes free: make room on that disk"));
  }
  status = fs_->CreateDirectories(dir);
  if (status.ok()) status = WriteFileDurably(*fs_, manifest_path, encoded);
  if (!status.ok()) return status;
  return OpenNextFile();
}

// Files that are whole stay; the first that isn't is received again from its start.
absl::Status SnapshotReceiver::Resume() {
  for (; next_.file < manifest_.files.size(); ++next_.file) {
    const SnapshotFile& file = manifest_.files[next_.file];
    absl::StatusOr<FileSum> sum = SumFile(fs_, PathOf(file));
    if (absl::IsNotFound(sum.status())) break;
    if (!sum.ok()) return sum.status();
    if (sum->size != file.size || sum->crc32c != file.crc32c) break;
  }
  return OpenNextFile();
}

// Empty files have no chunk of their own.
absl::Status SnapshotReceiver::OpenNextFile() {
  crc_ = 0;
  for (; !complete(); ++next_.file) {
    const SnapshotFile& info = manifest_.files[next_.file];
    auto file = fs_->Open(PathOf(info), OpenMode::kCreateOrTruncate);
    if (!file.ok()) return file.status();
    file_ = *std::move(file);
    if (info.size > 0) return absl::OkStatus();
  }
  file_ = nullptr;
  return absl::OkStatus();
}

absl::Status SnapshotReceiver::Write(SnapshotPosition at, std::string_view bytes) {
  if (complete() || at != next_) {
    return absl::InvalidArgumentError(absl::StrCat("snapshot chunk for file ", at.file, " byte ",
                                                   at.offset, ", expected file ", next_.file,
                                                   " byte ", next_.offset));
  }
  const SnapshotFile& info = manifest_.files[next_.file];
  if (bytes.size() > info.size - next_.offset) {
    return absl::InvalidArgumentError(
        absl::StrCat("snapshot chunk goes beyond the end of ", info.name));
  }
  KEELSON_CHECK(file_ != nullptr, "the file that comes next is open");
  absl::Status status = file_->WriteAt(next_.offset, bytes);
  if (!status.ok()) return status;
  crc_ = Crc32c(bytes, crc_);
  next_.offset += bytes.size();
  return next_.offset == info.size ? FinishFile() : absl::OkStatus();
}

absl::Status SnapshotReceiver::FinishFile() {
  const SnapshotFile& info = manifest_.files[next_.file];
  if (crc_ != info.crc32c) {
    next_.offset = 0;
    absl::Status status = OpenNextFile();
    if (!status.ok()) return status;
    return absl::DataLossError(absl::StrCat("received file ", info.name, " ", kChecksumText));
  }
  ++next_.file;
  next_.offset = 0;
  return OpenNextFile();
}

}  // namespace keelson::storage
