// Runs the seeds of the randomized test against a core with a deliberate bug (raft/mutants.h) and
// succeeds if one of them notices: by a violation, or by a check that ends the process.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "tests/raft/harness/random_run.h"

namespace keelson::raft::testing {
namespace {

constexpr uint64_t kSeeds = 4000;

int RunSeeds() {
  Coverage coverage;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::string violation = RandomRun(seed, &coverage).Execute(10000);
    if (violation.empty()) continue;
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                 violation.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace keelson::raft::testing

int main() {
  const pid_t child = fork();
  if (child < 0) return 2;
  if (child == 0) _exit(keelson::raft::testing::RunSeeds());
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 2;
  const bool unnoticed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  std::fprintf(stderr, "%s\n", unnoticed ? "the bug was NOT noticed" : "the bug was noticed");
  return unnoticed ? 1 : 0;
}
