// A child process that a test owns: started, signalled, killed and reaped by its pid.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keelson::testing {

// Not thread-safe. Processes die with the test (PR_SET_PDEATHSIG): start them from a thread that
// lives as long as they should.
class Process {
 public:
  // Runs argv[0] (found in $PATH) with output and errors appended to `log_path`.
  static absl::StatusOr<Process> Start(const std::vector<std::string>& argv,
                                       const std::string& log_path);
  // Kills what still runs.
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  pid_t pid() const { return pid_; }

  // Whether it has not ended; reaps it if it has.
  bool IsRunning();

  // Sends a signal; nothing happens to an ended process.
  void Signal(int signal);

  // SIGKILL, and waits for the end: afterwards its ports and files are free.
  void Kill();

  // SIGTERM, then SIGKILL after `patience`.
  void Terminate(absl::Duration patience);

  // The exit status as waitpid gave it, once ended.
  std::optional<int> wait_status() const { return wait_status_; }

 private:
  explicit Process(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<int> wait_status_;
};

// Runs a command to its end and gives what it wrote, with its exit code (-1: killed by a signal, or
// not ended within `timeout`, when it is killed).
struct CommandResult {
  int exit_code = -1;
  std::string out = {};
  std::string err = {};
};
struct CommandOptions {
  std::string input = {};
  std::vector<std::string> environment = {};  // "NAME=value", besides the present one
  absl::Duration timeout = absl::Seconds(30);
  // Kills the command, too, once this holds of what it has written: for commands without an end.
  std::function<bool(const std::string& out)> until = {};
};
CommandResult RunCommand(const std::vector<std::string>& argv, const CommandOptions& options = {});

}  // namespace keelson::testing
