// One watch of kvctl: opened as its flags say, printed until it ends. `watch -i` has several.
#pragma once

#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/kvctl/command.h"

namespace keelson::kvctl {

// Those that a line of `watch -i` takes.
std::vector<FlagSpec> WatchFlags();

// Where the watches of one run print. Thread-safe.
class WatchOutput {
 public:
  explicit WatchOutput(const Invocation& invocation) : invocation_(invocation) {}

  // False once nothing can be written any more.
  bool Print(const client::WatchBatch& batch);
  ExitCode Report(const absl::Status& status);
  ExitCode Misused(const std::string& what);
  // Told once, not at each attempt to go on, until something comes again.
  void Interrupted(const absl::Status& status);

 private:
  const Invocation& invocation_;
  // Apart, so that whoever does not read our output does not keep the client's thread from telling.
  std::mutex out_;  // guards the writer
  std::mutex err_;  // guards the other stream and what follows
  std::string told_;
};

class Watching {
 public:
  // InvalidArgument for arguments that are no watch.
  static absl::StatusOr<std::unique_ptr<Watching>> Open(const Invocation& invocation,
                                                        ParsedFlags flags,
                                                        std::shared_ptr<WatchOutput> output);

  // Prints what comes until the watch fails, or has told of as many events as were wanted.
  ExitCode Follow();
  // Asks for a mark that all up to a revision was delivered. Any thread.
  void RequestProgress() { watcher_->RequestProgress(); }

 private:
  Watching(std::shared_ptr<WatchOutput> output, std::unique_ptr<client::Watcher> watcher)
      : output_(std::move(output)), watcher_(std::move(watcher)) {}

  const std::shared_ptr<WatchOutput> output_;
  const std::unique_ptr<client::Watcher> watcher_;
  absl::Duration patience_ = {};           // until the watch is accepted
  int64_t wanted_ = 0;                     // events; 0: no limit
  std::vector<std::string> program_ = {};  // run for each event; empty: none
};

// Runs the lines of the input: `watch`, `progress`.
ExitCode WatchInteractively(Invocation& invocation);

}  // namespace keelson::kvctl
