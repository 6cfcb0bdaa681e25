#include "client/kvctl/run.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/kvctl/help.h"
#include "client/kvctl/settings.h"

namespace keelson::kvctl {
namespace {

ExitCode UsageError(const Environment& environment, const std::string& what,
                    const std::string& help) {
  *environment.err << "kvctl: " << what << "\nTry: kvctl " << help << "\n";
  return kUsage;
}

// The command that `words` begin with, and how many words name it.
struct Chosen {
  const Command* command = nullptr;
  std::string group = {};  // when only a group was named
  std::vector<std::string> rest = {};
};

// Takes the word at `at` out of `words`.
std::string Take(std::vector<std::string>& words, size_t at) {
  std::string word = words[at];
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
  return word;
}

// Those that may come before a command.
std::vector<FlagSpec> LeadingFlags() {
  std::vector<FlagSpec> flags = GlobalFlags();
  flags.insert(flags.end(), EtcdctlFlags().begin(), EtcdctlFlags().end());
  return flags;
}

Chosen Choose(std::vector<std::string> words) {
  Chosen chosen;
  const std::vector<FlagSpec> flags = LeadingFlags();
  const size_t at = FirstArgument(flags, words);
  if (at >= words.size()) {
    chosen.rest = std::move(words);
    return chosen;
  }
  std::string name = Take(words, at);
  const size_t second = at + FirstArgument(flags, {words.begin() + at, words.end()});
  if (IsGroup(name) && second < words.size()) {
    absl::StrAppend(&name, " ", Take(words, second));
  }
  chosen.command = FindCommand(name);
  if (chosen.command == nullptr) chosen.group = name;
  chosen.rest = std::move(words);
  return chosen;
}

bool Contains(const std::vector<std::string>& words, std::initializer_list<const char*> wanted) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    for (const char* one : wanted) {
      if (word == one) return true;
    }
  }
  return false;
}

// Names that other tools have for something, and what to say of them.
struct Elsewhere {
  const char* name;
  const char* hint;
};
constexpr Elsewhere kElsewhere[] = {
    {"snapshot status", "`kvd snapshot status FILE` does that"},
    {"snapshot restore", "`kvd snapshot restore FILE` does that, where the member will run"},
    {"auth", "this version has no authentication"},
    {"user", "this version has no authentication"},
    {"role", "this version has no authentication"},
    {"set", "`kvctl put KEY VALUE` stores a value"},
    {"ls", "`kvctl tree`, or `kvctl get PREFIX --prefix --keys-only`"},
    {"rm", "`kvctl del KEY` deletes"},
    {"delete", "`kvctl del KEY` deletes"},
};

std::string HintFor(const std::string& name) {
  for (const Elsewhere& elsewhere : kElsewhere) {
    if (name == elsewhere.name) return absl::StrCat(": ", elsewhere.hint);
  }
  std::vector<std::string> names;
  for (const Command& command : AllCommands()) names.push_back(command.name);
  const std::string nearest = Nearest(name, names);
  return nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?");
}

ExitCode UnknownCommand(const std::string& name, const Environment& environment) {
  if (IsGroup(name)) {
    PrintGroupHelp(name, *environment.err);
    return kUsage;
  }
  const std::string group = name.substr(0, name.find(' '));
  return UsageError(environment, absl::StrCat("there is no command \"", name, "\"", HintFor(name)),
                    IsGroup(group) ? "help " + group : "--help");
}

ExitCode Help(const std::vector<std::string>& words, const Environment& environment) {
  const std::string name = absl::StrJoin(words, " ");
  if (name.empty()) {
    PrintOverview(*environment.out);
    return kOk;
  }
  if (const Command* command = FindCommand(name)) {
    PrintCommandHelp(*command, *environment.out);
    return kOk;
  }
  if (PrintGroupHelp(name, *environment.out)) return kOk;
  return UnknownCommand(name, environment);
}

OutputFormat FormatOf(const ParsedFlags& flags, const Command& command) {
  const std::string& name = flags.String("output");
  if (name == "json") return OutputFormat::kJson;
  if (name == "table") return OutputFormat::kTable;
  if (name == "yaml") return OutputFormat::kYaml;
  if (name == "fields") return OutputFormat::kFields;
  if (name == "simple") return OutputFormat::kSimple;
  return command.default_output;
}

// Checks how many arguments there are.
std::string ArgumentProblem(const Command& command, size_t count) {
  if (count < static_cast<size_t>(command.min_arguments)) {
    return absl::StrCat(
        "needs ", command.min_arguments,
        command.min_arguments == 1 ? " argument: " : " arguments: ", command.arguments);
  }
  if (command.max_arguments < 0 || count <= static_cast<size_t>(command.max_arguments)) return "";
  return absl::StrCat("takes at most ", command.max_arguments, " arguments, not ", count,
                      " (quote a value that has blanks in it)");
}

ExitCode RunCommand(const Command& command, const ParsedFlags& flags,
                    const Environment& environment) {
  const auto endpoints = ResolveEndpoints(flags);
  if (!endpoints.ok()) {
    const std::string what(endpoints.status().message());
    if (absl::IsInvalidArgument(endpoints.status())) return UsageError(environment, what, "--help");
    *environment.err << "kvctl: " << what << "\nName the members with --endpoints instead.\n";
    return kUnavailable;
  }
  auto client = client::Client::Create({.endpoints = *endpoints,
                                        .timeout = flags.Duration("command-timeout"),
                                        .dial_timeout = flags.Duration("dial-timeout")});
  if (!client.ok()) {
    return UsageError(environment, std::string(client.status().message()), "--help");
  }
  const WriteOptions options{
      .hex = flags.Bool("hex"),
      .colour = environment.out_is_terminal && environment.variables.count("NO_COLOR") == 0};
  const auto writer = MakeWriter(FormatOf(flags, command), options, *environment.out);
  Invocation invocation(environment, flags, {.client = **client, .endpoints = *endpoints}, *writer);
  return command.run(invocation);
}

ExitCode RunWords(const std::vector<std::string>& words, const Environment& environment) {
  Chosen chosen = Choose(words);
  const bool asks_for_help = Contains(chosen.rest, {"--help", "-h", "-help"});
  if (chosen.group == "help" || (chosen.command == nullptr && chosen.group.empty())) {
    const bool asked = asks_for_help || chosen.group == "help";
    if (!asked && Contains(chosen.rest, {"--version", "-v", "-version"})) {
      return RunWords({"version"}, environment);
    }
    if (!asked && !chosen.rest.empty()) {
      return UsageError(environment, "no command was given", "--help");
    }
    const bool names_one = chosen.group == "help" && !asks_for_help;
    return Help(names_one ? chosen.rest : std::vector<std::string>{}, environment);
  }
  if (asks_for_help) {
    return Help({chosen.command != nullptr ? chosen.command->name : chosen.group}, environment);
  }
  if (chosen.command == nullptr) return UnknownCommand(chosen.group, environment);
  const Command& command = *chosen.command;
  const std::string help = "help " + command.name;
  const auto flags = ResolveFlags(command, chosen.rest, environment);
  if (!flags.ok()) return UsageError(environment, std::string(flags.status().message()), help);
  const std::string problem = ArgumentProblem(command, flags->arguments().size());
  if (!problem.empty()) {
    return UsageError(environment, absl::StrCat("kvctl ", command.name, " ", problem), help);
  }
  return RunCommand(command, *flags, environment);
}

}  // namespace

ExitCode Run(const std::vector<std::string>& words, const Environment& environment) {
  const ExitCode code = RunWords(words, environment);
  environment.out->flush();
  if (code != kOk || environment.out->good()) return code;
  // A full disk must not look like a whole answer.
  *environment.err << "kvctl: the output could not be written\n";
  return kFailed;
}

}  // namespace keelson::kvctl
