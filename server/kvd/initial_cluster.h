// From flags to what a node is made from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/kvd/flags.h"
#include "server/node/node_options.h"

namespace keelson::server {

// Parses "a=http://h:1,b=http://h:2,a=http://h:3". InvalidArgument names the part that is wrong.
absl::StatusOr<std::map<std::string, std::vector<std::string>>> ParseInitialCluster(
    const std::string& text);

// `mode` is "periodic" or "revision". InvalidArgument where `retention` does not go with it.
absl::StatusOr<AutoCompaction> ParseAutoCompaction(const std::string& mode,
                                                   const std::string& retention);

// InvalidArgument names the flag to correct.
absl::StatusOr<NodeOptions> NodeOptionsOf(const KvdFlags& flags);

}  // namespace keelson::server
