// What the checks have in common: a place of their own for their keys, and a verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"

namespace keelson::kvctl {

// etcdctl's loads have a size: s, m, l, xl.
FlagSpec LoadFlag(const std::string& fallback);
FlagSpec CheckPrefixFlag(const std::string& fallback);
FlagSpec AutoCompactFlag();
FlagSpec AutoDefragFlag();

// Refuses to begin where there are keys below `prefix`: they would be deleted.
std::optional<ExitCode> RefuseUsedPrefix(const Invocation& invocation, const std::string& prefix);

// Removes what a load wrote below `prefix`, whoever wrote it: a run that was killed leaves keys,
// too; and compacts, if --auto-compact says so. `puts` are how many it may have been.
absl::Status CleanUp(const Invocation& invocation, const std::string& prefix, int64_t puts);

// Of the members in --endpoints.
absl::Status Defragment(const Invocation& invocation);

// A load that was stopped before its time tells nothing.
ExitCode ToldOfStop(const Invocation& invocation);

struct Verdict {
  bool passed;
  std::string text;
};

// Shows each, the note behind them (if there is one), and whether all hold, which the exit code
// says, too. `figures` go into the JSON.
ExitCode ShowVerdicts(const Invocation& invocation, const std::vector<Verdict>& verdicts,
                      const std::string& note, const JsonObject& figures);

Command DatascaleCommand();

}  // namespace keelson::kvctl
