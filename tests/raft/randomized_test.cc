// Many seeds of harness/random_run.h. To replay one: KEELSON_RAFT_SEED=n raft_randomized_test; more
// of them: KEELSON_RAFT_SEEDS=count.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/raft/harness/random_run.h"

namespace keelson::raft::testing {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Sanitizers make a seed some twenty times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 40;
#else
constexpr uint64_t kSeeds = 400;
#endif

TEST(Randomized, MembersUnderFaultsNeverContradictEachOther) {
  const uint64_t one = FromEnvironment("KEELSON_RAFT_SEED", 0);
  const uint64_t first = one != 0 ? one : 1;
  const uint64_t count = one != 0 ? 1 : FromEnvironment("KEELSON_RAFT_SEEDS", kSeeds);
  Coverage coverage;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const std::string violation = RandomRun(seed, &coverage).Execute(10000);
    ASSERT_EQ(violation, "") << "seed " << seed << "; replay: KEELSON_RAFT_SEED=" << seed
                             << " raft_randomized_test";
  }
  for (const auto& [what, times] : coverage.counts) std::cout << what << ": " << times << "\n";
  if (count < 100) return;
  for (const char* rare :
       {"snapshot to install", "joint change", "simple change", "transfer", "power loss", "kill",
        "reads served", "reads failed", "proposals unknown", "stepped down: quorum lost",
        "stepped down: higher term", "stepped down: disk stalled", "stepped down: removed"}) {
    EXPECT_GT(coverage.counts[rare], 0u) << rare << " never happened";
  }
}

}  // namespace
}  // namespace keelson::raft::testing
