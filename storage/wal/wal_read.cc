// The part of Wal that reads entries back from the segments.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/wal/wal.h"

namespace keelson::storage {

using raft::Entry;
using raft::Index;

namespace {

constexpr size_t kReadWindowBytes = 64 << 10;

absl::Status CheckType(const Segment& segment, const EntryHead& head) {
  if (head.type <= raft::EntryType::kNoop) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "entry ", head.id.index.value(), " in '", segment.path(), "' has type ",
      static_cast<int>(head.type), ", which this release doesn't know; use a later one"));
}

Entry EntryOf(const EntryView& view) {
  Entry entry;
  entry.term = view.head.id.term;
  entry.index = view.head.id.index;
  entry.type = view.head.type;
  entry.checksum = view.head.content_checksum;
  if (!view.payload.empty()) entry.payload = std::make_shared<const std::string>(view.payload);
  return entry;
}

}  // namespace

std::shared_ptr<Segment> Wal::FindSegment(uint64_t sequence) const {
  for (const std::shared_ptr<Segment>& segment : segments_) {
    if (segment->header.sequence == sequence) return segment;
  }
  KEELSON_CHECK(false, "the index names segments of the log only");
}

absl::StatusOr<std::vector<Entry>> Wal::Read(Index lo, Index hi, size_t max_bytes) {
  KEELSON_CHECK(lo < hi, "a read has a range");
  if (lo <= base().index) {
    return absl::OutOfRangeError(
        absl::StrCat("entry ", lo.value(), " is behind the log's base ", base().index.value()));
  }
  const Index safe = SafeLast();
  if (lo > safe) {
    return absl::UnavailableError(absl::StrCat("entry ", lo.value(), " is not durable yet"));
  }
  hi = std::min(hi, safe.Next());
  std::vector<Entry> entries;
  size_t cost = 0;
  std::shared_ptr<Segment> segment;
  std::optional<SegmentReader> reader;
  for (Index next = lo; next < hi; next = entries.back().index.Next()) {
    const EntryMark& mark = index_.Find(next);
    const EntryMark* after = index_.After(next);
    if (segment == nullptr || segment->header.sequence != mark.segment) {
      segment = FindSegment(mark.segment);
      reader.emplace(segment.get(), kReadWindowBytes);
    }
    const Index limit = after == nullptr ? hi : std::min(hi, after->index);
    absl::Status status = ReadRun(*reader, *segment, mark, next, limit, max_bytes, &cost, &entries);
    if (!status.ok()) return status;
    KEELSON_CHECK(!entries.empty(), "the first entry is always read");
    if (entries.back().index.Next() < limit) break;  // the budget is used up
  }
  return entries;
}

// Reads [from, limit), which begins at or behind `mark` and is in order on disk.
absl::Status Wal::ReadRun(SegmentReader& reader, const Segment& segment, const EntryMark& mark,
                          Index from, Index limit, size_t max_bytes, size_t* cost,
                          std::vector<Entry>* out) const {
  uint64_t group_offset = mark.group_offset;
  uint64_t at = mark.entry_offset;
  Index index = mark.index;
  std::optional<GroupFrame> frame;
  while (index < limit) {
    if (!frame.has_value()) {
      auto read = reader.Frame(group_offset);
      if (!read.ok()) return read.status();
      if (!read->has_value()) return WalDamage(segment, group_offset, "a group is damaged");
      frame = **read;
      if (at == 0) at = group_offset + kFrameBytes;
    }
    if (at >= group_offset + frame->bytes) {
      group_offset += PadToSector(frame->bytes);
      frame.reset();
      at = 0;
      continue;
    }
    EntryView view;
    std::optional<RecordDamage> damage;
    absl::Status status = reader.Entry(*frame, group_offset, at, &view, &damage);
    if (!status.ok()) return status;
    if (damage.has_value()) return WalDamage(segment, damage->begin, damage->what);
    if (view.head.id.index != index || view.head.id.term != index_.terms().At(index)) {
      return WalDamage(segment, at, absl::StrCat("not entry ", index.value(), ", as expected"));
    }
    at += view.head.record_bytes();
    if (index >= from) {
      status = CheckType(segment, view.head);
      if (!status.ok()) return status;
      const size_t entry_cost = raft::kEntryOverheadBytes + view.payload.size();
      if (!out->empty() && *cost + entry_cost > max_bytes) return absl::OkStatus();
      *cost += entry_cost;
      out->push_back(EntryOf(view));
    }
    index = index.Next();
  }
  return absl::OkStatus();
}

absl::StatusOr<raft::Term> Wal::TermAt(Index index) {
  if (index < terms_.base().index) {
    return absl::OutOfRangeError(absl::StrCat("entry ", index.value(), " is behind the log's base ",
                                              terms_.base().index.value()));
  }
  if (index > terms_.last()) {
    return absl::UnavailableError(absl::StrCat("entry ", index.value(), " is not in the log yet"));
  }
  return terms_.At(index);
}

}  // namespace keelson::storage
