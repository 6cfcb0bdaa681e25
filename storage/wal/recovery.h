// Finds the log in the segment files after a restart: README.md, "Recovery".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/wal/log_index.h"
#include "storage/wal/record_codec.h"
#include "storage/wal/segment.h"

namespace keelson::storage {

// That a group was synced, and who says so.
struct DurableEvidence {
  uint64_t group = 0;
  std::string told_by;
};

struct RecoveredLog {
  std::vector<std::shared_ptr<Segment>> segments;  // of the log, oldest first
  std::vector<std::shared_ptr<Segment>> unused;  // spares, and segments whose groups were given up
  LogIndex index;
  raft::HardState hard;  // commit as the log itself knows it
  std::optional<raft::EntryId> snapshot_marker;
  // The last group; number 0 in an empty log. `last_is_proven`: something says that it was synced.
  GroupFrame last_group;
  bool last_is_proven = false;
  // A group at the end was cut because its write was torn.
  bool cut_torn_tail = false;
  uint64_t highest_group = 0;     // that was ever seen, also of groups given up
  uint64_t highest_sequence = 0;  // of segments
  uint64_t groups = 0;
  uint64_t bytes = 0;
};

// Reads and verifies every segment in `names` (of plan.dir). `evidence` is what the commit file
// says. Changes nothing on disk. DataLoss and FailedPrecondition as in the table of README.md.
absl::StatusOr<RecoveredLog> RecoverLog(const SegmentPlan& plan,
                                        const std::vector<std::string>& names,
                                        DurableEvidence evidence, std::vector<std::string>* notes);

}  // namespace keelson::storage
