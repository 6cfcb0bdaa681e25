#include "storage/wal/wal_write.h"

#include <utility>

#include "base/check.h"
#include "storage/wal/mutants.h"

namespace keelson::storage {
namespace {

// Up to here a payload is cheaper to copy than to pass as a part of its own.
constexpr size_t kCopiedPayloadBytes = 1024;

bool IsCopied(const raft::Entry& entry) { return entry.bytes().size() <= kCopiedPayloadBytes; }

EntryHead HeadOf(const raft::Entry& entry) {
  return {.id = entry.id(),
          .type = entry.type,
          .payload_bytes = static_cast<uint32_t>(entry.bytes().size()),
          .content_checksum = entry.checksum};
}

}  // namespace

uint64_t GroupBytes(const std::vector<raft::Entry>& entries) {
  uint64_t bytes = kFrameBytes;
  for (const raft::Entry& entry : entries) bytes += kEntryHeadBytes + entry.bytes().size();
  KEELSON_CHECK(bytes < kMaxGroupBytes, "the core bounds what it hands out");
  return bytes;
}

WalWrite::WalWrite(GroupFrame frame, PendingGroup group) : frame_(frame), group_(std::move(group)) {
  KEELSON_CHECK(frame_.entries == group_.entries.size(), "the frame counts the entries");
}

uint64_t WalWrite::bytes() const { return PadToSector(frame_.bytes); }

WalWrite::Layout WalWrite::BuildLayout() const {
  Layout layout;
  const uint64_t salt = segment_->header.salt;
  const bool first = offset_ == kAreaOffset;
  layout.offset = first ? kStampOffset : offset_;
  size_t arena_bytes = (first ? kWalSectorBytes : 0) + kFrameBytes + kWalSectorBytes;
  for (const raft::Entry& entry : group_.entries) {
    arena_bytes += kEntryHeadBytes + (IsCopied(entry) ? entry.bytes().size() : 0);
  }
  std::string& arena = layout.arena;
  arena.reserve(arena_bytes);
  const char* const arena_begin = arena.data();
  size_t taken = 0;  // of the arena by parts
  auto take_arena = [&] {
    if (arena.size() > taken) layout.parts.emplace_back(arena_begin + taken, arena.size() - taken);
    taken = arena.size();
  };

  if (first) AppendStampSector(salt, frame_.number, &arena);
  AppendFrame(frame_, {.salt = salt, .offset = offset_}, &arena);
  uint64_t at = offset_ + kFrameBytes;
  for (const raft::Entry& entry : group_.entries) {
    const EntryHead head = HeadOf(entry);
    AppendEntryHead(head, {.salt = salt, .group = frame_.number, .offset = at}, &arena);
    if (IsCopied(entry)) {
      arena.append(entry.bytes());
    } else {
      take_arena();
      layout.parts.push_back(entry.bytes());
    }
    at += head.record_bytes();
  }
  KEELSON_CHECK(at == offset_ + frame_.bytes, "the frame counts the bytes");
  arena.append(offset_ + bytes() - at, '\0');
  take_arena();
  KEELSON_CHECK(arena.data() == arena_begin, "the arena must not move under its parts");
  return layout;
}

absl::Status WalWrite::WriteAndSync() {
  KEELSON_CHECK(offset_ + bytes() <= segment_->header.area_end(), "a group fits its segment");
  const Layout layout = BuildLayout();
  absl::Status status = segment_->file->WriteAt(layout.offset, layout.parts);
  if (!status.ok() || kMutantNoFsync) return status;
  status = segment_->file->DataSync();
  return kMutantAckAfterFailedFsync ? absl::OkStatus() : status;
}

absl::Status WalWrite::Run() {
  KEELSON_CHECK(outcome_ == Outcome::kNotRun, "a log write is never repeated");
  if (segment_ == nullptr) {
    auto made = MakeSegmentOnDemand(plan_, zeroed_bytes_);
    if (!made.ok()) {
      status_ = made.status();
      outcome_ = absl::IsResourceExhausted(status_) ? Outcome::kNoSpace : Outcome::kFailed;
      return status_;
    }
    segment_ = std::move(*made);
  }
  status_ = WriteAndSync();
  outcome_ = status_.ok() ? Outcome::kDurable : Outcome::kFailed;
  // Space was reserved, so this is no ordinary full disk, and part of the group may be there.
  if (absl::IsResourceExhausted(status_)) status_ = absl::DataLossError(status_.message());
  return status_;
}

}  // namespace keelson::storage
