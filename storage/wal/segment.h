// Segment files: how they are named, made, recycled and opened.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/fs/fs.h"
#include "storage/wal/record_codec.h"

namespace keelson::storage {

// One segment file, open. Immutable once it is in use, but for what is in the file.
struct Segment {
  SegmentHeader header;
  std::unique_ptr<File> file;
  uint64_t file_bytes = 0;
  // The disk holds what reads of the file show, so that its old content can be told by it later.
  // Not known of what an earlier process wrote: after a failed sync the page cache shows more.
  bool is_recyclable = false;

  const std::string& path() const { return file->path(); }
};

// What all functions that make segments need to know.
struct SegmentPlan {
  FileSystem* fs = nullptr;
  std::string dir;
  WalIdentity identity;
  SyncMethod method = SyncMethod::kFdatasync;
  uint64_t sequence = 0;  // of the segment to make: never used before
  uint64_t salt = 0;      // random, never used before
  uint64_t file_bytes = 0;
};

std::string SegmentFileName(uint64_t sequence);
// Whether `name` is that of a segment; sets `sequence`.
bool ParseSegmentFileName(std::string_view name, uint64_t* sequence);
// Of a segment in the making.
inline constexpr std::string_view kUnfinishedSuffix = ".new";

// These make a segment whose name and header are durable when they return. They block: any thread
// but the loop's. After an error nothing but a *.new file is left, and on a full disk
// (ResourceExhausted) not even that.

// A new file, allocated and filled with zeros.
absl::StatusOr<std::shared_ptr<Segment>> MakeFreshSegment(const SegmentPlan& plan);
// The same without a table's room and, beyond `zeroed_bytes`, without the zeros: quick to make.
absl::StatusOr<std::shared_ptr<Segment>> MakeSegmentOnDemand(const SegmentPlan& plan,
                                                             uint64_t zeroed_bytes);
// Gives the file of a segment that is no longer needed a new life. The old name is gone first.
absl::StatusOr<std::shared_ptr<Segment>> RecycleSegment(const SegmentPlan& plan,
                                                        const Segment& old_segment);

// Opens `name` and checks its header (README.md, rows 2 to 6). `notes` gets what the operator
// should hear of.
absl::StatusOr<std::shared_ptr<Segment>> OpenSegment(const SegmentPlan& plan,
                                                     const std::string& name,
                                                     std::vector<std::string>* notes);

// The DataLoss that recovery and reads answer damage with: file, offset, what is wrong, advice.
absl::Status WalDamage(const Segment& segment, uint64_t offset, const std::string& what);

}  // namespace keelson::storage
