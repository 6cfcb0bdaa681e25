// A disk in memory that fails on request: the twin of PosixFileSystem for tests and the simulator.
//
// It models what a program may not rely on: unsynced pages (4 KiB) are lost, kept or torn by
// sectors (512 bytes) in any combination, unsynced names are lost, a failed sync leaves pages that
// read well and are gone after the next power loss, a full disk takes a part of a write, the
// medium flips bits, a controller lies about syncs.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "storage/fs/faulty_inode.h"
#include "storage/fs/faulty_namespace.h"
#include "storage/fs/fs.h"

namespace keelson::storage {

enum class DiskOp {
  kRead,
  kWrite,  // WriteAt, Allocate, Truncate
  kSync,   // Sync, DataSync, and each WriteAt under SyncMethod::kDsync
  kSyncDirectory,
  kName,  // create, rename, link, remove, make a directory
};
inline constexpr size_t kDiskOps = 5;

enum class PowerLossMode {
  kRandom,   // a random share of the unsynced changes survives
  kLoseAll,  // only what was synced survives
  kKeepAll,  // everything survives
};

// What was done and which faults were hit since the file system was made.
struct DiskCounters {
  std::array<uint64_t, kDiskOps> operations{};
  std::array<uint64_t, kDiskOps> injected_errors{};
  uint64_t bytes_written = 0;
  uint64_t full_errors = 0;
  uint64_t power_losses = 0;
  uint64_t crashes = 0;
  uint64_t lied_syncs = 0;
  uint64_t bits_flipped = 0;
  uint64_t stale_handle_uses = 0;
  SurvivalCounts pages;
  NameCounts names;
};

// Deterministic: the same calls in the same order with the same random function end the same.
// Any thread. Must outlive the files and locks it handed out. Directories come into being with
// CreateDirectories; the root exists.
class FaultyFileSystem : public FileSystem {
 public:
  // `random` is called under the lock and must not call back.
  explicit FaultyFileSystem(RandomFunction random);
  ~FaultyFileSystem() override;

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode,
                                             SyncMethod method = SyncMethod::kFdatasync) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveAll(const std::string& path) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::StatusOr<bool> Exists(const std::string& path) override;
  absl::StatusOr<uint64_t> FreeBytes(const std::string& path) override;
  absl::StatusOr<uint64_t> TotalBytes(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

  // SIGKILL: what was written stays. Open files fail from now on, locks are free.
  void Crash();
  // Power loss: what wasn't synced may be gone. Open files fail from now on, locks are free. Ends
  // the outage that CutPowerAfter began, and drops the errors that are still to be injected.
  void PowerLoss(PowerLossMode mode = PowerLossMode::kRandom);

  // The `nth` coming operation of that kind (1: the next) on a path that contains `path_part`
  // fails with an I/O error. A failed sync makes some pages durable and forgets the others.
  void FailNth(DiskOp op, uint64_t nth, std::string_view path_part = "");
  // Each operation of that kind fails with one chance in `one_in`; 0: never.
  void SetErrorOdds(DiskOp op, uint64_t one_in);
  // After `changes` more operations that change the disk (all kinds but kRead) the power is gone: a
  // write under way is done in part, then everything fails until PowerLoss() or Crash().
  void CutPowerAfter(uint64_t changes);
  bool power_is_cut() const;
  // No error and no cut is planned any more. An outage that has begun goes on.
  void Repair();
  // The disk has this many bytes in all. Unlimited at first.
  void SetCapacity(uint64_t bytes);
  // Others, who keep it, fill the disk until so many bytes are free. UINT64_MAX: they give it back.
  void LeaveFree(uint64_t bytes);
  // Syncs answer OK and do nothing.
  void SetSyncsLie(bool lie);
  // Damages the medium under one bit. NotFound, OutOfRange.
  absl::Status FlipBit(const std::string& path, uint64_t bit);

  DiskCounters counters() const;
  uint64_t UsedBytes() const;

 private:
  friend class FaultyFile;
  friend class FaultyLock;
  using InodePtr = FaultyNamespace::InodePtr;

  struct PlannedError {
    DiskOp op;
    uint64_t countdown;
    std::string path_part;
  };

  enum class Verdict { kGo, kError, kPowerCutNow, kPowerIsOff };

  static absl::Status PowerIsCut(std::string_view path);
  // Counts the operation and decides whether it takes place.
  Verdict Judge(DiskOp op, std::string_view path);
  bool PlannedErrorHits(DiskOp op, std::string_view path);
  // Judge for operations that fail without a trace.
  absl::Status Admit(DiskOp op, std::string_view what, std::string_view path);
  absl::StatusOr<std::unique_ptr<File>> OpenLocked(const std::string& path, OpenMode mode,
                                                   SyncMethod method);
  absl::Status WriteLocked(FaultyInode& inode, const std::string& path, uint64_t offset,
                           std::span<const std::string_view> parts);
  absl::Status SyncLocked(FaultyInode& inode, const std::string& path);
  absl::Status ResizeLocked(FaultyInode& inode, const std::string& path, uint64_t size);
  uint64_t Free() const;
  // How far a file may grow: less than `wanted` on a full disk.
  uint64_t GrowthLimit(const FaultyInode& inode, uint64_t wanted) const;
  void Resized(const FaultyInode& inode, uint64_t old_size);
  void Released(const InodePtr& inode);
  void ForgetProcess();
  void RemoveTree(const InodePtr& dir, std::string_view name);
  absl::StatusOr<InodePtr> FindDirectory(std::string_view what, const std::string& path) const;

  mutable std::mutex mutex_;
  const RandomFunction random_;
  FaultyNamespace names_;
  uint64_t generation_ = 0;  // a handle of an older one is stale
  std::vector<std::string> locked_paths_;
  uint64_t capacity_;
  uint64_t used_ = 0;
  uint64_t taken_by_others_ = 0;
  bool syncs_lie_ = false;
  bool cut_armed_ = false;
  bool power_cut_ = false;
  uint64_t changes_until_cut_ = 0;
  std::array<uint64_t, kDiskOps> error_odds_{};
  std::vector<PlannedError> planned_;
  DiskCounters counters_;
};

}  // namespace keelson::storage
