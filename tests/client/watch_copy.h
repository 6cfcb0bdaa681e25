// A copy of a range, kept by a watch, that checks each step of it: nothing missed, nothing twice.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/keelson/client.h"

namespace keelson::testing {

// Thread-safe. Lives until its watch has ended.
class WatchCopy : public std::enable_shared_from_this<WatchCopy> {
 public:
  explicit WatchCopy(std::unique_ptr<client::Watcher> watcher) : watcher_(std::move(watcher)) {}

  void Start() { Take(); }
  // Takes nothing until Resume, as an application that does something else.
  void Pause();
  void Resume();
  void Stop() { watcher_->Cancel(); }

  // What is wrong with what was delivered so far; empty: nothing.
  std::string Complaint() const;
  bool Equals(const std::vector<client::KeyValue>& pairs) const;
  int resyncs() const;

 private:
  struct Held {
    int64_t version = 0;
    int64_t mod_revision = 0;
    std::string value = {};
  };

  void Take();
  void Apply(const absl::StatusOr<client::WatchBatch>& batch);
  void ApplyChange(const client::WatchEvent& event);
  void ApplyState(const client::WatchBatch& batch);
  void EndState(int64_t revision);
  void Complain(const std::string& what, const client::WatchEvent& event);

  const std::unique_ptr<client::Watcher> watcher_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Held> held_;
  std::map<std::string, Held> state_;  // of the resynchronization under way
  bool in_state_ = false;
  int64_t revision_ = 0;  // all up to it was delivered
  int resyncs_ = 0;
  bool ended_ = false;
  bool paused_ = false;
  bool idle_ = false;  // paused, and nothing is being waited for
  std::string complaint_;
};

}  // namespace keelson::testing
