// What a run has found, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "bench/kvbench/cluster.h"
#include "bench/kvbench/options.h"
#include "bench/kvbench/run.h"

namespace keelson::kvbench {

// JSON; times in microseconds unless the name says otherwise. The format is in the README.
std::string RunAsJson(const Options& options, const RunResult& result);
std::string RunAsTable(const Options& options, const RunResult& result);

std::string StatusAsJson(const std::vector<MemberStatus>& members);
std::string StatusAsTable(const std::vector<MemberStatus>& members);

// Whether something succeeded and nothing failed.
bool Succeeded(const RunResult& result);

}  // namespace keelson::kvbench
