// profile list.
#include "absl/strings/str_cat.h"
#include "client/kvctl/command.h"
#include "client/kvctl/json.h"
#include "client/kvctl/settings.h"

namespace keelson::kvctl {
namespace {

std::string SettingsText(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    absl::StrAppend(&text, text.empty() ? "" : " ", "--", name, "=", value);
  }
  return text;
}

ExitCode RunProfileList(Invocation& invocation) {
  const auto profiles = LoadProfiles(invocation.environment());
  if (!profiles.ok()) return invocation.Misused(std::string(profiles.status().message()));
  Answer answer{.columns = {"PROFILE", "FLAGS"}};
  JsonArray array;
  for (const auto& [name, settings] : profiles->named) {
    absl::StrAppend(&answer.plain, name, " ", SettingsText(settings), "\n");
    answer.rows.push_back({name, SettingsText(settings)});
    JsonObject set;
    for (const auto& [flag, value] : settings) set.Text(flag, value);
    array.Raw(JsonObject().Text("name", name).Raw("flags", set.Done()).Done());
  }
  answer.json = JsonObject().Text("file", profiles->path).Raw("profiles", array.Done()).Done();
  invocation.writer().Show(answer);
  return kOk;
}

}  // namespace

std::vector<Command> ProfileCommands() {
  return {{.name = "profile list",
           .arguments = "",
           .summary = "List the profiles: named clusters in a file of your own",
           .details =
               R"(The file is $XDG_CONFIG_HOME/keelson/kvctl.conf, or ~/.config/keelson/kvctl.conf:

  [default]                                   used where no profile is named
  endpoints = 127.0.0.1:2379
  [prod]
  endpoints = 10.0.0.1:2379,10.0.0.2:2379     or discovery-srv = example.com
  command-timeout = 10s                       every global flag can be set

A flag on the command line wins over the environment, that over the profile. Only you may write
the file.
)",
           .examples = R"(  kvctl profile list
  kvctl --profile prod endpoint status
  KVCTL_PROFILE=prod kvctl get greeting
)",
           .default_output = OutputFormat::kTable,
           .run = RunProfileList}};
}

}  // namespace keelson::kvctl
