// Where the values of a command's flags come from: the command line, else the environment, else the
// profile, else the flag's own fallback.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/kvctl/command.h"
#include "client/kvctl/profile.h"

namespace keelson::kvctl {

// `words` by the flags of `command` and the global ones. InvalidArgument names the flag and where
// it was set.
absl::StatusOr<ParsedFlags> ResolveFlags(const Command& command,
                                         const std::vector<std::string>& words,
                                         const Environment& environment);

// What etcdctl takes besides: without effect here, or refused with the reason. In no help.
const std::vector<FlagSpec>& EtcdctlFlags();

// The members to talk to: --endpoints, or what DNS says with --discovery-srv.
absl::StatusOr<std::vector<std::string>> ResolveEndpoints(const ParsedFlags& flags);

// The profiles there are.
absl::StatusOr<Profiles> LoadProfiles(const Environment& environment);

}  // namespace keelson::kvctl
