// Entry point: reads the command line, runs one command, prints what it found.
#include <cstdio>
#include <string>
#include <vector>

#include "bench/kvbench/cluster.h"
#include "bench/kvbench/options.h"
#include "bench/kvbench/report.h"
#include "bench/kvbench/run.h"
#include "bench/kvbench/tools.h"

namespace keelson::kvbench {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int Complain(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "kvbench: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

absl::StatusOr<RunResult> Run(const Options& options, const std::vector<Endpoint>& targets) {
  if (options.command == Command::kWatch) return RunWatch(options, targets);
  if (options.command == Command::kKeepAlive) return RunKeepAlive(options, targets);
  return RunUnary(options, targets);
}

int Print(const Options& options, const RunResult& result) {
  if (options.json_path != "-") std::fputs(RunAsTable(options, result).c_str(), stdout);
  if (options.json_path.empty()) return 0;
  std::FILE* file = options.json_path == "-" ? stdout : std::fopen(options.json_path.c_str(), "w");
  if (file == nullptr) {
    std::fprintf(stderr, "kvbench: cannot write %s\n", options.json_path.c_str());
    return kExitFailed;
  }
  std::fputs(RunAsJson(options, result).c_str(), file);
  return file == stdout || std::fclose(file) == 0 ? 0 : kExitFailed;
}

int RunMeasured(const Options& options) {
  const auto targets = ResolveTargets(options);
  if (!targets.ok()) return Complain(targets.status(), kExitFailed);
  if (absl::Status status = Preload(options, *targets); !status.ok()) {
    return Complain(status, kExitFailed);
  }
  const auto result = Run(options, *targets);
  if (!result.ok()) return Complain(result.status(), kExitFailed);
  const int printed = Print(options, *result);
  return Succeeded(*result) ? printed : kExitFailed;
}

int Main(const std::vector<std::string>& args) {
  const auto options = ParseOptions(args);
  if (!options.ok()) return Complain(options.status(), kExitUsage);
  switch (options->command) {
    case Command::kHelp:
      std::fputs(HelpText().c_str(), stdout);
      return 0;
    case Command::kScan:
      return RunScan(*options);
    case Command::kStatus:
      return RunStatus(*options);
    case Command::kCompact:
      return RunCompact(*options);
    case Command::kProbe:
      return RunProbe(*options);
    case Command::kLoad:
    case Command::kWatch:
    case Command::kKeepAlive:
      return RunMeasured(*options);
  }
  return kExitUsage;
}

}  // namespace
}  // namespace keelson::kvbench

int main(int argc, char** argv) {
  return keelson::kvbench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
