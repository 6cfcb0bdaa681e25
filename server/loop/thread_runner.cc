#include "server/loop/thread_runner.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"

namespace keelson::server {
namespace {

int64_t MonotonicNanos() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// Best effort: without the right to do so the lane just runs like the others.
void LowerPriorityOfThisThread() {
  constexpr int kNice = 10;
  constexpr int kIoprioWhoProcess = 1;
  constexpr int kIoprioBestEffortLowest = (2 << 13) | 7;  // class best effort, level 7
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  (void)setpriority(PRIO_PROCESS, thread, kNice);
  (void)syscall(SYS_ioprio_set, kIoprioWhoProcess, thread, kIoprioBestEffortLowest);
}

}  // namespace

class ThreadRunner::LaneThread {
 public:
  LaneThread(Loop& loop, std::string name, bool low_priority)
      : loop_(loop), name_(std::move(name)), low_priority_(low_priority) {}

  void Start() {
    KEELSON_CHECK(!thread_.joinable(), "a lane starts once");
    stopping_ = false;
    thread_ = std::thread([this] { Main(); });
  }

  void Stop() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_one();
    thread_.join();
  }

  void Enqueue(std::function<void()> work, std::function<void()> done) {
    KEELSON_CHECK(thread_.joinable(), "jobs only between Start and Stop");
    bool wake = false;
    {
      std::lock_guard lock(mutex_);
      jobs_.push_back({std::move(work), std::move(done), MonotonicNanos()});
      wake = std::exchange(waiting_, false);
    }
    // Outside the lock, so that the woken thread does not run into it.
    if (wake) ready_.notify_one();
  }

  LaneStats Stats() const {
    return {jobs_done_.load(), handoff_nanos_.load(), max_handoff_nanos_.load(),
            busy_nanos_.load()};
  }

 private:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;
    int64_t queued_at = 0;
  };

  void Main() {
    pthread_setname_np(pthread_self(), name_.c_str());
    if (low_priority_) LowerPriorityOfThisThread();
    while (true) {
      Job job;
      {
        std::unique_lock lock(mutex_);
        while (jobs_.empty()) {
          if (stopping_) return;
          waiting_ = true;
          ready_.wait(lock);
          waiting_ = false;
        }
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      Execute(std::move(job));
    }
  }

  void Execute(Job job) {
    const int64_t started = MonotonicNanos();
    job.work();
    // Whatever the work holds is released here, not on the loop.
    job.work = nullptr;
    const auto busy = static_cast<uint64_t>(MonotonicNanos() - started);
    const auto handoff = static_cast<uint64_t>(started - job.queued_at);
    jobs_done_.fetch_add(1);
    handoff_nanos_.fetch_add(handoff);
    busy_nanos_.fetch_add(busy);
    if (handoff > max_handoff_nanos_.load()) max_handoff_nanos_.store(handoff);
    loop_.Post(std::move(job.done));
  }

  Loop& loop_;
  const std::string name_;
  const bool low_priority_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;  // guarded by mutex_, as are the two below
  bool waiting_ = false;  // the thread sleeps and nobody has woken it yet
  bool stopping_ = false;

  // Written by the lane's thread only.
  std::atomic<uint64_t> jobs_done_ = 0;
  std::atomic<uint64_t> handoff_nanos_ = 0;
  std::atomic<uint64_t> max_handoff_nanos_ = 0;
  std::atomic<uint64_t> busy_nanos_ = 0;
};

ThreadRunner::ThreadRunner(Loop& loop)
    : lanes_{std::make_unique<LaneThread>(loop, "kvd-wal", false),
             std::make_unique<LaneThread>(loop, "kvd-store", true),
             std::make_unique<LaneThread>(loop, "kvd-read", false),
             std::make_unique<LaneThread>(loop, "kvd-apply", false),
             std::make_unique<LaneThread>(loop, "kvd-json", false)} {}

ThreadRunner::~ThreadRunner() { Stop(); }

void ThreadRunner::Start() {
  for (const auto& lane : lanes_) lane->Start();
}

void ThreadRunner::Stop() {
  for (const auto& lane : lanes_) lane->Stop();
}

void ThreadRunner::Run(Lane lane, std::function<void()> work, std::function<void()> done) {
  ThreadOf(lane).Enqueue(std::move(work), std::move(done));
}

ThreadRunner::LaneStats ThreadRunner::Stats(Lane lane) const { return ThreadOf(lane).Stats(); }

ThreadRunner::LaneThread& ThreadRunner::ThreadOf(Lane lane) const {
  return *lanes_[static_cast<size_t>(lane)];
}

}  // namespace keelson::server
