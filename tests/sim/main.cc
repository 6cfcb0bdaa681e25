// keelson_sim: whole clusters in one process, each from one seed.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "tests/sim/rare_events.h"
#include "tests/sim/run_seed.h"

namespace {

using keelson::sim::kMustHappen;
using keelson::sim::RunSeed;
using keelson::sim::SeedResult;

// How the process ends.
enum ExitCode { kPassed = 0, kRuleBroken = 1, kWrongUsage = 2, kNeverHappened = 3, kDied = 4 };

struct Options {
  uint64_t first = 1;
  uint64_t count = 1000;
  uint64_t jobs = 2;
  bool single = false;
  bool ci = false;
};

int Usage() {
  std::fprintf(
      stderr,
      "usage: keelson_sim [--ci] [--seeds N] [--first S] [--jobs J] | --seed S\n\n"
      "  --seeds N   run N seeds, one after the other, in J processes (default 1000, 2)\n"
      "  --seed S    run one seed twice and compare: it replays exactly\n"
      "  --ci        as CI does: 1000 seeds, and every rare event must have happened\n"
      "KEELSON_SIM_LOG=1 in the environment prints the members' logs.\n\n"
      "exit code: 0 all rules held, 1 a rule was broken (the output names seed and rule),\n"
      "2 wrong usage, 3 a rare event never happened (--ci), 4 the simulator itself died\n");
  return kWrongUsage;
}

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--ci") {
      options->ci = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const uint64_t value = std::strtoull(argv[++i], nullptr, 10);
    if (flag == "--seeds") {
      options->count = value;
    } else if (flag == "--first") {
      options->first = value;
    } else if (flag == "--jobs") {
      options->jobs = value;
    } else if (flag == "--seed") {
      options->first = value;
      options->single = true;
    } else {
      return false;
    }
  }
  return options->jobs > 0 && options->count > 0;
}

int RunSingle(uint64_t seed) {
  const SeedResult result = RunSeed(seed);
  for (const auto& [what, count] : result.counters) {
    std::printf("%10llu  %s\n", static_cast<unsigned long long>(count), what.c_str());
  }
  const SeedResult again = RunSeed(seed);
  std::printf("seed %llu: %llu operations, %llu faults, %.1f simulated s, trace %016llx\n",
              static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(result.operations),
              static_cast<unsigned long long>(result.faults), result.simulated_seconds,
              static_cast<unsigned long long>(result.trace));
  if (again.trace == result.trace) return kPassed;
  std::fprintf(stderr, "seed %llu does not replay: trace %016llx the second time\n",
               static_cast<unsigned long long>(seed), static_cast<unsigned long long>(again.trace));
  return kDied;
}

// Runs every jobs-th seed and writes "count name" lines to `out`.
void RunShare(const Options& options, uint64_t share, int out) {
  std::map<std::string, uint64_t> sums;
  double seconds = 0;
  for (uint64_t i = share; i < options.count; i += options.jobs) {
    const SeedResult result = RunSeed(options.first + i);
    for (const auto& [what, count] : result.counters) sums[what] += count;
    sums["client operations"] += result.operations;
    sums["faults"] += result.faults;
    seconds += result.simulated_seconds;
  }
  sums["simulated seconds"] = static_cast<uint64_t>(seconds);
  std::FILE* file = fdopen(out, "w");
  for (const auto& [what, count] : sums) {
    std::fprintf(file, "%llu %s\n", static_cast<unsigned long long>(count), what.c_str());
  }
  std::fclose(file);
}

int CollectShares(const std::vector<int>& pipes, std::map<std::string, uint64_t>* sums) {
  for (const int pipe : pipes) {
    std::FILE* file = fdopen(pipe, "r");
    char line[256];
    while (std::fgets(line, sizeof(line), file) != nullptr) {
      char* name = nullptr;
      const uint64_t count = std::strtoull(line, &name, 10);
      name[std::strcspn(name, "\n")] = '\0';
      (*sums)[name + 1] += count;
    }
    std::fclose(file);
  }
  int status = 0;
  int result = kPassed;
  while (wait(&status) > 0) {
    if (status == 0) continue;
    const bool broken = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    result = std::max<int>(result, broken ? kRuleBroken : kDied);
  }
  return result;
}

int RunMany(const Options& options) {
  const std::time_t begin = std::time(nullptr);
  std::vector<int> pipes;
  for (uint64_t share = 0; share < options.jobs; ++share) {
    int ends[2];
    if (pipe(ends) != 0) return kDied;
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      RunShare(options, share, ends[1]);
      _exit(0);
    }
    close(ends[1]);
    pipes.push_back(ends[0]);
  }
  std::map<std::string, uint64_t> sums;
  int result = CollectShares(pipes, &sums);
  for (const auto& [what, count] : sums) {
    std::printf("%10llu  %s\n", static_cast<unsigned long long>(count), what.c_str());
  }
  if (result == kPassed && options.ci) {
    for (const char* what : kMustHappen) {
      if (sums[what] != 0) continue;
      std::fprintf(stderr, "never happened in %llu seeds: %s\n",
                   static_cast<unsigned long long>(options.count), what);
      result = kNeverHappened;
    }
  }
  std::printf("%s: %llu seeds from %llu in %lld s\n", result == kPassed ? "passed" : "FAILED",
              static_cast<unsigned long long>(options.count),
              static_cast<unsigned long long>(options.first),
              static_cast<long long>(std::time(nullptr) - begin));
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!Parse(argc, argv, &options)) return Usage();
  return options.single ? RunSingle(options.first) : RunMany(options);
}
