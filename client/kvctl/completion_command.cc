// completion: what shells need to complete kvctl's command line, made from the table of commands.
#include <algorithm>
#include <ostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/kvctl/command.h"

namespace keelson::kvctl {
namespace {

std::vector<std::string> FlagWords(const std::vector<FlagSpec>& flags) {
  std::vector<std::string> words;
  for (const FlagSpec& flag : flags) {
    if (flag.hidden) continue;
    words.push_back("--" + flag.name);
    if (!flag.short_name.empty()) words.push_back("-" + flag.short_name);
  }
  return words;
}

// Every flag of any command, each once.
std::vector<FlagSpec> AllFlags() {
  std::vector<FlagSpec> flags = GlobalFlags();
  std::set<std::string> names;
  for (const FlagSpec& flag : flags) names.insert(flag.name);
  for (const Command& command : AllCommands()) {
    for (const FlagSpec& flag : command.flags) {
      if (!flag.hidden && names.insert(flag.name).second) flags.push_back(flag);
    }
  }
  return flags;
}

// The flags that the next word belongs to.
std::vector<std::string> FlagWordsWithValue() {
  std::vector<FlagSpec> flags = AllFlags();
  std::erase_if(flags, [](const FlagSpec& flag) { return flag.kind == FlagSpec::Kind::kBool; });
  return FlagWords(flags);
}

// The words that can follow `name` ("" for the first word) as part of a command's name.
std::vector<std::string> NextWords(const std::string& name) {
  std::set<std::string> words;
  for (const Command& command : AllCommands()) {
    const std::string rest = absl::StrCat(command.name, " ");
    const std::string start = name.empty() ? "" : name + " ";
    if (rest.compare(0, start.size(), start) != 0 || rest.size() == start.size()) continue;
    const std::string after = rest.substr(start.size());
    words.insert(after.substr(0, after.find(' ')));
  }
  if (name.empty()) words.insert("help");
  return {words.begin(), words.end()};
}

std::vector<std::string> Groups() {
  std::set<std::string> groups;
  for (const Command& command : AllCommands()) {
    const size_t blank = command.name.find(' ');
    if (blank != std::string::npos) groups.insert(command.name.substr(0, blank));
  }
  return {groups.begin(), groups.end()};
}

constexpr char kBashBefore[] = R"text(# kvctl's completion for bash: eval "$(kvctl completion bash)"
_kvctl() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local name="" word index words=""
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    case $word in
      --) return ;;
)text";

// The words of the command's name are those before the cursor that are neither flags nor their
// values.
std::string BashScript() {
  std::string script = kBashBefore;
  std::string choices;
  for (const FlagSpec& flag : AllFlags()) {
    if (flag.choices.empty()) continue;
    absl::StrAppend(&choices, "    ", absl::StrJoin(FlagWords({flag}), "|"), ") words=\"",
                    absl::StrJoin(flag.choices, " "), "\" ;;\n");
  }
  const std::string values = absl::StrJoin(FlagWordsWithValue(), "|");
  absl::StrAppend(&script, "      ", values, ") ((index++)) ;;\n      -*) ;;\n");
  absl::StrAppend(&script, "      *) name=\"${name:+$name }$word\" ;;\n    esac\n  done\n");
  absl::StrAppend(&script, "  case $previous in\n", choices, "    ", values,
                  ") return ;;\n  esac\n");
  absl::StrAppend(&script, "  if [ -z \"$words\" ]; then\n    case $name in\n      \"\") words=\"",
                  absl::StrJoin(NextWords(""), " "), "\" ;;\n");
  for (const std::string& group : Groups()) {
    absl::StrAppend(&script, "      \"", group, "\") words=\"",
                    absl::StrJoin(NextWords(group), " "), "\" ;;\n");
  }
  for (const Command& command : AllCommands()) {
    if (command.flags.empty()) continue;
    absl::StrAppend(&script, "      \"", command.name, "\"|\"", command.name, " \"*) words=\"",
                    absl::StrJoin(FlagWords(command.flags), " "), "\" ;;\n");
  }
  absl::StrAppend(&script, "    esac\n    case $current in -*) words=\"$words ",
                  absl::StrJoin(FlagWords(GlobalFlags()), " "), " --help\" ;; esac\n  fi\n");
  return script +
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\ncomplete -o default "
         "-F _kvctl kvctl\n";
}

std::string FishQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string FishFlags(const std::vector<FlagSpec>& flags, const std::string& condition) {
  std::string lines;
  for (const FlagSpec& flag : flags) {
    if (flag.hidden) continue;
    absl::StrAppend(&lines, "complete -c kvctl", condition, " -l ", flag.name);
    if (!flag.short_name.empty()) absl::StrAppend(&lines, " -s ", flag.short_name);
    if (flag.kind != FlagSpec::Kind::kBool) lines += " -r";
    if (!flag.choices.empty()) {
      absl::StrAppend(&lines, " -f -a ", FishQuoted(absl::StrJoin(flag.choices, " ")));
    }
    absl::StrAppend(&lines, " -d ", FishQuoted(flag.help), "\n");
  }
  return lines;
}

// Prints the words before the cursor that are neither flags nor their values; behind a program, of
// which kvctl knows nothing, what is no command.
std::string FishNameFunction() {
  return absl::StrCat(R"text(function __kvctl_name
    set -l name
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case '--'
                set name //
                break
            case )text",
                      absl::StrJoin(FlagWordsWithValue(), " "), R"text(
                set skip 1
            case '-*'
            case '*'
                set -a name $word
        end
    end
    echo "$name"
end
)text");
}

std::string FishScript() {
  std::string script = "# kvctl's completion for fish: kvctl completion fish | source\n";
  absl::StrAppend(&script, FishNameFunction(), FishFlags(GlobalFlags(), ""));
  const auto offer = [&script](const std::string& name) {
    absl::StrAppend(&script, "complete -c kvctl -f -n ",
                    FishQuoted(absl::StrCat("test (__kvctl_name) = '", name, "'")), " -a ",
                    FishQuoted(absl::StrJoin(NextWords(name), " ")), "\n");
  };
  offer("");
  for (const std::string& group : Groups()) offer(group);
  for (const Command& command : AllCommands()) {
    const std::string is_it =
        absl::StrCat("__kvctl_name | string match -qr '^", command.name, "( |$)'");
    script += FishFlags(command.flags, " -n " + FishQuoted(is_it));
  }
  return script;
}

ExitCode RunCompletion(Invocation& invocation) {
  const std::string& shell = invocation.arguments()[0];
  if (shell == "bash") {
    invocation.out() << BashScript();
  } else if (shell == "zsh") {
    invocation.out() << "# kvctl's completion for zsh: eval \"$(kvctl completion zsh)\"\n"
                     << "autoload -U +X bashcompinit && bashcompinit\n"
                     << BashScript();
  } else if (shell == "fish") {
    invocation.out() << FishScript();
  } else {
    return invocation.Misused("completion \"" + shell + "\": give bash, zsh or fish");
  }
  return kOk;
}

}  // namespace

std::vector<Command> CompletionCommands() {
  return {{.name = "completion",
           .arguments = "bash|zsh|fish",
           .summary = "Print what a shell needs to complete kvctl's command line",
           .details = "Commands, flags and the values of flags that have few.\n",
           .examples = R"text(  eval "$(kvctl completion bash)"              in ~/.bashrc
  eval "$(kvctl completion zsh)"               in ~/.zshrc
  kvctl completion fish | source               in ~/.config/fish/config.fish
)text",
           .min_arguments = 1,
           .max_arguments = 1,
           .run = RunCompletion}};
}

}  // namespace keelson::kvctl
