#include "server/log/log_output.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace keelson::server {
namespace {

// A pipe that poll() calls writable takes this much without waiting (PIPE_BUF on Linux).
constexpr size_t kPiece = 4096;
constexpr int kPollMillis = 50;

std::string DroppedLine(uint64_t lines) {
  return absl::StrCat(
      "{\"level\":\"warn\",\"caller\":\"server/log\",\"msg\":\"log lines were dropped, since "
      "nobody read them\",\"lines\":",
      lines, "}\n");
}

}  // namespace

LogOutput::LogOutput(int descriptor, bool owned)
    : descriptor_(descriptor), owned_(owned), thread_([this] { Run(); }) {}

LogOutput::~LogOutput() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    give_up_ = std::chrono::steady_clock::now() + kDrain;
  }
  changed_.notify_one();
  thread_.join();
  if (owned_) ::close(descriptor_);
}

void LogOutput::Write(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() + line.size() > kQueueBytes) {
      ++dropped_;
      return;
    }
    if (const uint64_t dropped = std::exchange(dropped_, 0)) queue_ += DroppedLine(dropped);
    queue_ += line;
  }
  changed_.notify_one();
}

void LogOutput::Run() {
  std::string taken;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !queue_.empty() || stopping_; });
      if (queue_.empty()) return;
      taken.clear();
      taken.swap(queue_);
    }
    if (!WriteOut(taken)) return;
  }
}

bool LogOutput::WriteOut(std::string_view text) {
  while (!text.empty()) {
    pollfd ready{descriptor_, POLLOUT, 0};
    if (::poll(&ready, 1, kPollMillis) <= 0) {
      if (GivenUp()) return false;
      continue;
    }
    const ssize_t written = ::write(descriptor_, text.data(), std::min(text.size(), kPiece));
    // A closed pipe or a full disk costs the lines, not the node.
    if (written < 0 && errno != EINTR && errno != EAGAIN) return true;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool LogOutput::GivenUp() {
  const std::lock_guard lock(mutex_);
  return stopping_ && std::chrono::steady_clock::now() >= give_up_;
}

absl::StatusOr<std::unique_ptr<LogOutputs>> LogOutputs::Open(const std::string& names) {
  auto outputs = std::make_unique<LogOutputs>();
  const std::vector<std::string> parts = absl::StrSplit(names, ',', absl::SkipEmpty());
  for (const std::string& name : parts) {
    if (name == "default" || name == "stderr" || name == "stdout") {
      const int descriptor = name == "stdout" ? STDOUT_FILENO : STDERR_FILENO;
      outputs->outputs_.push_back(std::make_unique<LogOutput>(descriptor, false));
      continue;
    }
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) {
      return absl::InvalidArgumentError(absl::StrCat("--log-outputs: cannot open \"", name,
                                                     "\" to append to it: ", std::strerror(errno)));
    }
    outputs->outputs_.push_back(std::make_unique<LogOutput>(file, true));
  }
  return outputs;
}

}  // namespace keelson::server
