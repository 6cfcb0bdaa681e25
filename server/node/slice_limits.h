// How much of the log is applied in one turn of the loop.
#pragma once

#include <cstddef>
#include <cstdint>

namespace keelson::server {

// A slice ends at whichever comes first. Work as in storage::ApplyBatch::work.
struct SliceLimits {
  size_t entries = 512;
  size_t bytes = 2 << 20;
  uint64_t work = 4000;
  uint64_t entry_work = 2000;  // an entry with more is large
};

}  // namespace keelson::server
