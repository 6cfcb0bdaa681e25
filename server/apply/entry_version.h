// Which log entries this version reads and writes.
#pragma once

#include <cstdint>

namespace keelson::server {

// 1: every kind of keelson.v1.LogEntry so far. A new kind, or a new meaning of a field, gets the
// next number, and is proposed only once the cluster's version (ClusterFacts::version) has reached
// it: then every member reads it.
inline constexpr uint32_t kFirstEntryVersion = 1;
inline constexpr uint32_t kEntryVersion = 1;

}  // namespace keelson::server
