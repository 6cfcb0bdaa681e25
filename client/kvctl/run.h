// kvctl from the words of its command line to its exit code.
#pragma once

#include <string>
#include <vector>

#include "client/kvctl/command.h"

namespace keelson::kvctl {

// Runs one command. `words` are without the program's name.
ExitCode Run(const std::vector<std::string>& words, const Environment& environment);

// The version that `kvctl version` prints.
inline constexpr char kVersion[] = "0.1.0";
// The level of etcd's API that kvctl speaks.
inline constexpr char kApiVersion[] = "3.6";

}  // namespace keelson::kvctl
