#include "server/kvd/flag_sources.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/view.h"
#include "server/kvd/flag_table.h"

namespace keelson::server {
namespace {

absl::Status UnknownFlag(std::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("flag provided but not defined: --", ToAbsl(name),
                                                 " (did you mean --", ToAbsl(NearestFlag(name)),
                                                 "?)"));
}

bool IsOlderSpelling(const Flag& flag, std::string_view spelling) { return flag.name != spelling; }

// A flag twice is the last one; in two spellings it is no longer clear what is meant.
absl::Status NoteGiven(const Flag& flag, std::string_view spelling, GivenFlags* given,
                       GivenFlags* older) {
  GivenFlags* mine = IsOlderSpelling(flag, spelling) ? older : given;
  const GivenFlags* other = mine == given ? older : given;
  if (other->contains(flag.name)) {
    return absl::FailedPreconditionError(
        absl::StrCat("--", ToAbsl(flag.name), " and --experimental-", ToAbsl(flag.name),
                     " are the same flag; give the first one only"));
  }
  mine->insert(flag.name);
  return absl::OkStatus();
}

// "ETCD_MAX_TXN_OPS" for "max-txn-ops".
std::string VariableOf(std::string_view flag) {
  std::string name = absl::StrCat("ETCD_", absl::AsciiStrToUpper(ToAbsl(flag)));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// The flag that a variable sets; null for what is none.
const Flag* FlagOfVariable(const std::string& variable) {
  std::string name = absl::AsciiStrToLower(variable.substr(std::string_view("ETCD_").size()));
  std::replace(name.begin(), name.end(), '_', '-');
  const Flag* flag = name == "version" || name == "help" ? nullptr : FindFlag(name);
  // The name must be written as it is: "ETCD_max_txn_ops" is none.
  if (flag != nullptr && VariableOf(name) != variable) return nullptr;
  return flag;
}

}  // namespace

absl::Status TakeArguments(const std::vector<std::string>& arguments, KvdFlags* flags,
                           GivenFlags* given) {
  GivenFlags older;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-') {
      return absl::OutOfRangeError(
          absl::StrCat("'", arguments[i], "' is not a valid flag; kvd takes flags only"));
    }
    argument.remove_prefix(argument.substr(0, 2) == "--" ? 2 : 1);
    const size_t equals = argument.find('=');
    std::string_view name = argument.substr(0, equals);
    if (name == "h") name = "help";
    const Flag* flag = FindFlag(name);
    if (flag == nullptr) return UnknownFlag(name);
    std::string_view value = "true";
    if (equals != std::string_view::npos) {
      value = argument.substr(equals + 1);
    } else if (!IsBool(*flag)) {
      if (++i == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat("flag needs an argument: --", ToAbsl(name)));
      }
      value = arguments[i];
    }
    if (auto status = Assign(*flag, value, flags); !status.ok()) return status;
    if (auto status = NoteGiven(*flag, name, given, &older); !status.ok()) return status;
  }
  given->merge(older);
  return absl::OkStatus();
}

absl::Status TakeEnvironment(const std::vector<std::string>& environment, KvdFlags* flags,
                             GivenFlags* given) {
  for (const std::string& pair : environment) {
    if (!absl::StartsWith(pair, "ETCD_")) continue;
    const std::string name = pair.substr(0, pair.find('='));
    const std::string value = pair.substr(std::min(name.size() + 1, pair.size()));
    const Flag* flag = FlagOfVariable(name);
    if (flag == nullptr) {
      flags->warnings.push_back(absl::StrCat("unrecognized environment variable: ", name));
    } else if (given->contains(flag->name)) {
      flags->warnings.push_back(absl::StrCat("environment variable ", name, " is not used: --",
                                             ToAbsl(flag->name), " goes before it"));
    } else if (!value.empty()) {
      if (auto status = Assign(*flag, value, flags); !status.ok()) {
        return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
      }
      given->insert(flag->name);
    }
  }
  return absl::OkStatus();
}

}  // namespace keelson::server
