// Profiles: named sets of global flags in a file, so that a cluster has a name.
//
//   # ~/.config/keelson/kvctl.conf
//   [default]
//   endpoints = 127.0.0.1:2379
//   [prod]
//   endpoints = 10.0.0.1:2379,10.0.0.2:2379
//   command-timeout = 10s
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/kvctl/flags.h"

namespace keelson::kvctl {

// The name of a global flag -> the text of its value.
using Settings = std::map<std::string, std::string>;

struct Profiles {
  std::string path = {};
  std::map<std::string, Settings> named = {};
};

// $XDG_CONFIG_HOME/keelson/kvctl.conf, or that of ~/.config; empty without either variable.
std::string ProfilesPath(const std::map<std::string, std::string>& variables);

// Reads `text`; `specs` are the flags that a profile may set. InvalidArgument names path and line.
absl::StatusOr<Profiles> ParseProfiles(const std::string& path, std::string_view text,
                                       const std::vector<FlagSpec>& specs);

// The file's profiles; none where there is no file. A file that others may write is refused: they
// would choose the cluster; so is one that others may read, if it sets what is secret.
absl::StatusOr<Profiles> ReadProfiles(const std::string& path, const std::vector<FlagSpec>& specs);

}  // namespace keelson::kvctl
