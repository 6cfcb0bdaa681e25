#include "server/node/disk_guard.h"

#include <memory>
#include <utility>

#include "base/view.h"
#include "storage/fs/reserve_file.h"

namespace keelson::server {
namespace {

constexpr std::string_view kCaller = "server/node";

std::string ReservePath(const std::string& dir) { return storage::JoinPath(dir, "reserve"); }

}  // namespace

absl::StatusOr<bool> DiskGuard::Prepare(storage::FileSystem& fs, const std::string& dir,
                                        uint64_t reserve_bytes) {
  const absl::Status status = storage::CreateReserve(fs, ReservePath(dir), reserve_bytes);
  if (status.ok()) return true;
  if (absl::IsResourceExhausted(status)) return false;
  return status;
}

absl::Status DiskGuard::GiveBack(storage::FileSystem& fs, const std::string& dir) {
  return storage::ReleaseReserve(fs, ReservePath(dir));
}

DiskGuard::DiskGuard(Environment environment, Limits limits, bool full)
    : env_(std::move(environment)), limits_(limits), full_(full) {
  if (const auto free = env_.fs->FreeBytes(env_.dir); free.ok()) free_ = *free;
}

void DiskGuard::Tick(Instant now) {
  if (looking_ || now < next_look_) return;
  next_look_ = now + kInterval;
  Look();
}

void DiskGuard::NoteLogBytes(uint64_t total) {
  log_bytes_ = total;
  if (!looking_ && TakenSinceLook() > limits_.floor_bytes / 2) Look();
}

void DiskGuard::FoundNoSpace() {
  found_none_ = true;
  if (!looking_ && !full_) Look();
}

void DiskGuard::Look() {
  looking_ = true;
  log_bytes_at_next_look_ = log_bytes_;
  auto sight = std::make_shared<Sight>();
  env_.runner->Run(
      Runner::Lane::kWal,
      [sight, fs = env_.fs, dir = env_.dir, limits = limits_, full = full_,
       found_none = std::exchange(found_none_, false)] {
        *sight = LookAt(*fs, dir, limits, full, found_none);
      },
      [this, sight] { Seen(*sight); });
}

DiskGuard::Sight DiskGuard::LookAt(storage::FileSystem& fs, const std::string& dir, Limits limits,
                                   bool full, bool found_none) {
  Sight sight;
  sight.full = full;
  const auto free = fs.FreeBytes(dir);
  // A disk that does not tell its room is no failed one: the next look may.
  sight.free = free.ok() ? *free : UINT64_MAX;
  const uint64_t enough = limits.reserve_bytes + 2 * limits.floor_bytes;
  if (!full && (found_none || sight.free < limits.floor_bytes)) {
    sight.status = GiveBack(fs, dir);
    sight.full = true;
  } else if (full && !found_none && sight.free >= enough) {
    const auto made = Prepare(fs, dir, limits.reserve_bytes);
    sight.status = made.status();
    sight.full = made.ok() && !*made;
  }
  if (sight.full == full) return sight;
  if (const auto now = fs.FreeBytes(dir); now.ok()) sight.free = *now;
  return sight;
}

void DiskGuard::Seen(const Sight& sight) {
  looking_ = false;
  if (!sight.status.ok()) return env_.on_failed(sight.status);
  free_ = sight.free;
  log_bytes_at_look_ = log_bytes_at_next_look_;
  if (full_ != sight.full) {
    full_ = sight.full;
    if (full_) {
      env_.logger->Error(kCaller,
                         "the disk is full: writes that grow the data are refused until there is "
                         "room again; deletes, compactions and reads go on",
                         {{"dir", env_.dir}, {"free-bytes", free_}});
    } else {
      env_.logger->Info(kCaller, "the disk has room again", {{"free-bytes", free_}});
    }
    env_.on_change(full_);
  }
  if (found_none_ && !full_) Look();
}

}  // namespace keelson::server
