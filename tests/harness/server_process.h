// One member of a cluster under test, as a real process: Debian's etcd or kvd. Both take the same
// flags.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/harness/process.h"

namespace keelson::testing {

// The server that tests run against: $KEELSON_TEST_SERVER (a path or a name in $PATH), else "etcd".
// Nullopt if etcd is not installed: such tests skip, loudly. One that was named and is not there
// ends the test instead.
std::optional<std::string> FindServerBinary();

// What a test prints when it skips.
std::string MissingServerMessage();

// The full path of a program in $PATH (or of a path itself), if it can be run.
std::optional<std::string> FindProgram(const std::string& name);

struct ServerConfig {
  std::string binary = {};
  std::string name = {};
  std::string data_dir = {};
  std::string log_path = {};
  int client_port = 0;
  int peer_port = 0;
  std::string initial_cluster = {};  // "m0=http://127.0.0.1:1234,..."
  std::string initial_cluster_state = "new";
  std::string cluster_token = "keelson-test";
  std::vector<std::string> extra_flags = {};
};

// Not thread-safe. Its end ends the member.
class ServerProcess {
 public:
  explicit ServerProcess(ServerConfig config) : config_(std::move(config)) {}

  // Starts the process; does not wait until it serves. REQUIRES: not running.
  absl::Status Start();

  // Waits until the member says it is healthy (GET /health), which takes a quorum.
  absl::Status WaitHealthy(absl::Duration timeout);

  // Waits until the client port answers at all; possible without a quorum.
  absl::Status WaitListening(absl::Duration timeout);

  // kill -9 and reaped.
  void Kill();
  // SIGTERM.
  void Stop();
  // SIGSTOP: its connections stay open and nothing answers. And SIGCONT.
  void Pause();
  void Resume();

  bool IsRunning() { return process_ && process_->IsRunning(); }
  pid_t pid() const { return process_ ? process_->pid() : -1; }

  const ServerConfig& config() const { return config_; }
  ServerConfig& mutable_config() { return config_; }
  // "127.0.0.1:port"
  std::string endpoint() const;
  // "http://127.0.0.1:port"
  std::string peer_url() const;
  // The last lines of the member's log.
  std::string LogTail(size_t max_bytes = 4000) const;

 private:
  absl::Status WaitFor(const char* what, absl::Duration timeout, bool healthy);

  ServerConfig config_;
  std::optional<Process> process_;
};

}  // namespace keelson::testing
