#include "client/kvctl/program.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace keelson::kvctl {
namespace {

// Pointers into `words`, ended by null, as exec wants them.
std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> EnvironmentWith(const std::vector<std::string>& variables) {
  std::vector<std::string> result = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string start = text.substr(0, text.find('=') + 1);
    const bool replaced = std::any_of(
        variables.begin(), variables.end(),
        [&start](const std::string& variable) { return absl::StartsWith(variable, start); });
    if (!replaced) result.push_back(text);
  }
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const std::vector<std::string>& words,
                                                        const std::vector<std::string>& variables) {
  std::vector<std::string> arguments = words;
  std::vector<std::string> environment = EnvironmentWith(variables);
  // kvctl blocks the signals that it waits for; the program must not inherit that.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, arguments[0].c_str(), nullptr, &attributes,
                                 Pointers(arguments).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    const std::string text = absl::StrCat("can't start ", words[0], ": ", std::strerror(error));
    return error == ENOENT ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
  }
  return std::unique_ptr<Program>(new Program(pid));
}

Program::~Program() { Wait(); }

int Program::Wait() {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return status_;
  }
  // Looks without reaping, so that Terminate never meets a stranger under the same id.
  siginfo_t about = {};
  while (waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return status_;
}

void Program::Terminate() {
  const std::lock_guard lock(mutex_);
  if (!ended_) kill(pid_, SIGTERM);
}

}  // namespace keelson::kvctl
