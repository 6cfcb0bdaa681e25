#include "tests/harness/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/harness/temp_dir.h"
#include "tests/harness/wait_until.h"

namespace keelson::testing {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Between fork and exec only async-signal-safe calls are allowed: everything is prepared before.
[[noreturn]] void RunChild(char* const* argv, int in, int out, int err, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execvp(argv[0], argv);
  _exit(127);
}

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& argv, int in, int out, int err) {
  KEELSON_CHECK(!argv.empty(), "a command needs a program");
  const std::vector<char*> pointers = Pointers(argv);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::InternalError(absl::StrCat("fork: ", strerror(errno)));
  if (pid == 0) RunChild(pointers.data(), in, out, err, parent);
  return pid;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

int OpenOrDie(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  KEELSON_CHECK(fd >= 0, "a test's own file can't be opened");
  return fd;
}

}  // namespace

absl::StatusOr<Process> Process::Start(const std::vector<std::string>& argv,
                                       const std::string& log_path) {
  const int null = OpenOrDie("/dev/null", O_RDONLY);
  const int log = OpenOrDie(log_path, O_CREAT | O_WRONLY | O_APPEND);
  const auto pid = Spawn(argv, null, log, log);
  close(null);
  close(log);
  if (!pid.ok()) return pid.status();
  return Process(*pid);
}

Process::~Process() {
  if (pid_ > 0) Kill();
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), wait_status_(other.wait_status_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  if (pid_ > 0) Kill();
  pid_ = std::exchange(other.pid_, -1);
  wait_status_ = other.wait_status_;
  return *this;
}

bool Process::IsRunning() {
  if (pid_ <= 0 || wait_status_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  wait_status_ = status;
  return false;
}

void Process::Signal(int signal) {
  if (IsRunning()) kill(pid_, signal);
}

void Process::Kill() {
  if (!IsRunning()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  wait_status_ = status;
}

void Process::Terminate(absl::Duration patience) {
  // A stopped process would not hear SIGTERM.
  Signal(SIGCONT);
  Signal(SIGTERM);
  WaitUntil(patience, [this] { return !IsRunning(); });
  Kill();
}

CommandResult RunCommand(const std::vector<std::string>& argv, const CommandOptions& options) {
  const TempDir dir;
  std::ofstream(dir.path() + "/in", std::ios::binary) << options.input;
  const int in = OpenOrDie(dir.path() + "/in", O_RDONLY);
  const int out = OpenOrDie(dir.path() + "/out", O_CREAT | O_WRONLY);
  const int err = OpenOrDie(dir.path() + "/err", O_CREAT | O_WRONLY);
  std::vector<std::string> command;
  if (!options.environment.empty()) {
    command.push_back("env");
    command.insert(command.end(), options.environment.begin(), options.environment.end());
  }
  command.insert(command.end(), argv.begin(), argv.end());
  const auto pid = Spawn(command, in, out, err);
  for (const int fd : {in, out, err}) close(fd);
  CommandResult result;
  if (!pid.ok()) return result;
  int status = 0;
  bool ended = false;
  WaitUntil(options.timeout, [&] {
    ended = waitpid(*pid, &status, WNOHANG) == *pid;
    return ended || (options.until && options.until(ReadFile(dir.path() + "/out")));
  });
  if (!ended) {
    kill(*pid, SIGKILL);
    waitpid(*pid, &status, 0);
  }
  if (ended && WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  result.out = ReadFile(dir.path() + "/out");
  result.err = ReadFile(dir.path() + "/err");
  return result;
}

}  // namespace keelson::testing
