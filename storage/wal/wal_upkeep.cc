#include "storage/wal/wal_upkeep.h"

#include <utility>

#include "base/check.h"

namespace keelson::storage {

absl::Status WalUpkeep::RunTask(const Task& task) {
  if (task.old_segment != nullptr && !task.recycle) {
    absl::Status status = fs_->Remove(task.old_segment->path());
    return status.ok() ? fs_->SyncDirectory(dir_) : status;
  }
  auto made =
      task.recycle ? RecycleSegment(task.plan, *task.old_segment) : MakeFreshSegment(task.plan);
  if (!made.ok()) return made.status();
  ready_.push_back(std::move(*made));
  return absl::OkStatus();
}

absl::Status WalUpkeep::Run() {
  KEELSON_CHECK(done_ == 0 && status_.ok(), "an upkeep job runs once");
  while (done_ < tasks_.size()) {
    status_ = RunTask(tasks_[done_]);
    if (!status_.ok()) break;
    ++done_;
  }
  return status_;
}

}  // namespace keelson::storage
