#include "server/node/store_keeper.h"

#include <iterator>
#include <utility>
#include <vector>

#include "base/check.h"
#include "storage/mvcc/mutants.h"

namespace keelson::server {

StoreKeeper::StoreKeeper(std::function<storage::MvccStore&()> store, Runner* runner,
                         uint64_t flush_after_bytes, bool manual_background, Events events)
    : store_(std::move(store)),
      runner_(runner),
      flush_after_bytes_(flush_after_bytes),
      manual_background_(manual_background),
      events_(std::move(events)) {}

void StoreKeeper::AfterApply() {
  if (store_().unflushed_bytes() >= flush_after_bytes_) flush_wanted_ = true;
  if (!busy_) StartNext();
}

void StoreKeeper::AfterCompaction() {
  flush_wanted_ = true;
  drop_wanted_ = true;
  if (!busy_) StartNext();
}

void StoreKeeper::FlushNow(std::function<void()> done) {
  flush_wanted_ = true;
  after_flush_.push_back(std::move(done));
  if (!busy_) StartNext();
}

void StoreKeeper::Retry() {
  if (!busy_) StartNext();
}

void StoreKeeper::FoundSpent() {
  if (std::exchange(spent_, true)) return;
  // Who waits for the flush that failed waits for the first one of the next store.
  flush_wanted_ = true;
  std::move(in_this_flush_.begin(), in_this_flush_.end(), std::back_inserter(after_flush_));
  in_this_flush_.clear();
  events_.on_spent();
}

void StoreKeeper::BeginReplacing() {
  KEELSON_CHECK(free_to_replace(), "a spent store is replaced when nothing runs on it");
  busy_ = replacing_ = true;
}

void StoreKeeper::ReplacingFailed() {
  if (std::exchange(replacing_, false)) busy_ = false;
  StartNext();
}

void StoreKeeper::Replaced() {
  if (std::exchange(replacing_, false)) busy_ = false;
  spent_ = false;
  drop_wanted_ = true;  // what was dropped on the former one may be there again
  AfterApply();
}

void StoreKeeper::WhenFree(std::function<void()> task) {
  if (!busy()) return task();
  when_free_.push_back(std::move(task));
}

void StoreKeeper::RunJob(std::unique_ptr<storage::BackgroundJob> job, std::function<void()> then) {
  KEELSON_CHECK(!busy_, "one job at a time");
  busy_ = true;
  auto status = std::make_shared<absl::Status>();
  std::shared_ptr<storage::BackgroundJob> shared = std::move(job);
  runner_->Run(
      Runner::Lane::kStore, [shared, status] { *status = shared->Run(); },
      [this, status, then = std::move(then)] {
        busy_ = false;
        if (status->ok() && then) then();
        Finished(*status);
      });
}

void StoreKeeper::StartFlush() {
  flush_wanted_ = false;
  auto job = store_().StartFlush();
  if (!job.ok()) return Finished(job.status());
  in_this_flush_ = std::exchange(after_flush_, {});
  if (*job == nullptr) return Flushed();
  RunJob(*std::move(job), [this] { Flushed(); });
}

void StoreKeeper::Flushed() {
  const auto flushed = store_().flushed_applied();
  if (!flushed.ok()) {
    failed_ = true;
    return events_.on_failed(flushed.status());
  }
  events_.on_flushed(*flushed);
  for (const auto& callback : std::exchange(in_this_flush_, {})) callback();
}

void StoreKeeper::Finished(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    FoundSpent();
  } else if (!status.ok()) {
    failed_ = true;
    return events_.on_failed(status);
  }
  if (!busy_ && !failed_) StartNext();
}

void StoreKeeper::LetGo() {
  held_ = false;
  if (!busy_) StartNext();
}

void StoreKeeper::StartNext() {
  if (failed_ || held_) return;
  auto free_tasks = std::exchange(when_free_, {});
  for (auto& task : free_tasks) task();
  if (busy_ || spent_) return;
  const bool drop_first = storage::kMutantDropBeforeFlush && drop_wanted_;
  if (flush_wanted_ && !drop_first && events_.has_room(store_().flush_bytes())) {
    StartFlush();
    if (busy_ || spent_) return;
  }
  if (drop_wanted_) {
    drop_wanted_ = false;
    if (auto job = store_().StartDropHistory(); job != nullptr) return RunJob(std::move(job), {});
  }
  if (manual_background_) {
    if (auto job = store_().StartCompaction(); job != nullptr) RunJob(std::move(job), {});
  }
}

}  // namespace keelson::server
