#include "storage/mvcc/rocks_env.h"

#include <utility>

#include "rocksdb/file_system.h"
#include "rocksdb/system_clock.h"

namespace keelson::storage {
namespace {

// What RocksDB writes into its files must not depend on when it runs.
class StoppedClock : public rocksdb::SystemClock {
 public:
  const char* Name() const override { return "StoppedClock"; }
  uint64_t NowMicros() override { return kSeconds * 1'000'000; }
  void SleepForMicroseconds(int) override {}
  rocksdb::Status GetCurrentTime(int64_t* seconds) override {
    *seconds = kSeconds;
    return rocksdb::Status::OK();
  }
  std::string TimeToString(uint64_t) override { return "-"; }

 private:
  static constexpr int64_t kSeconds = 1'700'000'000;
};

}  // namespace

namespace {

std::shared_ptr<rocksdb::FileSystem> OrDefault(std::shared_ptr<rocksdb::FileSystem> fs) {
  return fs != nullptr ? std::move(fs) : rocksdb::FileSystem::Default();
}

}  // namespace

// RocksDB reaches files both through the environment's own methods (the wrapped one's) and through
// its file system: both must lead to `fs`.
RocksEnv::RocksEnv(std::shared_ptr<rocksdb::FileSystem> fs, bool manual)
    : EnvWrapper(rocksdb::NewCompositeEnv(OrDefault(fs))), manual_(manual) {
  file_system_ = OrDefault(std::move(fs));
  system_clock_ = manual ? std::make_shared<StoppedClock>() : rocksdb::SystemClock::Default();
}

RocksEnv::~RocksEnv() = default;

RocksEnv::Queue* RocksEnv::QueueOf(Priority priority) {
  if (priority == Priority::HIGH) return &flushes_;
  return manual_ && priority == Priority::LOW ? &compactions_ : nullptr;
}

const RocksEnv::Queue* RocksEnv::QueueOf(Priority priority) const {
  return const_cast<RocksEnv*>(this)->QueueOf(priority);
}

void RocksEnv::Schedule(void (*function)(void*), void* arg, Priority priority, void* tag,
                        void (*unschedule)(void*)) {
  {
    const std::lock_guard lock(mutex_);
    Queue* queue = QueueOf(priority);
    if (queue == nullptr && priority == Priority::LOW && paused_) queue = &compactions_;
    if (queue != nullptr) return queue->push_back({function, arg, tag, unschedule});
  }
  EnvWrapper::Schedule(function, arg, priority, tag, unschedule);
}

int RocksEnv::RemoveFrom(Queue* queue, void* tag) {
  Queue removed;
  {
    const std::lock_guard lock(mutex_);
    Queue kept;
    for (const Work& work : *queue) (work.tag == tag ? removed : kept).push_back(work);
    *queue = std::move(kept);
  }
  for (const Work& work : removed) {
    if (work.unschedule != nullptr) work.unschedule(work.arg);
  }
  return static_cast<int>(removed.size());
}

int RocksEnv::UnSchedule(void* tag, Priority priority) {
  if (Queue* queue = QueueOf(priority)) return RemoveFrom(queue, tag);
  const int held = priority == Priority::LOW ? RemoveFrom(&compactions_, tag) : 0;
  return held + EnvWrapper::UnSchedule(tag, priority);
}

void RocksEnv::PauseCompactions(bool paused) {
  Queue held;
  {
    const std::lock_guard lock(mutex_);
    paused_ = paused;
    if (!paused && !manual_) held.swap(compactions_);
  }
  for (const Work& work : held) {
    EnvWrapper::Schedule(work.function, work.arg, Priority::LOW, work.tag, work.unschedule);
  }
}

unsigned int RocksEnv::GetThreadPoolQueueLen(Priority priority) const {
  const Queue* queue = QueueOf(priority);
  if (queue == nullptr) return EnvWrapper::GetThreadPoolQueueLen(priority);
  const std::lock_guard lock(mutex_);
  return static_cast<unsigned int>(queue->size());
}

int RocksEnv::GetBackgroundThreads(Priority priority) {
  return QueueOf(priority) == nullptr ? EnvWrapper::GetBackgroundThreads(priority) : 1;
}

void RocksEnv::SetBackgroundThreads(int number, Priority priority) {
  if (QueueOf(priority) == nullptr) EnvWrapper::SetBackgroundThreads(number, priority);
}

void RocksEnv::IncBackgroundThreadsIfNeeded(int number, Priority priority) {
  if (QueueOf(priority) == nullptr) EnvWrapper::IncBackgroundThreadsIfNeeded(number, priority);
}

bool RocksEnv::RunOne(Queue* queue) {
  Work work;
  {
    const std::lock_guard lock(mutex_);
    if (queue->empty()) return false;
    work = queue->front();
    queue->pop_front();
  }
  work.function(work.arg);
  return true;
}

void RocksEnv::RunFlushes() {
  while (RunOne(&flushes_)) {
  }
}

bool RocksEnv::RunOneCompaction() { return RunOne(&compactions_); }

bool RocksEnv::HasCompactions() const {
  const std::lock_guard lock(mutex_);
  return manual_ && !paused_ && !compactions_.empty();
}

}  // namespace keelson::storage
