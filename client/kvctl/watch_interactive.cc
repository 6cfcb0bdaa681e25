// watch -i.
#include <algorithm>
#include <istream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "client/kvctl/text.h"
#include "client/kvctl/watching.h"

namespace keelson::kvctl {
namespace {

// The watches of one run, each printed by a thread of its own. One thread.
class Watches {
 public:
  explicit Watches(const Invocation& invocation)
      : invocation_(invocation), output_(std::make_shared<WatchOutput>(invocation)) {}

  void Run(const std::string& line) {
    auto words = SplitWords(line);
    if (!words.ok()) return Complain(words.status());
    if (words->empty()) return;
    const std::string verb = words->front();
    words->erase(words->begin());
    if (verb == "watch") return Complain(Begin(*words));
    if (verb == "progress" && words->empty()) {
      for (Running& one : running_) one.watching->RequestProgress();
      return;
    }
    Complain(absl::InvalidArgumentError(
        absl::StrCat("\"", line, "\" is neither watch [FLAGS] KEY [RANGE_END] nor progress")));
  }

  // Once all have ended: the worst of their ends.
  ExitCode Wait() {
    ExitCode worst = kOk;
    for (Running& one : running_) {
      one.thread.join();
      worst = std::max(worst, *one.code);
    }
    return worst;
  }

 private:
  struct Running {
    std::unique_ptr<Watching> watching = {};
    std::unique_ptr<ExitCode> code = {};
    std::thread thread = {};
  };

  absl::Status Begin(const std::vector<std::string>& words) {
    auto flags = ParseFlags(WatchFlags(), words);
    if (!flags.ok()) return flags.status();
    auto watching = Watching::Open(invocation_, *std::move(flags), output_);
    if (!watching.ok()) return watching.status();
    Running& one = running_.emplace_back(
        Running{.watching = *std::move(watching), .code = std::make_unique<ExitCode>(kOk)});
    one.thread = std::thread(
        [watching = one.watching.get(), code = one.code.get()] { *code = watching->Follow(); });
    return absl::OkStatus();
  }

  void Complain(const absl::Status& status) {
    if (!status.ok()) output_->Misused(std::string(status.message()));
  }

  const Invocation& invocation_;
  const std::shared_ptr<WatchOutput> output_;
  std::vector<Running> running_;
};

}  // namespace

ExitCode WatchInteractively(Invocation& invocation) {
  Watches watches(invocation);
  for (std::string line; std::getline(invocation.in(), line);) watches.Run(line);
  return watches.Wait();
}

}  // namespace keelson::kvctl
