// The job that keeps segments ready: recycles released ones, makes new ones, removes the rest.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "storage/wal/segment.h"

namespace keelson::storage {

// Made by Wal::TakeUpkeep on the loop, run once on any thread (beside log writes), given back by
// Wal::UpkeepDone on the loop, also after an error. Shares no state with the Wal.
class WalUpkeep {
 public:
  // Blocks. ResourceExhausted = the disk is full, ask again later. Every other error ends the log.
  absl::Status Run();

 private:
  friend class Wal;

  struct Task {
    std::shared_ptr<Segment> old_segment;  // null: make a fresh one
    bool recycle = false;                  // with an old one: keep its file as a spare
    SegmentPlan plan;
  };

  WalUpkeep(FileSystem* fs, std::string dir) : fs_(fs), dir_(std::move(dir)) {}
  absl::Status RunTask(const Task& task);

  FileSystem* const fs_;
  const std::string dir_;
  std::vector<Task> tasks_;  // in this order: names must go oldest first
  size_t done_ = 0;
  std::vector<std::shared_ptr<Segment>> ready_;
  absl::Status status_;
};

}  // namespace keelson::storage
