// Where log lines go: standard error, standard output, files; each by a thread of its own, so that
// a reader that is stuck holds up neither the caller nor the other outputs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace keelson::server {

// One output. Lines beyond the room of its queue are dropped, counted, and told of in a line once
// there is room again.
class LogOutput {
 public:
  static constexpr size_t kQueueBytes = 1 << 20;

  // Writes to `descriptor`, which is closed at the end where `owned`.
  LogOutput(int descriptor, bool owned);
  // Waits for the queue to empty, `kDrain` at most.
  ~LogOutput();
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;

  static constexpr std::chrono::milliseconds kDrain{500};

  // Any thread; never waits for the reader. `line` ends with a newline.
  void Write(std::string_view line);

 private:
  void Run();
  // Whether all was written before the drain's end.
  bool WriteOut(std::string_view text);
  bool GivenUp();

  const int descriptor_;
  const bool owned_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string queue_;
  uint64_t dropped_ = 0;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point give_up_;
  std::thread thread_;
};

class LogOutputs {
 public:
  // `names` as of --log-outputs: "default", "stderr", "stdout" or paths, separated by commas. Files
  // are appended to. The error names the file.
  static absl::StatusOr<std::unique_ptr<LogOutputs>> Open(const std::string& names);

  // Any thread.
  void Write(std::string_view line) const {
    for (const auto& output : outputs_) output->Write(line);
  }

 private:
  std::vector<std::unique_ptr<LogOutput>> outputs_;
};

}  // namespace keelson::server
