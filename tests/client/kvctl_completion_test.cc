// The completion that kvctl prints, run by the real shells; zsh and fish where they are installed.
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/client/kvctl_run.h"
#include "tests/harness/process.h"
#include "tests/harness/temp_dir.h"

namespace keelson::kvctl {
namespace {

using keelson::testing::CommandResult;
using keelson::testing::RunCommand;
using keelson::testing::TempDir;
using Words = std::vector<std::string>;

std::string ScriptFor(const std::string& shell) {
  const Ran script = RunWith({"completion", shell});
  EXPECT_EQ(script.code, kOk);
  return script.out;
}

// What bash offers at the end of `line`, sorted by it.
std::vector<std::string> Offered(const std::string& line) {
  std::vector<std::string> words;
  for (const auto word : absl::StrSplit(line, ' ')) words.push_back(absl::StrCat("'", word, "'"));
  const auto bash =
      RunCommand({"bash", "-c",
                  absl::StrCat(ScriptFor("bash"), "\nCOMP_WORDS=(", absl::StrJoin(words, " "),
                               ")\nCOMP_CWORD=", words.size() - 1,
                               "\n_kvctl\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")});
  EXPECT_EQ(bash.exit_code, 0) << bash.err;
  EXPECT_EQ(bash.err, "");
  return absl::StrSplit(bash.out, '\n', absl::SkipEmpty());
}

TEST(CompletionTest, CommandsGroupsFlagsAndValuesAreOffered) {
  EXPECT_EQ(Offered("kvctl ge"), (Words{"get"}));
  EXPECT_EQ(Offered("kvctl lease "),
            (Words{"grant", "keep-alive", "list", "revoke", "timetolive"}));
  EXPECT_EQ(Offered("kvctl get key --print"), (Words{"--print-value-only"}));
  EXPECT_EQ(Offered("kvctl --endpoints a:1 lease revo"), (Words{"revoke"}));
  EXPECT_EQ(Offered("kvctl lease timetolive 12 --ke"), (Words{"--keys"}));
  EXPECT_EQ(Offered("kvctl get -o "), (Words{"table", "json", "yaml", "simple", "fields"}));
  EXPECT_EQ(Offered("kvctl get -o j"), (Words{"json"}));
  EXPECT_EQ(Offered("kvctl check perf --load x"), (Words{"xl"}));
  EXPECT_EQ(Offered("kvctl get --prefix --endp"), (Words{"--endpoints"}));
  EXPECT_EQ(Offered("kvctl get --rev "), Words{});
  EXPECT_EQ(Offered("kvctl lock name -- "), Words{});
}

class InstalledShellTest : public ::testing::Test {
 protected:
  // Skips without it; else writes its script into a file, which the shell takes for right.
  void Use(const std::string& shell, const std::string& check) {
    shell_ = shell;
    if (RunCommand({"sh", "-c", "command -v " + shell}).exit_code != 0) {
      GTEST_SKIP() << shell << " is not installed (apt-get install " << shell << ")";
    }
    file_ = absl::StrCat(directory_.path(), "/kvctl.", shell);
    std::ofstream(file_) << ScriptFor(shell);
    const auto checked = Run({shell, check, file_});
    EXPECT_EQ(checked.exit_code, 0) << checked.err;
    EXPECT_EQ(checked.err, "");
  }
  CommandResult Run(const std::vector<std::string>& command) {
    return RunCommand(command, {.environment = {"HOME=" + directory_.path(), "TERM=dumb"}});
  }

  const TempDir directory_;
  std::string shell_;
  std::string file_;
};

TEST_F(InstalledShellTest, Fish) {
  Use("fish", "--no-execute");
  if (IsSkipped()) return;
  const auto offered = [this](const std::string& line) {
    // In a place of its own: where kvctl has nothing to offer, fish does files.
    const auto fish = Run(
        {"fish", "--no-config", "-c",
         absl::StrCat("cd ", directory_.path(), "; source ", file_, "; complete -C '", line, "'")});
    EXPECT_EQ(fish.exit_code, 0) << fish.err;
    Words words;
    // Each with what it is for, behind a tab.
    for (const auto one : absl::StrSplit(fish.out, '\n', absl::SkipEmpty())) {
      words.emplace_back(one.substr(0, one.find('\t')));
    }
    return words;
  };
  EXPECT_EQ(offered("kvctl ge"), (Words{"get"}));
  EXPECT_EQ(offered("kvctl lease "),
            (Words{"grant", "keep-alive", "list", "revoke", "timetolive"}));
  EXPECT_EQ(offered("kvctl lease revoke gra"), Words{});
  EXPECT_EQ(offered("kvctl get key --print"), (Words{"--print-value-only"}));
  EXPECT_EQ(offered("kvctl --endpoints a:1 lease revo"), (Words{"revoke"}));
  EXPECT_EQ(offered("kvctl lease timetolive 12 --ke"), (Words{"--keys"}));
  EXPECT_EQ(offered("kvctl get -o j"), (Words{"json"}));
  EXPECT_EQ(offered("kvctl check datascale --load x"), (Words{"xl"}));
  EXPECT_EQ(offered("kvctl lock name -- lea"), Words{});
}

TEST_F(InstalledShellTest, Zsh) {
  Use("zsh", "-n");
  if (IsSkipped()) return;
  // Types into a shell on a terminal of its own, where kvctl tells what it was called with.
  const std::string program = absl::StrCat(R"(
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "autoload -U compinit; compinit -u -D; source )",
                                           file_, R"("
zpty -w shell 'kvctl() { print -r -- "called [$*]" }; print "rea""dy"'
zpty -r shell text '*ready*'
for line in 'kvctl lease gr' 'kvctl get -o j' 'kvctl --endpoints a:1 get key --print'; do
  zpty -w -n shell "$line"$'\t\n'
  zpty -r shell text '*called \[*\]*'
  print -r -- "${${text##*called \[}%%\]*}"
done
)");
  const auto zsh = Run({"zsh", "-f", "-c", program});
  EXPECT_EQ(zsh.exit_code, 0) << zsh.err;
  EXPECT_EQ(zsh.out, "lease grant\nget -o json\n--endpoints a:1 get key --print-value-only\n");
}

TEST(CompletionTest, EveryCommandIsThereForEachShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran script = RunWith({"completion", shell});
    EXPECT_EQ(script.code, kOk);
    for (const Command& command : AllCommands()) {
      const Words words = absl::StrSplit(command.name, ' ');
      EXPECT_NE(script.out.find(words.back()), std::string::npos) << shell << command.name;
    }
  }
  EXPECT_EQ(RunWith({"completion", "csh"}).code, kUsage);
}

}  // namespace
}  // namespace keelson::kvctl
