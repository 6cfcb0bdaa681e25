// Which segments are the log, and in which order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/segment.h"
#include "storage/wal/segment_reader.h"

namespace keelson::storage {

struct ChainLink {
  std::shared_ptr<Segment> segment;
  GroupFrame first;
};

struct SegmentChain {
  std::vector<ChainLink> links;                  // oldest first; each but the first follows a group
  std::vector<std::shared_ptr<Segment>> unused;  // of the one before it
  bool cut_torn_group = false;                   // a last segment was given up, its only group torn
  uint64_t highest_group = 0;
};

using FrameVisitor = std::function<void(const Segment&, const GroupFrame&, uint64_t offset)>;

// Orders `segments` by the groups they begin with. `on_frame` is called for the first frame of
// each, and for all frames of a segment that is given up because its first group is torn: if one
// of them proves that group durable, the caller must refuse the log.
// DataLoss: README.md rows 9 and 16, and two segments that begin with the same group.
absl::StatusOr<SegmentChain> OrderSegments(const std::vector<std::shared_ptr<Segment>>& segments,
                                           const FrameVisitor& on_frame,
                                           std::vector<std::string>* notes);

// OK when the damaged group looks like a write that was torn: from the damage on, a part of it lies
// on old content. Otherwise the DataLoss of row 16.
absl::Status CheckLooksTorn(const Segment& segment, SegmentReader& reader, uint64_t group_offset,
                            const GroupFrame& frame, const RecordDamage& damage);

// How much recovery reads at once.
inline constexpr size_t kRecoveryWindowBytes = 1 << 20;

}  // namespace keelson::storage
