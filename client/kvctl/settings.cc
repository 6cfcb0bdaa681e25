#include "client/kvctl/settings.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/kvctl/discovery.h"

namespace keelson::kvctl {
namespace {

using Kind = FlagSpec::Kind;

constexpr char kDefaultProfile[] = "default";

// The text of `flag` in the environment, or null.
const std::string* InEnvironment(const FlagSpec& flag, const Environment& environment) {
  const std::string variable =
      "KVCTL_" + absl::AsciiStrToUpper(absl::StrReplaceAll(flag.name, {{"-", "_"}}));
  const auto found = environment.variables.find(variable);
  return found == environment.variables.end() ? nullptr : &found->second;
}

// The global flags with the profile's and the environment's values as their fallbacks.
absl::StatusOr<std::vector<FlagSpec>> GlobalFlagsWith(const Settings& profile,
                                                      const Environment& environment) {
  std::vector<FlagSpec> flags = GlobalFlags();
  const bool has_endpoints = environment.variables.count("KVCTL_ENDPOINTS") > 0;
  for (FlagSpec& flag : flags) {
    // Endpoints and discovery are two ways to say the same.
    const bool outdone = has_endpoints && flag.name == "discovery-srv";
    const auto set = profile.find(flag.name);
    if (set != profile.end() && !outdone) flag.fallback = set->second;
    const std::string* variable = InEnvironment(flag, environment);
    if (variable == nullptr) continue;
    const auto checked = ParseFlags({flag}, {"--" + flag.name + "=" + *variable});
    if (!variable->empty() && !checked.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("in the environment: ", checked.status().message()));
    }
    flag.fallback = *variable;
  }
  return flags;
}

// The settings of the profile that is asked for; none where nobody asks and there is no default.
absl::StatusOr<Settings> ChosenProfile(const std::string& asked, const Environment& environment) {
  const auto profiles = LoadProfiles(environment);
  if (!profiles.ok()) return profiles.status();
  const auto found = profiles->named.find(asked.empty() ? kDefaultProfile : asked);
  if (found != profiles->named.end()) return found->second;
  if (asked.empty()) return Settings{};
  std::vector<std::string> names;
  for (const auto& [name, settings] : profiles->named) names.push_back(name);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no profile \"", asked, "\" in ",
                   profiles->path.empty() ? "any file ($HOME is not set)" : profiles->path,
                   names.empty() ? "" : "; there are: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<ParsedFlags> ParseWith(const Command& command, const std::vector<FlagSpec>& globals,
                                      const std::vector<std::string>& words) {
  std::vector<FlagSpec> flags = command.flags;
  flags.insert(flags.end(), globals.begin(), globals.end());
  flags.insert(flags.end(), EtcdctlFlags().begin(), EtcdctlFlags().end());
  return ParseFlags(flags, words);
}

}  // namespace

const std::vector<FlagSpec>& GlobalFlags() {
  static const auto* flags = new std::vector<FlagSpec>{
      {.name = "endpoints",
       .kind = Kind::kList,
       .value_name = "HOST:PORT,...",
       .help = "members to talk to; the first that answers is used",
       .fallback = "127.0.0.1:2379"},
      {.name = "discovery-srv",
       .kind = Kind::kString,
       .value_name = "DOMAIN",
       .help = "find the members by the SRV records _etcd-client._tcp.DOMAIN instead",
       .short_name = "d"},
      {.name = "discovery-srv-name",
       .kind = Kind::kString,
       .value_name = "NAME",
       .help = "by _etcd-client-NAME._tcp.DOMAIN"},
      {.name = "discovery-dns",
       .kind = Kind::kString,
       .value_name = "ADDRESS",
       .help = "ask this DNS server, such as an agent on this host; default /etc/resolv.conf's"},
      {.name = "profile",
       .kind = Kind::kString,
       .value_name = "NAME",
       .help = "take global flags from [NAME] of ~/.config/keelson/kvctl.conf"},
      {.name = "output",
       .kind = Kind::kString,
       .value_name = "FORMAT",
       .help = "table, json, yaml, simple or fields; the default depends on the command",
       .short_name = "o",
       .aliases = {"write-out", "w"},
       .choices = {"table", "json", "yaml", "simple", "fields"}},
      {.name = "command-timeout",
       .kind = Kind::kDuration,
       .value_name = "TIME",
       .help = "give up on a command after this",
       .fallback = "5s"},
      {.name = "dial-timeout",
       .kind = Kind::kDuration,
       .value_name = "TIME",
       .help = "give up looking for a member that can be reached after this",
       .fallback = "2s"},
      {.name = "hex",
       .help = "print keys and values as \\x66\\x6f\\x6f (simple and table)",
       .fallback = "false"}};
  return *flags;
}

const std::vector<FlagSpec>& EtcdctlFlags() {
  static const auto* flags =
      new std::vector<FlagSpec>{TakenFlag("debug", Kind::kBool, "false"),
                                TakenFlag("keepalive-time", Kind::kDuration, "2s"),
                                TakenFlag("keepalive-timeout", Kind::kDuration, "6s"),
                                TakenFlag("insecure-discovery", Kind::kBool, "true"),
                                RefusedFlag("insecure-transport", kNoTls, "true"),
                                RefusedFlag("insecure-skip-tls-verify", kNoTls, "false"),
                                RefusedFlag("cacert", kNoTls),
                                RefusedFlag("cert", kNoTls),
                                RefusedFlag("key", kNoTls),
                                RefusedFlag("user", kNoAuthentication),
                                RefusedFlag("password", kNoAuthentication)};
  return *flags;
}

absl::StatusOr<Profiles> LoadProfiles(const Environment& environment) {
  return ReadProfiles(ProfilesPath(environment.variables), GlobalFlags());
}

absl::StatusOr<ParsedFlags> ResolveFlags(const Command& command,
                                         const std::vector<std::string>& words,
                                         const Environment& environment) {
  auto globals = GlobalFlagsWith({}, environment);
  if (!globals.ok()) return globals.status();
  const auto first = ParseWith(command, *globals, words);
  if (!first.ok()) return first;
  const auto profile = ChosenProfile(first->String("profile"), environment);
  if (!profile.ok()) return profile.status();
  globals = GlobalFlagsWith(*profile, environment);
  if (!globals.ok()) return globals.status();
  return ParseWith(command, *globals, words);
}

absl::StatusOr<std::vector<std::string>> ResolveEndpoints(const ParsedFlags& flags) {
  const std::string& domain = flags.String("discovery-srv");
  if (flags.Given("endpoints") || domain.empty()) {
    if (flags.List("endpoints").empty()) {
      return absl::InvalidArgumentError("--endpoints names nobody; give HOST:PORT,...");
    }
  }
  if (flags.Given("endpoints")) {
    if (!flags.Given("discovery-srv")) return flags.List("endpoints");
    return absl::InvalidArgumentError("--endpoints and --discovery-srv exclude each other");
  }
  if (domain.empty()) return flags.List("endpoints");
  return DiscoverEndpoints({.domain = domain,
                            .service_name = flags.String("discovery-srv-name"),
                            .server = flags.String("discovery-dns"),
                            .timeout = flags.Duration("dial-timeout")});
}

}  // namespace keelson::kvctl
