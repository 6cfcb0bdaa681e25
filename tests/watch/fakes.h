// The world around a WatchHub, all in memory and driven by the test.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/etcd/rpc.pb.h"
#include "server/node/seams.h"
#include "server/watch/watch_hub.h"
#include "storage/mvcc/read_view.h"

namespace keelson::server {

class FakeLoop final : public Loop {
 public:
  Instant Now() const override { return now_; }
  uint64_t BootNanos() const override { return static_cast<uint64_t>(now_.nanos); }
  uint64_t LiveMicros() const override { return BootNanos() / 1000; }
  TimerId After(Duration delay, std::function<void()> task) override;
  void Cancel(TimerId timer) override;
  void Post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }

  // Runs the tasks that are queued now; those that they queue wait. Returns whether there were any.
  bool RunTurn();
  // Lets time pass; timers that come due run in order.
  void Pass(Duration time);
  size_t timers() const { return timers_.size(); }

 private:
  Instant now_{1'000'000'000};
  std::deque<std::function<void()>> tasks_;
  std::map<std::pair<Instant, TimerId>, std::function<void()>> timers_;
  TimerId last_timer_ = 0;
};

// Holds jobs back until the test lets them run.
class FakeRunner final : public Runner {
 public:
  explicit FakeRunner(FakeLoop* loop) : loop_(loop) {}
  void Run(Lane lane, std::function<void()> work, std::function<void()> done) override;
  // Runs the oldest job; its `done` is posted. Returns whether there was one.
  bool RunOne();
  size_t waiting() const { return jobs_.size(); }

 private:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;
  };
  FakeLoop* loop_;
  std::deque<Job> jobs_;
};

// A store whose history is a vector that only grows; a compaction moves a mark.
class FakeStore {
 public:
  struct Op {
    std::string key;
    std::optional<std::string> value;  // nullopt deletes
    int64_t lease = 0;
  };

  // One revision. Returns its changes; none where nothing changed.
  std::vector<storage::Change> Apply(const std::vector<Op>& ops);
  void Compact(int64_t revision) { compacted_ = revision; }

  int64_t revision() const { return revision_; }
  int64_t compacted() const { return compacted_; }
  const std::vector<storage::Change>& history() const { return *history_; }
  storage::ReadViewPtr View() const;

  // Makes reads of history fail from now on.
  void Break() { *broken_ = true; }
  // Cursors opened so far.
  int opened() const { return *opened_; }

 private:
  int64_t revision_ = 1;
  int64_t compacted_ = 0;
  std::map<std::string, storage::KeyValuePtr> live_;
  std::shared_ptr<std::vector<storage::Change>> history_ =
      std::make_shared<std::vector<storage::Change>>();
  std::shared_ptr<bool> broken_ = std::make_shared<bool>(false);
  std::shared_ptr<int> opened_ = std::make_shared<int>(0);
};

// Decodes what is sent, and takes in only so much until the test reads.
class FakeSink final : public WatchSink {
 public:
  void Send(SharedBody body) override;
  bool Writable() const override { return stuck_bytes_ < capacity_; }
  void End(const absl::Status& status) override { ended_ = status; }

  // From now on everything that is sent stays in the pipe, which is full at `capacity` bytes.
  void Stick(size_t capacity) {
    stuck_ = true;
    capacity_ = capacity;
  }
  // Empties the pipe. The test then calls WatchHub::OnWritable.
  void Unstick() {
    stuck_ = false;
    stuck_bytes_ = 0;
    capacity_ = SIZE_MAX;
  }

  std::deque<etcdserverpb::WatchResponse> responses;
  std::vector<std::shared_ptr<const std::string>> tails;
  const std::optional<absl::Status>& ended() const { return ended_; }

 private:
  bool stuck_ = false;
  bool in_fragments_ = false;  // the rest of the last response is to follow
  size_t stuck_bytes_ = 0;
  size_t capacity_ = SIZE_MAX;
  std::optional<absl::Status> ended_;
};

}  // namespace keelson::server
