// The part of FaultyFileSystem that decides what fails, and keeps account of space.
#include <algorithm>
#include <cerrno>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "storage/fs/errno_status.h"
#include "storage/fs/faulty_fs.h"

namespace keelson::storage {
namespace {

constexpr int kInputOutputError = EIO;

uint64_t SpaceOf(uint64_t size) {
  return (size + FaultyInode::kPageBytes - 1) / FaultyInode::kPageBytes * FaultyInode::kPageBytes;
}

SurvivalOdds DrawOdds(PowerLossMode mode, const RandomFunction& random) {
  if (mode == PowerLossMode::kLoseAll) return {.lost = 256, .torn = 0};
  if (mode == PowerLossMode::kKeepAll) return {.lost = 0, .torn = 0};
  switch (random() % 5) {
    case 0:
      return {.lost = 256, .torn = 0};
    case 1:
      return {.lost = 0, .torn = 0};
    case 2:
      return {.lost = 128, .torn = 0};
    case 3:
      return {.lost = 0, .torn = 256};
    default:
      return {.lost = 80, .torn = 100};
  }
}

// How much of a write happens that is broken off: it ends on a sector.
uint64_t PartOfWrite(uint64_t offset, uint64_t wanted, const RandomFunction& random) {
  const uint64_t end = offset + random() % (wanted + 1);
  const uint64_t sector = end / FaultyInode::kSectorBytes * FaultyInode::kSectorBytes;
  return sector > offset ? sector - offset : 0;
}

}  // namespace

absl::Status FaultyFileSystem::PowerIsCut(std::string_view path) {
  return absl::DataLossError(
      absl::StrCat("'", std::string(path), "': the power is cut (simulated)"));
}

bool FaultyFileSystem::PlannedErrorHits(DiskOp op, std::string_view path) {
  bool hit = false;
  for (auto planned = planned_.begin(); planned != planned_.end();) {
    bool applies = planned->op == op && path.find(planned->path_part) != path.npos;
    if (applies && --planned->countdown == 0) {
      hit = true;
      planned = planned_.erase(planned);
    } else {
      ++planned;
    }
  }
  return hit;
}

FaultyFileSystem::Verdict FaultyFileSystem::Judge(DiskOp op, std::string_view path) {
  if (power_cut_) return Verdict::kPowerIsOff;
  const size_t kind = static_cast<size_t>(op);
  ++counters_.operations[kind];
  if (op != DiskOp::kRead && cut_armed_ && changes_until_cut_-- == 0) {
    cut_armed_ = false;
    power_cut_ = true;
    return Verdict::kPowerCutNow;
  }
  bool fails = PlannedErrorHits(op, path);
  if (error_odds_[kind] != 0 && random_() % error_odds_[kind] == 0) fails = true;
  if (!fails) return Verdict::kGo;
  ++counters_.injected_errors[kind];
  return Verdict::kError;
}

absl::Status FaultyFileSystem::Admit(DiskOp op, std::string_view what, std::string_view path) {
  switch (Judge(op, path)) {
    case Verdict::kGo:
      return absl::OkStatus();
    case Verdict::kError:
      return ErrnoStatus(kInputOutputError, what, path);
    case Verdict::kPowerCutNow:
    case Verdict::kPowerIsOff:
      break;
  }
  return PowerIsCut(path);
}

absl::Status FaultyFileSystem::WriteLocked(FaultyInode& inode, const std::string& path,
                                           uint64_t offset,
                                           std::span<const std::string_view> parts) {
  const Verdict verdict = Judge(DiskOp::kWrite, path);
  if (verdict == Verdict::kPowerIsOff) return PowerIsCut(path);
  uint64_t wanted = 0;
  for (std::string_view part : parts) wanted += part.size();
  uint64_t allowed = verdict == Verdict::kGo ? wanted : PartOfWrite(offset, wanted, random_);
  const uint64_t limit = GrowthLimit(inode, offset + allowed);
  const bool full = limit < offset + allowed;
  if (full) allowed = limit > offset ? limit - offset : 0;

  const uint64_t old_size = inode.size();
  uint64_t done = 0;
  for (std::string_view part : parts) {
    part = part.substr(0, std::min<uint64_t>(part.size(), allowed - done));
    inode.Write(offset + done, part);
    done += part.size();
  }
  counters_.bytes_written += done;
  Resized(inode, old_size);
  if (verdict == Verdict::kPowerCutNow) return PowerIsCut(path);
  const std::string what = absl::StrCat("write at ", offset);
  if (verdict == Verdict::kError) return ErrnoStatus(kInputOutputError, what, path);
  if (!full) return absl::OkStatus();
  ++counters_.full_errors;
  return ErrnoStatus(ENOSPC, what, path);
}

absl::Status FaultyFileSystem::SyncLocked(FaultyInode& inode, const std::string& path) {
  switch (Judge(DiskOp::kSync, path)) {
    case Verdict::kGo:
      break;
    case Verdict::kError:
      inode.PersistSomeAndForget(random_);
      return ErrnoStatus(kInputOutputError, "fsync", path);
    case Verdict::kPowerCutNow:
    case Verdict::kPowerIsOff:
      return PowerIsCut(path);
  }
  if (syncs_lie_) {
    ++counters_.lied_syncs;
  } else {
    inode.Persist();
  }
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::ResizeLocked(FaultyInode& inode, const std::string& path,
                                            uint64_t size) {
  const std::string what = absl::StrCat("resize to ", size);
  absl::Status status = Admit(DiskOp::kWrite, what, path);
  if (!status.ok()) return status;
  if (GrowthLimit(inode, size) < size) {
    ++counters_.full_errors;
    return ErrnoStatus(ENOSPC, what, path);
  }
  const uint64_t old_size = inode.size();
  inode.Resize(size);
  Resized(inode, old_size);
  return absl::OkStatus();
}

uint64_t FaultyFileSystem::Free() const {
  const uint64_t taken = used_ + taken_by_others_;
  return capacity_ > taken ? capacity_ - taken : 0;
}

uint64_t FaultyFileSystem::GrowthLimit(const FaultyInode& inode, uint64_t wanted) const {
  const uint64_t own = SpaceOf(inode.size());
  if (SpaceOf(wanted) <= own) return wanted;
  const uint64_t free = Free();
  if (SpaceOf(wanted) - own <= free) return wanted;
  return own + free / FaultyInode::kPageBytes * FaultyInode::kPageBytes;
}

void FaultyFileSystem::Resized(const FaultyInode& inode, uint64_t old_size) {
  used_ += SpaceOf(inode.size());
  KEELSON_CHECK(used_ >= SpaceOf(old_size), "no file frees more than it used");
  used_ -= SpaceOf(old_size);
}

void FaultyFileSystem::Released(const InodePtr& inode) {
  if (inode->links > 0 || inode->handles > 0) return;
  KEELSON_CHECK(used_ >= SpaceOf(inode->size()), "no file frees more than it used");
  used_ -= SpaceOf(inode->size());
}

void FaultyFileSystem::ForgetProcess() {
  ++generation_;
  locked_paths_.clear();
  cut_armed_ = false;
  power_cut_ = false;
  used_ = 0;
  names_.VisitFiles([this](FaultyInode& inode) {
    inode.handles = 0;
    used_ += SpaceOf(inode.size());
  });
}

void FaultyFileSystem::Crash() {
  std::lock_guard lock(mutex_);
  ++counters_.crashes;
  ForgetProcess();
}

void FaultyFileSystem::PowerLoss(PowerLossMode mode) {
  std::lock_guard lock(mutex_);
  ++counters_.power_losses;
  planned_.clear();
  names_.LosePower(random_, DrawOdds(mode, random_), &counters_.pages, &counters_.names);
  ForgetProcess();
}

void FaultyFileSystem::FailNth(DiskOp op, uint64_t nth, std::string_view path_part) {
  KEELSON_CHECK(nth > 0, "the first coming operation is number 1");
  std::lock_guard lock(mutex_);
  planned_.push_back({op, nth, std::string(path_part)});
}

void FaultyFileSystem::SetErrorOdds(DiskOp op, uint64_t one_in) {
  std::lock_guard lock(mutex_);
  error_odds_[static_cast<size_t>(op)] = one_in;
}

void FaultyFileSystem::CutPowerAfter(uint64_t changes) {
  std::lock_guard lock(mutex_);
  cut_armed_ = true;
  changes_until_cut_ = changes;
}

void FaultyFileSystem::Repair() {
  std::lock_guard lock(mutex_);
  planned_.clear();
  error_odds_.fill(0);
  cut_armed_ = false;
}

bool FaultyFileSystem::power_is_cut() const {
  std::lock_guard lock(mutex_);
  return power_cut_;
}

void FaultyFileSystem::SetCapacity(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

void FaultyFileSystem::LeaveFree(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  taken_by_others_ = 0;
  taken_by_others_ = Free() - std::min(Free(), bytes);
}

void FaultyFileSystem::SetSyncsLie(bool lie) {
  std::lock_guard lock(mutex_);
  syncs_lie_ = lie;
}

absl::Status FaultyFileSystem::FlipBit(const std::string& path, uint64_t bit) {
  std::lock_guard lock(mutex_);
  InodePtr inode = names_.Find(path);
  if (inode == nullptr || inode->is_directory) return ErrnoStatus(ENOENT, "bit flip", path);
  if (bit / 8 >= inode->size()) {
    return absl::OutOfRangeError(absl::StrCat("'", path, "' has no bit ", bit));
  }
  inode->FlipBit(bit);
  ++counters_.bits_flipped;
  return absl::OkStatus();
}

DiskCounters FaultyFileSystem::counters() const {
  std::lock_guard lock(mutex_);
  return counters_;
}

uint64_t FaultyFileSystem::UsedBytes() const {
  std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace keelson::storage
