#include "storage/wal/segment_chain.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace keelson::storage {
namespace {

absl::Status VisitAllFrames(const Segment& segment, const FrameVisitor& on_frame) {
  SegmentReader reader(&segment, kRecoveryWindowBytes);
  return reader.VisitFrames(kAreaOffset, [&](const GroupFrame& frame, uint64_t offset) {
    on_frame(segment, frame, offset);
  });
}

// The first frame of a segment; nothing for a spare and for one whose first write was torn away.
absl::StatusOr<std::optional<GroupFrame>> FirstFrame(Segment& segment, const FrameVisitor& on_frame,
                                                     std::vector<std::string>* notes) {
  SegmentReader reader(&segment, kAreaOffset);
  auto frame = reader.Frame(kAreaOffset);
  if (!frame.ok() || frame->has_value()) return frame;
  absl::StatusOr<bool> old_content = reader.HoldsOldContent(kAreaOffset);
  if (!old_content.ok()) return old_content.status();
  if (!*old_content) {
    return WalDamage(segment, kAreaOffset, "the first group is damaged, not torn");
  }
  absl::StatusOr<bool> never_used = reader.StampIsEmpty();
  if (!never_used.ok()) return never_used.status();
  if (*never_used) {
    segment.is_recyclable = segment.header.area_bytes == AreaBytesWithTable(segment.file_bytes);
    return frame;
  }
  auto stamp = reader.Stamp();
  if (!stamp.ok()) return stamp.status();
  if (!stamp->has_value()) return WalDamage(segment, kStampOffset, "the stamp is damaged");
  notes->push_back(absl::StrCat("log segment '", segment.path(), "': the write of group ", **stamp,
                                " never arrived"));
  absl::Status status = VisitAllFrames(segment, on_frame);
  if (!status.ok()) return status;
  return frame;
}

// Takes segments off the end whose first group is torn, until one is whole.
absl::Status DropTornSegments(const FrameVisitor& on_frame, std::vector<ChainLink>* links,
                              SegmentChain* chain, std::vector<std::string>* notes) {
  while (!links->empty()) {
    const ChainLink& last = links->back();
    SegmentReader reader(last.segment.get(), kRecoveryWindowBytes);
    auto damage = reader.VisitEntries(last.first, kAreaOffset, [](const EntryView&) {});
    if (!damage.ok()) return damage.status();
    if (!damage->has_value()) return absl::OkStatus();
    absl::Status torn = CheckLooksTorn(*last.segment, reader, kAreaOffset, last.first, **damage);
    if (torn.ok()) torn = VisitAllFrames(*last.segment, on_frame);
    if (!torn.ok()) return torn;
    notes->push_back(absl::StrCat("log segment '", last.segment->path(),
                                  "': its only group was torn and is cut"));
    chain->cut_torn_group = true;
    chain->unused.push_back(last.segment);
    links->pop_back();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckLooksTorn(const Segment& segment, SegmentReader& reader, uint64_t group_offset,
                            const GroupFrame& frame, const RecordDamage& damage) {
  // A group is written at once: one sector of it that wasn't says that its sync never ended.
  absl::StatusOr<bool> torn = reader.TouchesOldContent(damage.begin, group_offset + frame.bytes);
  if (!torn.ok()) return torn.status();
  if (*torn) return absl::OkStatus();
  return WalDamage(segment, damage.begin,
                   damage.what + ", and it does not look like a write that was torn");
}

absl::StatusOr<SegmentChain> OrderSegments(const std::vector<std::shared_ptr<Segment>>& segments,
                                           const FrameVisitor& on_frame,
                                           std::vector<std::string>* notes) {
  SegmentChain chain;
  std::vector<ChainLink> links;
  for (const auto& segment : segments) {
    auto frame = FirstFrame(*segment, on_frame, notes);
    if (!frame.ok()) return frame.status();
    if (!frame->has_value()) {
      chain.unused.push_back(segment);
      continue;
    }
    on_frame(*segment, **frame, kAreaOffset);
    chain.highest_group = std::max(chain.highest_group, (*frame)->number);
    links.push_back({segment, **frame});
  }
  std::sort(links.begin(), links.end(),
            [](const ChainLink& a, const ChainLink& b) { return a.first.number < b.first.number; });
  for (size_t i = 1; i < links.size(); ++i) {
    if (links[i - 1].first.number != links[i].first.number) continue;
    return WalDamage(
        *links[i].segment, kAreaOffset,
        absl::StrCat("it begins with the same group as '", links[i - 1].segment->path(), "'"));
  }
  absl::Status status = DropTornSegments(on_frame, &links, &chain, notes);
  if (!status.ok()) return status;
  uint64_t follows = links.empty() ? 0 : links.back().first.number;
  for (auto link = links.rbegin(); link != links.rend(); ++link) {
    if (link->first.number <= follows) {
      follows = link->first.follows;
      chain.links.push_back(std::move(*link));
    } else {
      chain.unused.push_back(link->segment);
    }
  }
  std::reverse(chain.links.begin(), chain.links.end());
  return chain;
}

}  // namespace keelson::storage
