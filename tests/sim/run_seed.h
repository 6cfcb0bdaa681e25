// One simulation: a cluster, its clients and what goes wrong, from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace keelson::sim {

struct SeedResult {
  uint64_t trace = 0;  // equal for equal runs
  uint64_t operations = 0;
  uint64_t faults = 0;
  double simulated_seconds = 0;
  std::map<std::string, uint64_t> counters;
};

// Runs until enough operations and faults have happened, heals everything, and checks that the
// cluster recovers and that all rules were kept. A broken rule ends the process with the seed.
SeedResult RunSeed(uint64_t seed);

}  // namespace keelson::sim
