// Where flags come from: the command line, the environment, a configuration file.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/kvd/flags.h"

namespace keelson::server {

// Names of the flags that were given, by their newest spelling.
using GivenFlags = std::set<std::string_view>;

// Each takes what its source has, and adds the names to `given`; errors as ParseFlags'.

absl::Status TakeArguments(const std::vector<std::string>& arguments, KvdFlags* flags,
                           GivenFlags* given);

// What is in `given` already goes before its variable, with a warning.
absl::Status TakeEnvironment(const std::vector<std::string>& environment, KvdFlags* flags,
                             GivenFlags* given);

// `text` is YAML: a map of flags, in which the blocks client-transport-security and
// peer-transport-security hold the flags of TLS under shorter names, as etcd's do. A time that is a
// bare number is nanoseconds. Errors and warnings name `path`.
absl::Status TakeConfigFile(const std::string& path, const std::string& text, KvdFlags* flags,
                            GivenFlags* given);

}  // namespace keelson::server
