// The job that makes a group durable: one write, one sync.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/wal/pending_group.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/segment.h"

namespace keelson::storage {

// Made by Wal::TakeWrite on the loop, run once on any thread, given back by Wal::WriteDone on the
// loop, also after an error. Shares no state with the Wal.
class WalWrite {
 public:
  // Blocks. Makes a segment first where none was ready. OK = durable. ResourceExhausted = the disk
  // is full, nothing was written. Every other error ends the log.
  absl::Status Run();

  // The last raft batch in it; 0: none. Meaningful to the caller after WriteDone.
  uint64_t last_persist_seq() const { return group_.last_seq; }
  // Of the group, with padding.
  uint64_t bytes() const;

 private:
  friend class Wal;

  enum class Outcome { kNotRun, kDurable, kNoSpace, kFailed };

  // What goes into the file, as parts that point into `arena` and into the entries.
  struct Layout {
    uint64_t offset = 0;
    std::string arena;
    std::vector<std::string_view> parts;
  };

  WalWrite(GroupFrame frame, PendingGroup group);
  Layout BuildLayout() const;
  absl::Status WriteAndSync();

  GroupFrame frame_;
  PendingGroup group_;
  std::shared_ptr<Segment> segment_;  // null: make one by plan_
  SegmentPlan plan_;
  uint64_t zeroed_bytes_ = 0;
  uint64_t offset_ = kAreaOffset;
  Outcome outcome_ = Outcome::kNotRun;
  absl::Status status_;
};

// The bytes of a group with these entries, without padding.
uint64_t GroupBytes(const std::vector<raft::Entry>& entries);

}  // namespace keelson::storage
