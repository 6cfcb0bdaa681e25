// A program that a command starts and waits for.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace keelson::kvctl {

// Wait is for one thread; Signal for any.
class Program {
 public:
  // Starts words[0] (found in $PATH) with kvctl's own input and outputs, its environment and
  // `variables` ("NAME=value"; such a name there is replaced). NotFound or FailedPrecondition says
  // why it can't be started. REQUIRES: `words` is not empty.
  static absl::StatusOr<std::unique_ptr<Program>> Start(const std::vector<std::string>& words,
                                                        const std::vector<std::string>& variables);
  // Waits for its end first.
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Its exit status, as a shell has it: 128 + n for the end by signal n.
  int Wait();

  // Sends SIGTERM, unless it has ended.
  void Terminate();

 private:
  explicit Program(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::mutex mutex_;  // guards what follows
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace keelson::kvctl
