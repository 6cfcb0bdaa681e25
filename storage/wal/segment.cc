#include "storage/wal/segment.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "storage/wal/little_endian.h"

namespace keelson::storage {
namespace {

constexpr std::string_view kSegmentSuffix = ".wal";
constexpr size_t kSequenceDigits = 16;
constexpr uint64_t kChunkBytes = 1 << 20;

std::string UnfinishedPath(const SegmentPlan& plan) {
  std::string name = SegmentFileName(plan.sequence);
  return JoinPath(plan.dir, name.append(kUnfinishedSuffix));
}

absl::Status WriteZeros(File& file, uint64_t bytes) {
  const std::string zeros(std::min(bytes, kChunkBytes), '\0');
  for (uint64_t at = 0; at < bytes; at += zeros.size()) {
    const size_t step = std::min<uint64_t>(zeros.size(), bytes - at);
    absl::Status status = file.WriteAt(at, std::string_view(zeros).substr(0, step));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

SegmentHeader HeaderFor(const SegmentPlan& plan) {
  SegmentHeader header;
  header.identity = plan.identity;
  header.sequence = plan.sequence;
  header.salt = plan.salt;
  return header;
}

// Writes the header, syncs the file, gives it its name, syncs the name, and opens it for the log.
absl::StatusOr<std::shared_ptr<Segment>> Finish(const SegmentPlan& plan, SegmentHeader header,
                                                std::unique_ptr<File> file) {
  absl::Status status = file->WriteAt(0, EncodeHeaderPage(header));
  if (status.ok()) status = file->Sync();
  if (!status.ok()) return status;
  absl::StatusOr<uint64_t> size = file->Size();
  if (!size.ok()) return size.status();
  file.reset();
  const std::string path = JoinPath(plan.dir, SegmentFileName(plan.sequence));
  status = plan.fs->Rename(UnfinishedPath(plan), path);
  if (status.ok()) status = plan.fs->SyncDirectory(plan.dir);
  if (!status.ok()) return status;
  auto opened = plan.fs->Open(path, OpenMode::kReadWrite, plan.method);
  if (!opened.ok()) return opened.status();
  auto segment = std::make_shared<Segment>();
  segment->header = header;
  segment->file = std::move(*opened);
  segment->file_bytes = *size;
  // One that was made on demand leaves no room for a table.
  segment->is_recyclable = header.area_bytes == AreaBytesWithTable(*size);
  return segment;
}

absl::StatusOr<std::shared_ptr<Segment>> MakeZeroedSegment(const SegmentPlan& plan,
                                                           uint64_t area_bytes,
                                                           uint64_t zeroed_bytes) {
  KEELSON_CHECK(area_bytes >= kWalSectorBytes, "a segment must have room for a group");
  const std::string path = UnfinishedPath(plan);
  auto file = plan.fs->Open(path, OpenMode::kCreateOrTruncate);
  if (!file.ok()) return file.status();
  absl::Status status = (*file)->Allocate(plan.file_bytes);
  if (status.ok()) status = WriteZeros(**file, std::min(zeroed_bytes, plan.file_bytes));
  SegmentHeader header = HeaderFor(plan);
  header.area_bytes = area_bytes;
  if (status.ok()) {
    auto made = Finish(plan, header, std::move(*file));
    if (made.ok()) return made;
    status = made.status();
  }
  file->reset();
  if (absl::IsResourceExhausted(status)) {
    absl::Status removed = plan.fs->Remove(path);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  }
  return status;
}

// The table of a file whose area goes to new use: one checksum for each sector as it is now.
absl::StatusOr<std::string> FingerprintArea(const File& file, const SegmentHeader& header) {
  std::string table;
  table.reserve(header.area_bytes / kWalSectorBytes * kFingerprintBytes);
  std::string chunk(kChunkBytes, '\0');
  for (uint64_t at = kAreaOffset; at < header.area_end(); at += chunk.size()) {
    const size_t wanted = std::min<uint64_t>(chunk.size(), header.area_end() - at);
    absl::StatusOr<size_t> got = file.ReadAt(at, wanted, chunk.data());
    if (!got.ok()) return got.status();
    if (*got != wanted) {
      return absl::DataLossError(
          absl::StrCat("'", file.path(), "' ends before byte ", at + wanted));
    }
    for (size_t sector = 0; sector < wanted; sector += kWalSectorBytes) {
      char fingerprint[kFingerprintBytes];
      PutLittle(Crc32c(std::string_view(chunk).substr(sector, kWalSectorBytes)), fingerprint);
      table.append(fingerprint, kFingerprintBytes);
    }
  }
  return table;
}

}  // namespace

std::string SegmentFileName(uint64_t sequence) {
  return absl::StrFormat("%016x", sequence).append(kSegmentSuffix);
}

bool ParseSegmentFileName(std::string_view name, uint64_t* sequence) {
  if (name.size() != kSequenceDigits + kSegmentSuffix.size()) return false;
  if (name.substr(kSequenceDigits) != kSegmentSuffix) return false;
  const std::string digits(name.substr(0, kSequenceDigits));
  return absl::SimpleHexAtoi(digits, sequence) && SegmentFileName(*sequence) == name;
}

absl::Status WalDamage(const Segment& segment, uint64_t offset, const std::string& what) {
  return absl::DataLossError(absl::StrCat(
      "log segment '", segment.path(), "' at offset ", offset, ": ", what,
      "; keep the file for analysis, remove this member and add it again with an empty directory"));
}

absl::StatusOr<std::shared_ptr<Segment>> MakeFreshSegment(const SegmentPlan& plan) {
  return MakeZeroedSegment(plan, AreaBytesWithTable(plan.file_bytes), plan.file_bytes);
}

absl::StatusOr<std::shared_ptr<Segment>> MakeSegmentOnDemand(const SegmentPlan& plan,
                                                             uint64_t zeroed_bytes) {
  KEELSON_CHECK(plan.file_bytes % kWalSectorBytes == 0, "an area is whole sectors");
  return MakeZeroedSegment(plan, plan.file_bytes - kAreaOffset, zeroed_bytes);
}

absl::StatusOr<std::shared_ptr<Segment>> RecycleSegment(const SegmentPlan& plan,
                                                        const Segment& old_segment) {
  KEELSON_CHECK(old_segment.is_recyclable && old_segment.file_bytes == plan.file_bytes,
                "only full-size segments of known content live again");
  const std::string path = UnfinishedPath(plan);
  absl::Status status = plan.fs->Rename(old_segment.path(), path);
  if (status.ok()) status = plan.fs->SyncDirectory(plan.dir);
  if (!status.ok()) return status;
  auto file = plan.fs->Open(path, OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  SegmentHeader header = HeaderFor(plan);
  header.area_bytes = AreaBytesWithTable(plan.file_bytes);
  header.has_table = true;
  absl::StatusOr<std::string> table = FingerprintArea(**file, header);
  if (!table.ok()) return table.status();
  header.table_checksum = Crc32c(*table);
  status = (*file)->WriteAt(header.area_end(), *table);
  if (!status.ok()) return status;
  return Finish(plan, header, std::move(*file));
}

namespace {

absl::Status CheckHeader(const SegmentPlan& plan, const Segment& segment, uint64_t sequence) {
  const SegmentHeader& header = segment.header;
  if (header.version != kWalFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "log segment '", segment.path(), "' has format version ", header.version,
        ", this program reads version ", kWalFormatVersion, "; use the later release"));
  }
  if (header.identity != plan.identity) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "log segment '%s' belongs to member %x of cluster %x, not to member %x of cluster %x; "
        "start the member with its own data directory",
        segment.path(), header.identity.member_id, header.identity.cluster_id,
        plan.identity.member_id, plan.identity.cluster_id));
  }
  if (header.sequence != sequence) {
    return WalDamage(segment, 32, absl::StrCat("the header is that of segment ", header.sequence));
  }
  const uint64_t table =
      header.has_table ? header.area_bytes / kWalSectorBytes * kFingerprintBytes : 0;
  if (header.area_bytes % kWalSectorBytes != 0 || header.area_bytes < kWalSectorBytes ||
      header.area_bytes > segment.file_bytes || header.area_end() + table > segment.file_bytes) {
    return WalDamage(segment, 48,
                     "the area does not fit the file: it is shorter than its header says");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<Segment>> OpenSegment(const SegmentPlan& plan,
                                                     const std::string& name,
                                                     std::vector<std::string>* notes) {
  uint64_t sequence = 0;
  KEELSON_CHECK(ParseSegmentFileName(name, &sequence), "only segments are opened as segments");
  auto file = plan.fs->Open(JoinPath(plan.dir, name), OpenMode::kReadWrite, plan.method);
  if (!file.ok()) return file.status();
  absl::StatusOr<uint64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  auto segment = std::make_shared<Segment>();
  segment->file = std::move(*file);
  segment->file_bytes = *size;
  if (*size < kAreaOffset) return WalDamage(*segment, *size, "the file is too short for a segment");
  std::string page(kAreaOffset, '\0');
  absl::StatusOr<size_t> got = segment->file->ReadAt(0, page.size(), page.data());
  if (!got.ok()) return got.status();
  bool found = false;
  for (uint64_t copy : kSegmentHeaderCopies) {
    auto header = DecodeSegmentHeader(std::string_view(page).substr(copy, kSegmentHeaderBytes));
    if (!header.has_value()) {
      notes->push_back(absl::StrCat("log segment '", segment->path(), "': header copy at ", copy,
                                    " is damaged"));
      continue;
    }
    if (!found) segment->header = *header;
    found = true;
  }
  if (!found) return WalDamage(*segment, 0, "no valid segment header: damaged, or a foreign file");
  absl::Status status = CheckHeader(plan, *segment, sequence);
  if (!status.ok()) return status;
  return segment;
}

}  // namespace keelson::storage
