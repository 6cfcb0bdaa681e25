// Watches the room on the member's disk, so that a full one makes the member read-only in time.
//
//            room below the floor, or a write found none: the reserve is given back
//    well -----------------------------------------------------------------------------> full
//      ^                                                                                  |
//      +---- room for the reserve and twice the floor again: the reserve is made anew ----+
//
// What is given back lets deletes and compactions run: they need the log and flushes of the store.
// Loop thread only; the disk is looked at on the log's lane, which no long job holds up.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "server/log/logger.h"
#include "server/node/seams.h"
#include "storage/fs/fs.h"

namespace keelson::server {

class DiskGuard {
 public:
  struct Environment {
    Runner* runner = nullptr;
    const Logger* logger = nullptr;
    storage::FileSystem* fs = nullptr;
    std::string dir;  // the member's directory; holds the reserve
    std::function<void(bool full)> on_change;
    // The disk failed; the member must stop.
    std::function<void(const absl::Status&)> on_failed;
  };

  struct Limits {
    uint64_t reserve_bytes = 64 << 20;
    uint64_t floor_bytes = 32 << 20;  // less than that free is full
  };

  // Makes the reserve. Blocks; for the start. Whether there was room for it; DataLoss.
  static absl::StatusOr<bool> Prepare(storage::FileSystem& fs, const std::string& dir,
                                      uint64_t reserve_bytes);
  // Gives it back, for a start that finds no room otherwise. Blocks.
  static absl::Status GiveBack(storage::FileSystem& fs, const std::string& dir);

  // Blocks for a first look.
  DiskGuard(Environment environment, Limits limits, bool full);

  // Looks at the disk now and then.
  void Tick(Instant now);
  // The log has written that many bytes in all. What it takes is what this member takes itself,
  // for in time the store needs as much; where it is a good part of the floor the disk is looked at
  // before it is time.
  void NoteLogBytes(uint64_t total);
  // A write or a job found the disk full: looks at once.
  void FoundNoSpace();

  bool full() const { return full_; }
  // As of the last look, and of what this member has written since.
  bool HasRoomFor(uint64_t bytes) const { return bytes + TakenSinceLook() <= free_; }
  uint64_t free_bytes() const { return free_; }

 private:
  struct Sight {
    absl::Status status;
    uint64_t free = 0;
    bool full = false;
  };

  static Sight LookAt(storage::FileSystem& fs, const std::string& dir, Limits limits, bool full,
                      bool found_none);
  uint64_t TakenSinceLook() const { return 2 * (log_bytes_ - log_bytes_at_look_); }
  void Look();
  void Seen(const Sight& sight);

  static constexpr Duration kInterval = std::chrono::milliseconds(500);

  Environment env_;
  const Limits limits_;
  bool full_;
  uint64_t free_ = UINT64_MAX;  // MAX: the disk does not tell
  uint64_t log_bytes_ = 0;
  uint64_t log_bytes_at_look_ = 0;  // when the last finished look began
  uint64_t log_bytes_at_next_look_ = 0;
  bool looking_ = false;
  bool found_none_ = false;
  Instant next_look_;
};

}  // namespace keelson::server
