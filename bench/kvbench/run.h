// Runs one command's load from start to end.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/kvbench/options.h"
#include "bench/kvbench/stats.h"
#include "bench/kvbench/watch_load.h"

namespace keelson::kvbench {

struct RunResult {
  std::vector<Endpoint> targets;
  RunStats stats;
  std::optional<WatchStats> watch;
};

// Puts the first `options.preload` keys, all of them or an error.
absl::Status Preload(const Options& options, const std::vector<Endpoint>& targets);

absl::StatusOr<RunResult> RunUnary(const Options& options, const std::vector<Endpoint>& targets);
absl::StatusOr<RunResult> RunWatch(const Options& options, const std::vector<Endpoint>& targets);
RunResult RunKeepAlive(const Options& options, const std::vector<Endpoint>& targets);

}  // namespace keelson::kvbench
