// Disk work that was started on the loop and runs beside it.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace keelson::storage {

// REQUIRES: Run is called exactly once, on any thread, while the store that made the job lives or
// after it was retired. What changed shows in the store as soon as Run returned.
class BackgroundJob {
 public:
  virtual ~BackgroundJob() = default;
  virtual const char* name() const = 0;  // for logs and metrics
  virtual absl::Status Run() = 0;
};

// Reads table files and checks every block's checksum, past all caches. Run's DataLoss names the
// file.
class VerifyJob : public BackgroundJob {
 public:
  // After Run: where the next one goes on; 0 once every file was read.
  virtual uint64_t next() const = 0;
  // After Run: what was read.
  virtual uint64_t bytes() const = 0;
};

}  // namespace keelson::storage
