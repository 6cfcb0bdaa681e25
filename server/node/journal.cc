#include "server/node/journal.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "base/check.h"

namespace keelson::server {

Journal::Journal(storage::Wal* wal, Runner* runner, const Loop* loop, Events events)
    : wal_(wal), runner_(runner), loop_(loop), events_(std::move(events)) {}

void Journal::Add(raft::PersistBatch batch, std::vector<raft::Message> after) {
  KEELSON_CHECK(batch.seq == last_added_ + 1, "batches come in order");
  last_added_ = batch.seq;
  if (!after.empty()) waiting_.push_back({batch.seq, std::move(after)});
  if (marker_done_ && batch.hard_state) {
    batch.hard_state->commit = std::max(batch.hard_state->commit, marker_commit_);
  }
  wal_->Append(std::move(batch));
  ReleaseCompleted();
}

void Journal::Retry() {
  waits_for_room_ = false;
  Kick();
}

void Journal::Kick() {
  if (writing_since_ || waits_for_room_) return;
  auto job = wal_->TakeWrite();
  if (job == nullptr) return;
  writing_since_ = loop_->Now();
  // The runner's functions are copied, the job is not.
  auto held = std::make_shared<Write>();
  held->job = std::move(job);
  runner_->Run(
      Runner::Lane::kWal,
      [held, loop = loop_] {
        const uint64_t began = loop->LiveMicros();
        (void)held->job->Run();
        held->took = std::chrono::microseconds(loop->LiveMicros() - began);
      },
      [this, held] { Written(std::move(*held)); });
}

void Journal::Upkeep(storage::Wal::Growth growth) {
  auto job = wal_->TakeUpkeep(growth);
  if (job == nullptr) return;
  auto held = std::make_shared<std::unique_ptr<storage::WalUpkeep>>(std::move(job));
  runner_->Run(
      Runner::Lane::kStore, [held] { (void)(*held)->Run(); },
      [this, held] {
        const absl::Status status = wal_->UpkeepDone(std::move(*held));
        if (!status.ok() && !absl::IsResourceExhausted(status)) events_.on_failed(status);
      });
}

void Journal::Written(Write write) {
  writing_since_.reset();
  const absl::Status status = wal_->WriteDone(std::move(write.job));
  if (absl::IsResourceExhausted(status)) {
    waits_for_room_ = true;
    return events_.on_no_space();
  }
  if (!status.ok()) return events_.on_failed(status);
  events_.on_synced(write.took);
  if (marker_done_) std::exchange(marker_done_, nullptr)();
  ReleaseCompleted();
}

void Journal::ReleaseCompleted() {
  const uint64_t complete = wal_->complete_seq();
  if (complete > completed_) {
    completed_ = complete;
    std::vector<raft::Message> messages;
    while (!waiting_.empty() && waiting_.front().seq <= complete) {
      std::move(waiting_.front().after.begin(), waiting_.front().after.end(),
                std::back_inserter(messages));
      waiting_.pop_front();
    }
    events_.on_persisted(complete);
    if (!messages.empty()) events_.on_released(std::move(messages));
  }
  if (!idle()) return;
  auto tasks = std::exchange(when_idle_, {});
  for (auto& task : tasks) task();
}

void Journal::SaveMarker(raft::EntryId snapshot, const raft::HardState& hard_state,
                         std::function<void()> done) {
  KEELSON_CHECK(idle() && !marker_done_, "a marker comes after everything before it");
  wal_->SaveSnapshotMarker(snapshot, hard_state);
  marker_commit_ = hard_state.commit;
  marker_done_ = std::move(done);
  Kick();
}

void Journal::WhenIdle(std::function<void()> task) {
  if (idle()) return task();
  when_idle_.push_back(std::move(task));
}

}  // namespace keelson::server
