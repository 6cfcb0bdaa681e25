#include "client/kvctl/help.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/kvctl/table.h"

namespace keelson::kvctl {
namespace {

constexpr char kIntroduction[] =
    R"(kvctl reads and writes a Keelson cluster, or any other that speaks etcd's v3 API.

Usage: kvctl [GLOBAL FLAGS] COMMAND [ARGUMENTS AND FLAGS]
       kvctl help COMMAND        what it does, with examples that run

A first session:
  kvctl put greeting hello       store a value
  kvctl get greeting             read it
  kvctl watch greeting           follow its changes (Ctrl-C ends it)
)";

constexpr char kEnding[] = R"(
Settings: a flag on the command line, else the environment, else the profile (kvctl help profile).
  KVCTL_ENDPOINTS, KVCTL_PROFILE, KVCTL_OUTPUT, ...   KVCTL_ and a global flag's name
  NO_COLOR                       no colours on a terminal either

Exit codes:
  0  done
  1  failed, surely without effect; or an endpoint is unhealthy, or the output can't be written
  2  the command line or the input is wrong; nothing was sent
  3  the key, lease or member asked for does not exist
  4  nobody answered in time; surely without effect, so it may be tried again
  5  a write that may have happened: read before trying again

Output: -o simple prints plain lines and -o json one JSON value a line, both as etcdctl does (JSON
has keys and values in base64); -o yaml is the same values as YAML documents; -o table is for eyes;
-o fields prints one field a line. Colours and progress bars appear on a terminal only.

From etcdctl: commands, flags and lines are the same, without auth, user, role and TLS. But KVCTL_
variables are read, ETCDCTL_ ones are not; `get` of one key that is missing exits with 3; `member
list` and `endpoint` print tables unless -o simple or KVCTL_OUTPUT=simple says otherwise.
)";

std::string FlagLeft(const FlagSpec& flag) {
  std::string text = flag.short_name.empty() ? "    " : absl::StrCat("-", flag.short_name, ", ");
  absl::StrAppend(&text, "--", flag.name);
  if (flag.kind != FlagSpec::Kind::kBool) absl::StrAppend(&text, " ", flag.value_name);
  return text;
}

void PrintFlags(const std::vector<FlagSpec>& flags, std::ostream& out) {
  size_t width = 0;
  for (const FlagSpec& flag : flags) {
    if (!flag.hidden) width = std::max(width, DisplayWidth(FlagLeft(flag)));
  }
  for (const FlagSpec& flag : flags) {
    if (flag.hidden) continue;
    std::string left = FlagLeft(flag);
    left.resize(width, ' ');
    out << "  " << left << "  " << flag.help;
    const bool tell_default = !flag.fallback.empty() && flag.kind != FlagSpec::Kind::kBool;
    if (tell_default) out << " (default " << flag.fallback << ")";
    out << "\n";
  }
}

void PrintList(const std::vector<const Command*>& commands, std::ostream& out) {
  size_t width = 0;
  for (const Command* command : commands) width = std::max(width, command->name.size());
  for (const Command* command : commands) {
    std::string name = command->name;
    name.resize(width, ' ');
    out << "  " << name << "  " << command->summary << "\n";
  }
}

}  // namespace

const Command* FindCommand(const std::string& name) {
  for (const Command& command : AllCommands()) {
    if (command.name == name || (!name.empty() && command.alias == name)) return &command;
  }
  return nullptr;
}

bool IsGroup(const std::string& name) {
  const auto& all = AllCommands();
  return std::any_of(all.begin(), all.end(), [&name](const Command& command) {
    return absl::StartsWith(command.name, name + " ");
  });
}

void PrintOverview(std::ostream& out) {
  out << kIntroduction << "\nCommands:\n";
  std::vector<const Command*> commands;
  for (const Command& command : AllCommands()) commands.push_back(&command);
  PrintList(commands, out);
  out << "\nGlobal flags:\n";
  PrintFlags(GlobalFlags(), out);
  out << kEnding;
}

bool PrintGroupHelp(const std::string& group, std::ostream& out) {
  if (!IsGroup(group)) return false;
  std::vector<const Command*> members;
  for (const Command& command : AllCommands()) {
    if (absl::StartsWith(command.name, group + " ")) members.push_back(&command);
  }
  out << "Usage: kvctl " << group << " COMMAND\n\nCommands:\n";
  PrintList(members, out);
  out << "\nkvctl help " << members.front()->name << " tells more about that one.\n";
  return true;
}

void PrintCommandHelp(const Command& command, std::ostream& out) {
  // What follows -- is the program's.
  std::string usage = command.name + (command.arguments.empty() ? "" : " ") + command.arguments;
  if (!command.flags.empty()) usage.insert(std::min(usage.find(" [-- "), usage.size()), " [FLAGS]");
  out << "Usage: kvctl " << usage << "\n\n" << command.summary << ".\n";
  if (!command.details.empty()) out << "\n" << command.details;
  if (!command.alias.empty()) out << "\nAlso: kvctl " << command.alias << "\n";
  if (!command.flags.empty()) {
    out << "\nFlags:\n";
    PrintFlags(command.flags, out);
  }
  if (!command.examples.empty()) out << "\nExamples:\n" << command.examples;
  out << "\nGlobal flags, environment and exit codes: kvctl --help\n";
}

}  // namespace keelson::kvctl
