// Which way of making a write durable is the fastest on this disk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "storage/fs/fs.h"

namespace keelson::storage {

struct SyncProbeResult {
  SyncMethod best = SyncMethod::kFdatasync;
  int rounds = 0;  // of each method
  uint64_t fdatasync_p50_nanos = 0;
  uint64_t dsync_p50_nanos = 0;
};

// Writes small records over a zeroed 4 MiB file in `dir` (removed again), with both methods in
// turn, 200 times each or as often as 300 ms allow, and takes the better median; O_DSYNC must win
// by a tenth. Blocks; any thread. `now_nanos`: a monotonic clock. Errors are those of the disk.
absl::StatusOr<SyncProbeResult> ProbeSyncMethod(FileSystem& fs, const std::string& dir,
                                                const std::function<uint64_t()>& now_nanos);

}  // namespace keelson::storage
