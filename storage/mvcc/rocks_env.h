// RocksDB's environment with its work queues in our hands.
//
// Flushes never run on a thread of RocksDB: what it schedules waits in a queue until RunFlushes is
// called, by the job that the store handed out. With `manual` the same holds for compactions, and
// time stands still: RocksDB then starts no thread at all and does the same in every run.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "rocksdb/env.h"

namespace keelson::storage {

// Any thread. Must outlive the databases opened with it.
class RocksEnv : public rocksdb::EnvWrapper {
 public:
  // `fs` null: RocksDB's own POSIX file system.
  RocksEnv(std::shared_ptr<rocksdb::FileSystem> fs, bool manual);
  ~RocksEnv() override;
  const char* Name() const override { return "KeelsonEnv"; }

  // Runs scheduled flushes on this thread until none waits.
  void RunFlushes();
  // Runs one scheduled compaction; false where none waits. Always false unless manual.
  bool RunOneCompaction();
  bool HasCompactions() const;
  // Compactions that are scheduled while paused wait until they are no longer.
  void PauseCompactions(bool paused);

  void Schedule(void (*function)(void*), void* arg, Priority priority, void* tag,
                void (*unschedule)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;
  unsigned int GetThreadPoolQueueLen(Priority priority) const override;
  int GetBackgroundThreads(Priority priority) override;
  void SetBackgroundThreads(int number, Priority priority) override;
  void IncBackgroundThreadsIfNeeded(int number, Priority priority) override;

 private:
  struct Work {
    void (*function)(void*);
    void* arg;
    void* tag;
    void (*unschedule)(void*);
  };
  using Queue = std::deque<Work>;

  // Null where the work belongs to RocksDB's own threads.
  Queue* QueueOf(Priority priority);
  const Queue* QueueOf(Priority priority) const;
  bool RunOne(Queue* queue);
  int RemoveFrom(Queue* queue, void* tag);

  const bool manual_;
  mutable std::mutex mutex_;
  Queue flushes_;  // these are under mutex_
  Queue compactions_;
  bool paused_ = false;
};

}  // namespace keelson::storage
