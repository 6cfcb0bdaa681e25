#include "storage/snapshot/archive.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/crc32c.h"

namespace keelson::storage {
namespace {

constexpr std::string_view kMagic = "KEELSNAP";
constexpr uint32_t kVersion = 1;
constexpr size_t kPiece = 1 << 20;

template <typename Number>
void AppendFixed(Number value, std::string* out) {
  for (size_t i = 0; i < sizeof(value); ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

template <typename Number>
Number TakeFixed(std::string_view* bytes) {
  Number value = 0;
  for (size_t i = 0; i < sizeof(value); ++i) {
    value |= Number{static_cast<uint8_t>((*bytes)[i])} << (8 * i);
  }
  bytes->remove_prefix(sizeof(value));
  return value;
}

std::string EncodeHead(uint64_t manifest_bytes, int64_t keys) {
  std::string head(kMagic);
  AppendFixed(kVersion, &head);
  AppendFixed(static_cast<uint32_t>(manifest_bytes), &head);
  AppendFixed(static_cast<uint64_t>(keys), &head);
  AppendFixed(Crc32c(head), &head);
  AppendFixed(uint32_t{0}, &head);
  KEELSON_CHECK(head.size() == kArchiveHeadBytes, "the head has its size");
  return head;
}

uint64_t RoundUp(uint64_t bytes) {
  return (bytes + kArchiveBlock - 1) / kArchiveBlock * kArchiveBlock;
}

}  // namespace

ArchiveWriter::ArchiveWriter(std::shared_ptr<const Checkpoint> checkpoint)
    : checkpoint_(std::move(checkpoint)) {
  const std::string manifest = EncodeManifest(checkpoint_->manifest());
  head_ = EncodeHead(manifest.size(), checkpoint_->keys()) + manifest;
  total_ = RoundUp(head_.size() + checkpoint_->manifest().total_bytes());
}

absl::StatusOr<std::string> ArchiveWriter::Next(size_t max_bytes) {
  KEELSON_CHECK(done_ < total_ && max_bytes > 0, "there is something to make");
  std::string piece;
  if (head_done_ < head_.size()) {
    piece = head_.substr(head_done_, max_bytes);
    head_done_ += piece.size();
  } else {
    // Empty files have no bytes to give.
    const auto& files = checkpoint_->manifest().files;
    while (at_.file < files.size() && files[at_.file].size == 0) at_ = {at_.file + 1, 0};
    auto chunk = checkpoint_->Read(at_, max_bytes);
    if (!chunk.ok()) return chunk.status();
    at_ = chunk->next;
    piece = std::move(chunk->bytes);
    if (piece.empty()) piece.assign(std::min<uint64_t>(total_ - done_, max_bytes), '\0');
  }
  done_ += piece.size();
  KEELSON_CHECK(done_ <= total_, "the parts make up the size");
  sha_.Add(piece);
  return piece;
}

absl::StatusOr<std::unique_ptr<ArchiveReader>> ArchiveReader::Open(FileSystem* fs,
                                                                   const std::string& path) {
  auto file = fs->Open(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  std::unique_ptr<ArchiveReader> reader(new ArchiveReader(*std::move(file)));
  if (auto status = reader->ReadFacts(); !status.ok()) return status;
  return reader;
}

absl::StatusOr<std::string> ArchiveReader::Read(uint64_t offset, size_t size) const {
  std::string bytes(size, '\0');
  const auto got = file_->ReadAt(offset, size, bytes.data());
  if (!got.ok()) return got.status();
  if (*got != size) return absl::DataLossError(absl::StrCat(file_->path(), " is cut short"));
  return bytes;
}

absl::Status ArchiveReader::ReadFacts() {
  const auto invalid = [this](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat(file_->path(), " ", why));
  };
  const auto size = file_->Size();
  if (!size.ok()) return size.status();
  facts_.file_bytes = *size;
  if (*size < kArchiveHeadBytes) return invalid("is no snapshot of Keelson: it is too short");
  auto bytes = Read(0, kArchiveHeadBytes);
  if (!bytes.ok()) return bytes.status();
  std::string_view head = *bytes;
  if (head.substr(0, kMagic.size()) != kMagic) return invalid("is no snapshot of Keelson");
  const uint32_t crc = Crc32c(head.substr(0, 24));
  head.remove_prefix(kMagic.size());
  const auto version = TakeFixed<uint32_t>(&head);
  const auto manifest_bytes = TakeFixed<uint32_t>(&head);
  facts_.keys = static_cast<int64_t>(TakeFixed<uint64_t>(&head));
  if (TakeFixed<uint32_t>(&head) != crc)
    return invalid("is damaged: its head has another checksum");
  if (version != kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(file_->path(), " is of version ", version, ", this program reads ", kVersion));
  }
  if (manifest_bytes > kMaxManifestBytes || kArchiveHeadBytes + manifest_bytes > *size) {
    return invalid("is cut short");
  }
  auto manifest = Read(kArchiveHeadBytes, manifest_bytes);
  if (!manifest.ok()) return manifest.status();
  auto decoded = DecodeManifest(*manifest);
  if (!decoded.ok()) return decoded.status();
  facts_.manifest = *std::move(decoded);
  facts_.hash = Crc32c(*manifest);
  files_at_ = kArchiveHeadBytes + manifest_bytes;
  const uint64_t files = facts_.manifest.total_bytes();
  if (files > *size - files_at_) return invalid("is cut short");
  data_bytes_ = RoundUp(files_at_ + files);
  facts_.has_checksum = *size == data_bytes_ + Sha256::kDigestBytes;
  return absl::OkStatus();
}

absl::Status ArchiveReader::Verify(const Progress& progress) const {
  if (!facts_.has_checksum) {
    return absl::DataLossError(absl::StrCat(file_->path(), " has no checksum at its end"));
  }
  Sha256 sha;
  for (uint64_t at = 0; at < data_bytes_;) {
    auto piece = Read(at, std::min<uint64_t>(kPiece, data_bytes_ - at));
    if (!piece.ok()) return piece.status();
    sha.Add(*piece);
    at += piece->size();
    if (progress) progress(at, data_bytes_);
  }
  auto digest = Read(data_bytes_, Sha256::kDigestBytes);
  if (!digest.ok()) return digest.status();
  if (sha.Finish() == *digest) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(file_->path(), " is damaged: its content does not fit its checksum"));
}

absl::Status ArchiveReader::Unpack(SnapshotReceiver& receiver, const Progress& progress) const {
  const SnapshotManifest& manifest = facts_.manifest;
  KEELSON_CHECK(receiver.manifest() == manifest, "the receiver waits for this snapshot");
  std::vector<uint64_t> begins;
  uint64_t begin = files_at_;
  for (const SnapshotFile& file : manifest.files) {
    begins.push_back(begin);
    begin += file.size;
  }
  while (!receiver.complete()) {
    const SnapshotPosition at = receiver.next();
    const uint64_t left = manifest.files[at.file].size - at.offset;
    auto piece = Read(begins[at.file] + at.offset, std::min<uint64_t>(kPiece, left));
    if (!piece.ok()) return piece.status();
    if (auto status = receiver.Write(at, *piece); !status.ok()) return status;
    if (progress)
      progress(begins[at.file] + at.offset + piece->size() - files_at_, begin - files_at_);
  }
  return absl::OkStatus();
}

}  // namespace keelson::storage
