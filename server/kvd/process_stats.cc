#include "server/kvd/process_stats.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace keelson::server {
namespace {

std::string ReadSmallFile(const char* path) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return "";
  std::string text(64 << 10, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

uint64_t Number(std::string_view text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number) ? number : 0;
}

// Seconds since the epoch at which the machine started.
uint64_t BootSeconds() {
  for (const absl::string_view line : absl::StrSplit(ReadSmallFile("/proc/stat"), '\n')) {
    if (absl::StartsWith(line, "btime ")) return Number(std::string(line.substr(6)));
  }
  return 0;
}

void ReadStat(ProcessStats* stats) {
  const std::string text = ReadSmallFile("/proc/self/stat");
  // The second field is a name in parentheses, which may hold anything; the third follows it.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return;
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kThird = 3, kUser = 14, kSystem = 15, kStart = 22, kVirtual = 23, kPages = 24;
  if (fields.size() <= kPages - kThird) return;
  const auto field = [&fields](size_t number) { return Number(fields[number - kThird]); };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  stats->cpu_seconds = static_cast<double>(field(kUser) + field(kSystem)) / ticks;
  stats->start_seconds =
      static_cast<double>(BootSeconds()) + static_cast<double>(field(kStart)) / ticks;
  stats->virtual_bytes = field(kVirtual);
  stats->resident_bytes = field(kPages) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

void ReadFds(ProcessStats* stats) {
  if (DIR* dir = opendir("/proc/self/fd"); dir != nullptr) {
    while (const dirent* entry = readdir(dir)) {
      if (entry->d_name[0] != '.') ++stats->open_fds;
    }
    closedir(dir);
    --stats->open_fds;  // the directory's own
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats->max_fds = limit.rlim_cur;
}

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  ReadStat(&stats);
  ReadFds(&stats);
  return stats;
}

std::vector<std::string> ReadCommandLine() {
  return absl::StrSplit(ReadSmallFile("/proc/self/cmdline"), '\0', absl::SkipEmpty());
}

}  // namespace keelson::server
