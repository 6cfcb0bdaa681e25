// What the kernel says of this process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace keelson::server {

// 0 where the kernel does not tell.
struct ProcessStats {
  double cpu_seconds = 0;    // of all threads, user and system
  double start_seconds = 0;  // since the epoch
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t open_fds = 0;
  uint64_t max_fds = 0;
};

// Reads /proc. Any thread.
ProcessStats ReadProcessStats();

// The arguments with which the process was started, its name first.
std::vector<std::string> ReadCommandLine();

}  // namespace keelson::server
